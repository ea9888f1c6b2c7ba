"""What a dialect can say of a class table, the rows that it gets of one, and what is lost on the way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from labelprep.class_rows import IGNORE_INDEX, RGB, ClassRow, IgnoredClass, SegClass, voc_colormap
from labelprep.classes import ClassTable
from labelprep.formats.tables.text import RawTable

_SHOWN = 12  # names in one message


@dataclass(frozen=True)
class Says:
    """What a dialect has words for.

    Attributes:
        colors: none; one a class; one or none; or any number.
        ids: the place of a class among the others; its place counted from 1, 0 being ignored; its first id in source
            masks; or all of them.
        ignored: ignored classes are marked as such, stand among the others, become one label, are told by their ids
            alone, or are left out.
        names: whether classes have names.
    """

    colors: Literal["none", "one", "maybe", "all"]
    ids: Literal["place", "from-1", "first", "all"] = "place"
    ignored: Literal["marked", "kept", "joined", "ids", "out"] = "kept"
    names: bool = True


@dataclass(frozen=True)
class Loss:
    """Something that a dialect cannot say of a table.

    Attributes:
        what: a short stable word.
        message: the same for people.
        classes: names of the classes that it concerns.
    """

    what: str
    message: str
    classes: tuple[str, ...]


def rows_for(table: ClassTable, says: Says) -> RawTable:
    """The rows that a dialect writes of a table: kept classes in id order, then what stays of the ignored ones.

    With all ids, further ones come as rows named `class (id)` that are merged into their class.
    """
    moved = _is_moved(table, says)
    paints = _paints(table)
    rows = [
        ClassRow(c.name, _colors(c.colors, paints[c.id], says), _id(c.source_ids, c.id, moved)) for c in table.classes
    ]
    if says.ids == "all":
        rows += [
            ClassRow(f"{c.name} ({value})", id=value, merge_into=c.name)
            for c in table.classes
            for value in c.source_ids[1:]
        ]
    rows += _ignored_rows(table, says, moved=moved)
    is_new = any(c.source_ids[:1] != (c.id,) for c in table.classes)
    return RawTable(tuple(rows), table.source, renumber=says.ids == "all" and is_new)


def _ignored_rows(table: ClassTable, says: Says, *, moved: bool) -> Iterator[ClassRow]:
    if says.ignored == "joined" and table.ignored:
        yield ClassRow("ignore", id=len(table), ignore=True)
    if says.ignored == "ids":
        yield from (ClassRow(f"value {v}", id=v, ignore=True) for c in table.ignored for v in c.source_ids)
    if says.ignored not in ("marked", "kept"):
        return
    last = max([len(table) - 1, *(v for c in _every(table) for v in c.source_ids)])
    for c in table.ignored:
        if says.colors == "one" and not c.colors:
            continue
        last += not c.source_ids
        class_id = (c.source_ids or ((last,) if says.ids == "first" else (None,)))[0] if moved else None
        colors = c.colors if says.colors == "all" else c.colors[: says.colors != "none"]
        yield ClassRow(c.name, colors, class_id, ignore=says.ignored == "marked")


def _id(values: tuple[int, ...], place: int, moved: bool) -> int | None:
    return (values[0] if values else place) if moved else None


def _is_moved(table: ClassTable, says: Says) -> bool:
    """Whether ids have to be written: always by those that say all, else where the place does not tell them."""
    if says.ids == "all":
        return any(c.source_ids for c in _every(table))
    return says.ids == "first" and bool(_elsewhere(table, says))


def _elsewhere(table: ClassTable, says: Says) -> list[str]:
    """Names of the classes whose first id in source masks is not the one that their place tells."""
    written = [c for c in table.ignored if says.ignored in ("marked", "kept") and (c.colors or says.colors != "one")]
    start = 1 if says.ids == "from-1" else 0
    placed: Iterable[tuple[int, SegClass | IgnoredClass]] = enumerate((*table.classes, *written), start)
    return [c.name for place, c in placed if c.source_ids[:1] not in ((), (place,))]


def _every(table: ClassTable, says: Says | None = None) -> tuple[SegClass | IgnoredClass, ...]:
    """Kept and ignored classes; with `says` those that stay classes of their own."""
    stays = says is None or says.ignored in ("marked", "kept")
    return (*table.classes, *(table.ignored if stays else ()))


def _colors(colors: tuple[RGB, ...], paint: RGB, says: Says) -> tuple[RGB, ...]:
    if says.colors == "none" or (not colors and says.colors != "one"):
        return ()
    return (paint, *(c for c in colors if c != paint and says.colors == "all"))


def _paints(table: ClassTable) -> tuple[RGB, ...]:
    """The colour of every class as a dialect with one colour a class writes it: its own, and nobody else's."""
    taken = set(table.color_ids)
    paints: list[RGB] = []
    for c in table.classes:
        paint = c.color
        if c.colors:
            paint = c.color if c.color in c.colors else c.colors[0]
        elif c.color in taken:
            paint = _free_color(c, taken)
        taken.add(paint)
        paints.append(paint)
    return tuple(paints)


def _free_color(c: SegClass, taken: Iterable[RGB]) -> RGB:
    found: list[RGB] = [(r, g, b) for r, g, b in voc_colormap().tolist()]
    around = (found[(c.id + step) % IGNORE_INDEX] for step in range(IGNORE_INDEX))
    return next((color for color in around if color not in taken), c.color)


def losses(table: ClassTable, says: Says) -> tuple[Loss, ...]:
    """All that a dialect cannot say of a table; nothing where it says everything."""
    found = [
        *_lost_names(table, says),
        *_lost_ignored(table, says),
        *_lost_colors(table, says),
        *_lost_ids(table, says),
    ]
    return tuple(Loss(what, message.format(_listed(names)), tuple(names)) for what, message, names in found if names)


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f", … ({len(names) - _SHOWN} more)" if len(names) > _SHOWN else "")


Found = Iterator[tuple[str, str, list[str]]]


def _lost_names(table: ClassTable, says: Says) -> Found:
    if not says.names:
        yield "names", "the names {}", [c.name for c in _every(table)]


def _lost_ignored(table: ClassTable, says: Says) -> Found:
    names = [c.name for c in table.ignored if not _comes_back(c, table, says)]
    if says.ignored == "kept":
        by_id = says.ids == "first" and len(table) < IGNORE_INDEX  # whose id is 255 is ignored without a word
        told = [c.name for c in table.ignored if by_id and c.source_ids[:1] == (IGNORE_INDEX,) and c.colors]
        yield "ignored", "which classes are ignored (--ignore NAME): {}", [name for name in names if name not in told]
    elif says.ignored == "out":
        yield "left-out", "ignored classes, whose pixels are to hold 255: {}", names
    elif says.ignored == "joined":
        yield (
            "joined",
            f"that these are ignored classes of their own (they become one label, {len(table)}): {{}}",
            names,
        )
    elif says.ignored == "ids":
        yield "left-out", "names and colours of ignored classes: {}", names
    if says.colors == "one" and says.ignored in ("marked", "kept"):
        yield (
            "colorless",
            "ignored classes without a colour of their own: {}",
            [c.name for c in table.ignored if not c.colors],
        )


def _comes_back(c: IgnoredClass, table: ClassTable, says: Says) -> bool:
    """Whether an ignored class is what the dialect's reader makes of one anyway."""
    if says.ignored == "joined":
        return table.ignored == (IgnoredClass("ignore", (), (len(table),)),)
    as_read = {
        "ids": [(f"value {v}", (v,)) for v in c.source_ids],
        "out": [("other", (0,))] if says.ids == "from-1" else [],
    }
    return not c.colors and (c.name, c.source_ids) in as_read.get(says.ignored, ())


def _lost_colors(table: ClassTable, says: Says) -> Found:
    if says.colors == "none":
        own = voc_colormap().tolist()
        with_colors = [c.name for c in table.classes if c.colors or (c.id < 255 and list(c.color) != own[c.id])]
        yield "colors", "colours (where they are needed, the VOC palette is taken) of {}", with_colors
        return
    if says.colors != "all":
        yield "aliases", "further colours of {}", [c.name for c in _every(table, says) if len(c.colors) > 1]
    if says.colors == "one":
        bare = [c.name for c in table.classes if not c.colors]
        yield "painted", "which classes have no colour (the painted one is written): {}", bare
    for c in table.classes:
        if c.color not in c.colors and table.color_ids.get(c.color, c.id) != c.id:
            yield "paint", f"{{}} is painted {c.color}, but that is not a colour it is read from", [c.name]


def _lost_ids(table: ClassTable, says: Says) -> Found:
    if says.ids != "all":
        yield "further-ids", "further ids of {}", [c.name for c in _every(table, says) if len(c.source_ids) > 1]
    if says.ids == "first" and _is_moved(table, says):
        # an ignored class that is read as a kept one may leave a gap too
        kept = [row for row in rows_for(table, says).rows if not row.ignore and row.id != IGNORE_INDEX]
        if any(row.id != place for place, row in enumerate(sorted(kept, key=lambda row: row.id or 0))):
            yield "renumbered", "that ids are numbered anew (--renumber)", _elsewhere(table, says)
    elif says.ids == "place":
        yield "ids", "ids in source masks of {}", _elsewhere(table, says)
    elif says.ids == "from-1":
        yield "ids", "ids in source masks (1, 2, … are written, and 0 is ignored) of {}", _elsewhere(table, says)

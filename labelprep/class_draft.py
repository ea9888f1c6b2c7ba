"""From the rows of somebody's class table to kept classes: ids, merges, maps, shared colours.

`resolve` is the one place that decides which row's pixels go where; `classes.ClassTable` is what comes out.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from typing import get_args

from labelprep.class_rows import (
    IGNORE_INDEX,
    IGNORE_INDEX_16,
    RGB,
    ClassRow,
    DuplicateColor,
    IgnoredClass,
    SegClass,
    voc_colormap,
)
from labelprep.errors import ClassTableError
from labelprep.nearest import did_you_mean

IGNORED = -1  # where a row leads when its pixels are ignored


def resolve(
    rows: Sequence[ClassRow],
    *,
    source: str,
    ignore: Iterable[str] = (),
    maps: Iterable[tuple[str, str]] = (),
    on_duplicate_color: DuplicateColor = "error",
    renumber: bool = False,
    index_output: bool = False,
) -> tuple[tuple[SegClass, ...], tuple[IgnoredClass, ...], tuple[str, ...]]:
    """Kept classes in id order, ignored classes, and notes on what was decided on request.

    The arguments are those of `ClassTable.build`.

    Raises:
        ClassTableError: with file and line of every problem and the choices there are.
    """
    if on_duplicate_color not in get_args(DuplicateColor):
        known = ", ".join(get_args(DuplicateColor))
        message = f"on_duplicate_color: expected one of {known}, got {on_duplicate_color!r}"
        raise ClassTableError(message, path=source)
    draft = _Draft(rows, source)
    draft.check_rows(index_output=index_output)
    draft.ignore(ignore)
    draft.merge()
    draft.map(maps)
    draft.share_colors(on_duplicate_color)
    ids = draft.number(renumber=renumber, index_output=index_output)
    if draft.problems:
        raise ClassTableError("\n".join(draft.problems), path=source, hint=draft.hint)
    kept, ignored = draft.finish(ids)
    return kept, ignored, tuple(draft.notes)


class _Draft:
    """Rows on their way to a table: `target[i]` is the row that takes row i's pixels, or IGNORED."""

    def __init__(self, rows: Sequence[ClassRow], source: str) -> None:
        self.rows = list(rows)
        self.source = source
        self.problems: list[str] = []
        self.notes: list[str] = []
        self.hint: str | None = None
        self.target = list(range(len(self.rows)))
        self.given_ids = any(r.id is not None for r in self.rows)
        self.values = [r.id if self.given_ids else i for i, r in enumerate(self.rows)]  # source ids
        self.by_name = {r.name: i for i, r in reversed(list(enumerate(self.rows)))}
        self.by_value = {v: i for i, v in reversed(list(enumerate(self.values))) if v is not None}
        self.extra_values: dict[int, int] = {}  # source ids that no row has, from --map

    def at(self, i: int) -> str:
        line = self.rows[i].line
        return f"{self.source}:{line}" if line else f"{self.source}, class {self.rows[i].name!r}"

    def check_rows(self, *, index_output: bool) -> None:
        if not self.rows:
            self.problems.append(f"{self.source}: no classes in it")
        for i, row in enumerate(self.rows):
            for color in row.colors:
                if len(color) != 3 or not all(0 <= v <= 255 for v in color):
                    self.problems.append(f"{self.at(i)}: colour {color} is out of range; expected three values 0..255")
            first = self.by_name[row.name]
            if first != i:
                self.problems.append(
                    f"{self.at(i)}: the name {row.name!r} stands for two classes, first at {self.at(first)}"
                )
            if self.given_ids and row.id is None and not row.ignore and row.merge_into is None:
                self.problems.append(
                    f"{self.at(i)}: {row.name!r} has no id, other rows have; give every row one, or none"
                )
            elif row.id is not None and (first := self.by_value[row.id]) != i:
                self.problems.append(f"{self.at(i)}: id {row.id} is given twice, first at {self.at(first)}")
            void = row.id == IGNORE_INDEX and len(self.rows) <= (IGNORE_INDEX if index_output else IGNORE_INDEX + 1)
            if row.ignore or void:
                self.target[i] = IGNORED

    def ignore(self, names: Iterable[str]) -> None:
        for name in names:
            i = self._find(name, f"{self.source}: --ignore")
            if i is not None:
                self.target[i] = IGNORED

    def _find(self, name: str, where: str) -> int | None:
        if name in self.by_name:
            return self.by_name[name]
        folded = [i for i, r in enumerate(self.rows) if r.name.casefold() == name.casefold()]
        if len(folded) == 1:
            return folded[0]
        known = ", ".join(r.name for r in self.rows[:12]) + (", …" if len(self.rows) > 12 else "")
        self.problems.append(f"{where}: no class named {name!r}{did_you_mean(name, self.by_name)} (classes: {known})")
        return None

    def merge(self) -> None:
        into = list(self.target)
        for i, row in enumerate(self.rows):
            if row.merge_into is not None and into[i] == i:
                j = self._find(row.merge_into, f"{self.at(i)}: merge_into")
                into[i] = i if j is None else j
                if j == i:
                    self.problems.append(f"{self.at(i)}: {row.name!r} is merged into itself")
        for i in range(len(into)):
            seen = [i]
            while (j := into[seen[-1]]) not in (IGNORED, seen[-1]):
                if j in seen:
                    names = " -> ".join(repr(self.rows[k].name) for k in (*seen, j))
                    self.problems.append(f"{self.at(i)}: merge_into goes round in a circle: {names}")
                    break
                seen.append(j)
            self.target[i] = IGNORED if j == IGNORED else seen[-1]

    def map(self, maps: Iterable[tuple[str, str]]) -> None:
        before = list(self.target)
        mapped: dict[int, str] = {}
        for source, destination in maps:
            to = self._destination(destination, before)
            i: int | None
            if source not in self.by_name and _is_int(source) and int(source) not in self.by_value:
                if to is not None and self.extra_values.setdefault(int(source), to) != to:
                    self.problems.append(f"{self.source}: --map: {source} is mapped twice, to different classes")
                continue
            i = self.by_value[int(source)] if self._names_id(source) else self._find(source, f"{self.source}: --map")
            if to is None or i is None:
                continue
            if mapped.setdefault(i, destination) != destination:
                self.problems.append(
                    f"{self.source}: --map: {self.rows[i].name!r} is mapped twice, to {mapped[i]!r} and {destination!r}"
                )
            self.target[i] = to

    def _names_id(self, text: str) -> bool:
        return text not in self.by_name and _is_int(text)

    def _destination(self, text: str, before: list[int]) -> int | None:
        if text not in self.by_name:
            if text == "ignore" or (_is_int(text) and int(text) == IGNORE_INDEX and IGNORE_INDEX not in self.by_value):
                return IGNORED
            if _is_int(text):
                if int(text) in self.by_value:
                    return before[self.by_value[int(text)]]
                self.problems.append(f"{self.source}: --map: no class with id {text}; ids are {self._ids()}")
                return None
        i = self._find(text, f"{self.source}: --map")
        return None if i is None else before[i]

    def _ids(self) -> str:
        return ", ".join(str(v) for v in list(self.by_value)[::-1][:12]) + (", …" if len(self.by_value) > 12 else "")

    def share_colors(self, policy: DuplicateColor) -> None:
        """One colour, two classes: an error with a choice, never last-wins."""
        owner: dict[RGB, int] = {}
        disputed: set[RGB] = set()
        for i, row in enumerate(self.rows):
            for color in dict.fromkeys(row.colors):
                j = owner.setdefault(color, i)
                if self.target[j] == self.target[i]:
                    continue
                both = f"{self.rows[j].name!r} and {row.name!r} share the colour {color}"
                if policy == "error":
                    self.problems.append(f"{self.at(i)}: {both}, first at {self.at(j)}")
                    self.hint = (
                        "choose --on-duplicate-color first (the first class keeps the colour), "
                        "merge (the classes become one) or ignore (its pixels are ignored)"
                    )
                elif policy == "merge":
                    self._join(i, j)
                    self.notes.append(f"{both}: merged into {self.rows[j].name!r}")
                elif policy == "first":
                    self.notes.append(f"{both}: read as {self.rows[j].name!r}")
                else:
                    disputed.add(color)
                    self.notes.append(f"{both}: its pixels are ignored")
        self.owner = owner
        self.disputed = disputed

    def _join(self, later: int, first: int) -> None:
        whole = [i for i, t in enumerate(self.target) if t == self.target[later] != IGNORED]
        for i in {later, *whole}:
            self.target[i] = self.target[first]

    def number(self, *, renumber: bool, index_output: bool) -> dict[int, int]:
        """Row of every kept class -> its final id."""
        taken = {*self.target, *self.extra_values.values()}
        kept = [i for i in range(len(self.rows)) if i in taken]
        limit = IGNORE_INDEX_16 if index_output else IGNORE_INDEX
        if not kept and self.rows:
            self.problems.append(f"{self.source}: every class is ignored; nothing is left to train on")
        if len(kept) > limit:
            way = "" if index_output else "; write 16-bit index masks instead: --mask-mode index"
            self.problems.append(f"{self.source}: {len(kept)} classes; at most {limit} fit{way}")
        values = [v for i in kept if (v := self.values[i]) is not None]
        if not self.given_ids or renumber or len(values) < len(kept):
            return {row: n for n, row in enumerate(kept)}
        if sorted(values) != list(range(len(kept))):
            self.problems.append(self._gap(kept, values))
        return dict(zip(kept, values, strict=True))

    def _gap(self, kept: list[int], values: list[int]) -> str:
        """Why the given ids cannot stay, and the ways out."""
        shown = [f"{v}->{n} {self.rows[i].name}" for n, (i, v) in enumerate(zip(kept, values, strict=True))]
        show = ", ".join(shown[:40]) + (", …" if len(shown) > 40 else "")
        below = [i for i, v in zip(kept, values, strict=True) if v < 0]
        rest = sorted(v for v in values if v >= 0)
        way = ""
        if below and rest == list(range(len(rest))):
            names = " ".join(f"--ignore {shlex.quote(self.rows[i].name)}" for i in below)
            way = f"no pixel holds an id below 0, and {names} leaves 0..{len(rest) - 1} as they are; or "
        return (
            f"{self.source}: the kept ids are not 0..{len(kept) - 1}; {way}accept the renumbering with "
            f"--renumber (`renumber: true` in a spec or a YAML class table): {show}"
        )

    def finish(self, ids: dict[int, int]) -> tuple[tuple[SegClass, ...], tuple[IgnoredClass, ...]]:
        colors: dict[int, list[RGB]] = {i: [] for i in range(len(self.rows))}
        for color, owner in self.owner.items():
            if color not in self.disputed:
                colors[owner].append(color)
        own = {i: [c for c in self.rows[i].colors if c in colors[i]] or list(self.rows[i].colors) for i in ids}
        taken = {c for some in own.values() for c in some[:1]}
        members = self._members(ids)
        kept = []
        for row, class_id in sorted(ids.items(), key=lambda pair: pair[1]):
            values = [v for i in members[row] if (v := self.values[i]) is not None]
            values += [v for v, t in self.extra_values.items() if t == row]
            sources = tuple(c for i in members[row] for c in colors[i])
            paint = next(iter((*own[row], *sources)), None) or _free_color(class_id, taken)
            taken.add(paint)
            kept.append(SegClass(class_id, self.rows[row].name, paint, sources, tuple(values)))
        ignored = [
            IgnoredClass(r.name, tuple(colors[i]), () if (v := self.values[i]) is None else (v,))
            for i, r in enumerate(self.rows)
            if self.target[i] == IGNORED
        ]
        ignored += [IgnoredClass(f"shared colour {c}", (c,), ()) for c in sorted(self.disputed)]
        ignored += [IgnoredClass(f"value {v}", (), (v,)) for v, t in self.extra_values.items() if t == IGNORED]
        return tuple(kept), tuple(ignored)

    def _members(self, kept: Iterable[int]) -> dict[int, list[int]]:
        """Row of every kept class -> the rows whose pixels it takes, its own first."""
        members: dict[int, list[int]] = {row: [] for row in kept}
        for i, target in enumerate(self.target):
            if target != IGNORED:
                members[target].append(i)
        return {row: sorted(some, key=row.__ne__) for row, some in members.items()}


def _free_color(class_id: int, taken: set[RGB]) -> RGB:
    """The VOC colour of an id, or the next one that no class is painted with."""
    colors = voc_colormap()
    around = (_rgb(colors[(class_id + step) % IGNORE_INDEX].tolist()) for step in range(IGNORE_INDEX))
    return next((c for c in around if c not in taken), _rgb(colors[class_id % 256].tolist()))


def _is_int(text: str) -> bool:
    return text.removeprefix("-").isdecimal()


def _rgb(values: Sequence[int]) -> RGB:
    r, g, b = values
    return (r, g, b)

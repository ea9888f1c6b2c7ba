"""What the pixels of one decoded mask mean: red first or blue first, indices or colours, alpha or not.

Every choice is made per file and reported. What cannot be told is never guessed: it waits for the rest of
the set (`undecided`), or becomes an error that names the option to choose with.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from labelprep.classes import ClassTable
from labelprep.findings import Finding
from labelprep.steps.coded import Coded, encode
from labelprep.steps.decoded import Decoded, pack, swap
from labelprep.steps.index import counts_by_class
from labelprep.steps.labels import read_labels, unseen_labels
from labelprep.steps.look_up import COLORS, UNKNOWN, VALUES, Book, Order, Reading, color_book, swapped, value_book

Tie = Literal["wait", "rgb", "bgr", "error"]


@dataclass(frozen=True)
class Habits:
    """How to read masks; the words of the command line.

    Attributes:
        color_order: `auto`, `rgb` or `bgr`.
        palette_meaning: `auto`, `index` or `colour`.
        alpha: `error` or `ignore`.
        on_unknown: `error`, `ignore`, `nearest:N` or `map:NAME`.
        tie: what a mask does that fits both colour orders: `wait` for the others, read as `rgb` or `bgr`,
            or be an `error`.
    """

    color_order: str = "auto"
    palette_meaning: str = "auto"
    alpha: str = "error"
    on_unknown: str = "error"
    tie: Tie = "wait"


@dataclass(frozen=True, eq=False)
class Meaning:
    """What was understood of one mask.

    Attributes:
        reading: every run looked up, or None where the mask cannot be read.
        findings: what was seen on the way.
        vote: the colour order that this mask decides, or None where both give the same.
        undecided: the mask fits both orders and waits for the others.
    """

    reading: Reading | None
    findings: tuple[Finding, ...] = ()
    vote: Order | None = None
    undecided: bool = False


def understand(decoded: Decoded, table: ClassTable, habits: Habits) -> Meaning:
    """Decides what the pixels of a decoded mask mean, and looks them up.

    Args:
        decoded: the mask.
        table: the class table.
        habits: how to read it.
    """
    if decoded.kind == "labels":
        reading, told = read_labels(decoded.coded, decoded.labels, decoded.format, table)
        return Meaning(reading, (*told, *unseen_labels(decoded.labels, decoded.coded, decoded.format, table)))
    findings = transparency(decoded, habits)
    if any(f.severity == "error" for f in findings):
        return Meaning(None, findings)
    clear = decoded.alpha == 0 if decoded.alpha is not None and habits.alpha == "ignore" else None
    if decoded.kind == "rgb":
        found = _understand_rgb(_without(decoded, clear, COLORS), decoded, table, habits)
    else:
        found = _understand_indexed(_without(decoded, clear, VALUES), decoded, table, habits)
    return replace(found, findings=(*findings, *found.findings)) if findings else found


def _without(decoded: Decoded, clear: NDArray[np.bool_] | None, marker: int) -> Coded:
    """The mask with its clear pixels replaced by the value that stands for "no label here"."""
    if clear is None:
        return decoded.coded
    return encode(np.where(clear, np.uint32(marker), decoded.pixels))


def transparency(decoded: Decoded, habits: Habits) -> tuple[Finding, ...]:
    """Findings about the alpha channel."""
    if decoded.alpha is None:
        return ()
    clear = int((decoded.alpha == 0).sum())
    some = int((decoded.alpha < 255).sum())
    if habits.alpha == "ignore":
        half = f"; {some - clear:,} half transparent ones are read by their colour" if some > clear else ""
        message = f"{clear:,} pixels with alpha 0 are ignored{half}"
        return (Finding.of("ignored-transparency", message, pixels=clear),)
    y, x = divmod(int((decoded.alpha < 255).argmax()), decoded.width)
    if len(decoded.coded.used()) == 1 and decoded.kind != "palette":
        levels = np.unique(decoded.alpha)
        message = f"all pixels have one colour, but {len(levels)} levels of alpha ({levels[:6].tolist()})"
        return (Finding.of("alpha-mask", message, pixels=some, xy=(x, y)),)
    message = f"{some:,} of {decoded.alpha.size:,} pixels are transparent, {clear:,} of them wholly"
    return (Finding.of("transparent-pixels", message, pixels=some, xy=(x, y)),)


def _understand_rgb(coded: Coded, decoded: Decoded, table: ClassTable, habits: Habits) -> Meaning:
    meaning = read_colors(coded, table, habits)
    if meaning.reading is None or not meaning.reading.unknown:
        return meaning
    values = coded.values
    opaque = values != COLORS
    if not ((values & 255) * np.uint32(0x010101) == values)[opaque & (coded.pixels > 0)].all():
        return meaning
    ids = np.where(opaque, values & 255, VALUES).astype(np.uint32)
    by_index = Reading(coded.with_values(ids), value_book(table))
    if by_index.unknown > meaning.reading.unknown:
        return meaning  # gray classes and a stray gray
    message = "red, green and blue are equal everywhere; read as gray"
    found = _understand_indexed(by_index.coded, Decoded("gray", by_index.coded, decoded.format, "L"), table, habits)
    return replace(found, findings=(Finding.of("equal-channels", message, pixels=coded.total), *found.findings))


def read_colors(coded: Coded, table: ClassTable, habits: Habits) -> Meaning:
    """Reads colours in the order that fits the table."""
    book = color_book(table)
    asked = habits.color_order
    if asked != "auto":
        return Meaning(Reading(swapped(coded) if asked == "bgr" else coded, book))
    as_rgb = Reading(coded, book)
    if not as_rgb.unknown:
        return _fits_as_rgb(as_rgb, table, habits)
    as_bgr = Reading(swapped(coded), book)
    if not as_bgr.unknown:
        outside = as_rgb.unknown / coded.total
        message = f"no pixel outside the table as BGR, {outside:.1%} outside as RGB; read as BGR"
        return Meaning(as_bgr, (Finding.of("swapped-red-blue", message, pixels=coded.total),), vote="bgr")
    if 2 * as_bgr.unknown < as_rgb.unknown:
        message = f"{as_bgr.unknown:,} pixels outside the table as BGR, {as_rgb.unknown:,} as RGB; read as BGR"
        return Meaning(as_bgr, (Finding.of("swapped-red-blue", message, pixels=as_bgr.unknown),))
    return Meaning(as_rgb)


def _fits_as_rgb(as_rgb: Reading, table: ClassTable, habits: Habits) -> Meaning:
    """A mask whose colours are all in the table as RGB; as BGR they may be too, and mean something else."""
    mirrored = as_rgb.mirrored[as_rgb.used]
    if mirrored.min(initial=0) < 0:
        return Meaning(as_rgb, vote="rgb")
    if (mirrored == as_rgb.ids_of_used).all():
        return Meaning(as_rgb)
    if habits.tie == "wait":
        return Meaning(as_rgb, undecided=True)
    if habits.tie == "rgb":
        return Meaning(as_rgb)
    as_bgr = Reading(swapped(as_rgb.coded), as_rgb.book)
    shares = f"as RGB {_shares(as_rgb, table)}; as BGR {_shares(as_bgr, table)}"
    if habits.tie == "error":
        return Meaning(None, (Finding.of("ambiguous-order", f"the colours fit the table both ways: {shares}"),))
    message = f"fits both orders; read as BGR like every mask of the set that decides: {shares}"
    return Meaning(as_bgr, (Finding.of("swapped-red-blue", message),))


def _shares(reading: Reading, table: ClassTable) -> str:
    """The largest classes of a reading with their shares of all pixels."""
    counts = counts_by_class(reading, table)
    names = [*table.names, "ignored"]
    top = sorted(np.flatnonzero(counts).tolist(), key=lambda i: -counts[i])[:4]
    return ", ".join(f"{names[i]} {counts[i] / counts.sum():.1%}" for i in top)


def _understand_indexed(coded: Coded, decoded: Decoded, table: ClassTable, habits: Habits) -> Meaning:
    """Palette and gray masks: indices or colours."""
    if decoded.kind == "palette" and habits.color_order == "bgr":
        # Nobody who writes blue first writes palettes, and a palette is red first by its format: it is read so
        # unless only the other order fits.
        habits = replace(habits, color_order="auto", tie="rgb")
    palette = decoded.palette
    if palette is None:  # a gray value v stands for itself or for the colour (v, v, v)
        palette = np.repeat(np.arange(256, dtype=np.uint8), 3).reshape(256, 3)
    packed = pack(palette)
    by_index = Reading(coded, value_book(table))
    by_color = coded.with_values(_paint(coded.values, packed, table))
    choice = _choose(packed, by_index, decoded, table, habits)
    if isinstance(choice, Finding):
        return Meaning(None, (choice,))
    meaning, note = choice
    notes = () if note is None else (note,)
    if meaning == "index":
        return Meaning(by_index, notes)
    if meaning == "both" and habits.color_order == "auto":  # the indices bear witness that red comes first
        habits = replace(habits, color_order="rgb")
    found = read_colors(by_color, table, habits)
    return replace(found, findings=(*notes, *found.findings))


def _paint(values: NDArray[np.uint32], packed: NDArray[np.uint32], table: ClassTable) -> NDArray[np.uint32]:
    """The colour of each index; index 255 is ignored where its colour says nothing."""
    colors = np.full(VALUES + 1, 1, np.uint32)  # beyond the palette: a colour that no gray value has
    colors[:256] = packed
    colors[VALUES] = COLORS
    if table.source_ids.get(255) == table.ignore_index and color_book(table).look_up(packed[255:256])[0] == UNKNOWN:
        colors[255] = COLORS
    return colors[values]


def _choose(
    packed: NDArray[np.uint32],
    by_index: Reading,
    decoded: Decoded,
    table: ClassTable,
    habits: Habits,
) -> Finding | tuple[Literal["index", "colour", "both"], Finding | None]:
    """Indices or colours, by what fits the table; index 255 and ignored colours do not vote."""
    if habits.palette_meaning in ("index", "colour"):
        return ("index" if habits.palette_meaning == "index" else "colour"), None
    book = color_book(table)
    used = by_index.values()
    small = used[used < 256]
    ordinals = _fitting_order(packed[small], book, habits)
    color_ids = np.where(ordinals == UNKNOWN, -1, book.ids[ordinals])
    index_ids = value_book(table).ids_of(small)
    white = small == 255
    votes = ~white & (color_ids != table.ignore_index)
    if decoded.kind == "gray" and not by_index.unknown and white.any() and (color_ids >= 0).all():
        votes |= white  # a white that the table knows is a colour, not the ignore index
    ignored_white = white & votes
    votes |= white & (color_ids < 0) & (index_ids >= 0) & (index_ids != table.ignore_index)  # --map 255=1: an id
    colors_fit = bool((color_ids[votes] >= 0).all()) and len(small) == len(used)
    indices_fit = bool((index_ids[votes & ~ignored_white] >= 0).all()) and len(small) == len(used)
    if colors_fit and ignored_white.any():
        return "colour", None
    if colors_fit and indices_fit and (color_ids != index_ids)[votes].any():
        return _both_fit(small, color_ids, index_ids, votes, decoded, table)
    if colors_fit and votes.any():
        if not (indices_fit and (ordinals == book.look_up(packed[small])).all()):
            return "colour", None
        same = (color_ids == index_ids) | (white & (color_ids < 0)) | (white & _padded(packed, table))
        return ("index" if same.all() else "both"), None
    if indices_fit or not by_index.unknown:
        told = votes & ~white
        return "index", None if (color_ids == index_ids)[told].all() else _misfit(packed, color_ids, told, decoded)
    unknown_by_color = int(by_index.coded.pixels[np.isin(by_index.coded.values, small[color_ids < 0])].sum())
    palette = decoded.kind == "palette" and len(small) == len(used)
    return ("colour" if palette and unknown_by_color <= by_index.unknown else "index"), None


def _padded(packed: NDArray[np.uint32], table: ClassTable) -> bool:
    """Whether entry 255 repeats the colour of a class that has its own entry: filled up, and no second index of it."""
    twins = np.flatnonzero(packed[:255] == packed[255]).astype(np.uint32)
    class_id = color_book(table).ids_of(packed[255:])[0]
    return bool((value_book(table).ids_of(twins) == class_id).any())


def _fitting_order(colors: NDArray[np.uint32], book: Book, habits: Habits) -> NDArray[np.int64]:
    as_rgb, as_bgr = book.look_up(colors), book.look_up(swap(colors))
    if habits.color_order == "bgr":
        return as_bgr
    rgb_misses, bgr_misses = (as_rgb == UNKNOWN).sum(), (as_bgr == UNKNOWN).sum()
    return as_bgr if habits.color_order == "auto" and rgb_misses and not bgr_misses else as_rgb


def _both_fit(
    used: NDArray[np.uint32],
    color_ids: NDArray[np.int32],
    index_ids: NDArray[np.int32],
    votes: NDArray[np.bool_],
    decoded: Decoded,
    table: ClassTable,
) -> Finding:
    i = int(np.flatnonzero(votes & (color_ids != index_ids))[0])
    names = {c.id: c.name for c in table.classes} | {table.ignore_index: "ignored"}
    what, many = ("entry", "entries") if decoded.kind == "palette" else ("gray value", "gray values")
    message = (
        f"{int((votes & (color_ids != index_ids)).sum())} of {int(votes.sum())} used {many} mean one class by index "
        f"and another by colour: {what} {used[i]} is {names[int(index_ids[i])]!r} by index "
        f"and {names[int(color_ids[i])]!r} by colour"
    )
    return Finding.of("palette-order", message)


def _misfit(
    packed: NDArray[np.uint32], color_ids: NDArray[np.int32], votes: NDArray[np.bool_], decoded: Decoded
) -> Finding | None:
    identity = bool((packed == np.arange(256, dtype=np.uint32) * 0x010101)[: max(decoded.entries, 1)].all())
    fitting = int((color_ids[votes] >= 0).sum())
    if decoded.kind != "palette" or decoded.mode.startswith("1") or identity or not fitting:
        return None  # a 1-bit file has no palette of its own
    message = f"{fitting} of {int(votes.sum())} used palette colours are in the table; read as indices"
    return Finding.of("palette-misfit", message)

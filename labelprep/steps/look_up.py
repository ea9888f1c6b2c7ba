"""What a class table says of the values of a mask: a `Book`. A mask looked up in it, value by value: a `Reading`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from labelprep.class_rows import IGNORE_INDEX
from labelprep.classes import ClassTable
from labelprep.png.fast import Seeds
from labelprep.steps.coded import Coded
from labelprep.steps.decoded import pack, swap

Order = Literal["rgb", "bgr"]

UNKNOWN = -1  # position in the book of a value that it does not hold
COLORS = 1 << 24  # number of packed colours
VALUES = 1 << 16  # number of values of an index mask
LABELS = 1 << 25  # above every id and colour; the labels of an annotation that are unknown come behind it


@dataclass(frozen=True, eq=False)
class Book:
    """What a table says of every value that it knows.

    Attributes:
        size: COLORS, VALUES or LABELS; also the value that stands for "no label here" (transparent pixels).
        keys: (K,) uint32, sorted: the known values, packed colours or values of index masks.
        ids: (K,) int32, the id that each means, the ignore index included.
    """

    size: int
    keys: NDArray[np.uint32]
    ids: NDArray[np.int32]

    def look_up(self, values: NDArray[np.uint32]) -> NDArray[np.int64]:
        """Position in `keys` of each value (U,), UNKNOWN where the table does not hold it."""
        at = np.minimum(np.searchsorted(self.keys, values), len(self.keys) - 1)
        return np.where(self.keys[at] == values, at, UNKNOWN)

    def ids_of(self, values: NDArray[np.uint32]) -> NDArray[np.int32]:
        """The id of each value (U,), -1 where the table does not hold it."""
        return _ids_of(self, values.tobytes(), mirrored=False)


@lru_cache(maxsize=64)
def _ids_of(book: Book, stored: bytes, *, mirrored: bool) -> NDArray[np.int32]:
    """Kept, because most masks of a set hold the values of the one before."""
    values = np.frombuffer(stored, np.uint32)
    at = book.look_up(_exchanged(values) if mirrored else values)
    ids = np.where(at == UNKNOWN, np.int32(-1), book.ids[at])
    ids.setflags(write=False)
    return ids


def _book(ids: dict[int, int], size: int, table: ClassTable) -> Book:
    ids = ids | {size: table.ignore_index}
    keys = np.array(sorted(ids), np.uint32)
    return Book(size, keys, np.array([ids[key] for key in keys.tolist()], np.int32))


@lru_cache(maxsize=4)
def color_book(table: ClassTable) -> Book:
    """The table's colours, packed."""
    ids = {int(pack(np.array(color, np.uint8))): class_id for color, class_id in table.color_ids.items()}
    return _book(ids, COLORS, table)


@lru_cache(maxsize=4)
def seeds_of(table: ClassTable) -> Seeds:
    """Places for the table's colours that make codes come out as ids: class i first, the ignored colour at 255."""
    colors, taken = np.zeros(256, np.uint32), np.zeros(256, np.bool_)
    if len(table) <= IGNORE_INDEX:
        firsts = {c.id: c.colors[0] for c in table.classes if c.colors}
        if table.ignored and table.ignored[0].colors:
            firsts[table.ignore_index] = table.ignored[0].colors[0]
        for place, color in firsts.items():
            colors[place], taken[place] = pack(np.array(color, np.uint8)), True
    return Seeds(colors, taken)


@lru_cache(maxsize=4)
def value_book(table: ClassTable) -> Book:
    """The values of source index masks that the table knows."""
    return _book({v: class_id for v, class_id in table.source_ids.items() if 0 <= v < VALUES}, VALUES, table)


class Reading:
    """A mask, looked up.

    Attributes:
        coded: its values and pixels.
        book: what they were looked up in.
        ids: (U,) the id of each value, -1 where the book does not hold it.
        used: positions of the values that have pixels.
        ids_of_used: their ids, -1 where the book holds none.
        unknown: number of pixels whose value the book does not hold.
    """

    def __init__(self, coded: Coded, book: Book) -> None:
        """Looks up the values of a mask."""
        self.coded, self.book = coded, book
        self.ids = book.ids_of(coded.values)
        self.used = coded.used()
        self.ids_of_used: NDArray[np.int32] = self.ids[self.used]
        self.unknown = 0
        if self.ids_of_used.min(initial=0) < 0:
            self.unknown = int(coded.pixels[self.used[self.ids_of_used < 0]].sum())

    @cached_property
    def mirrored(self) -> NDArray[np.int32]:
        """(U,) the id that each colour would have with red and blue exchanged, -1 where the book holds none."""
        return _ids_of(self.book, self.coded.values.tobytes(), mirrored=True)

    @cached_property
    def strange(self) -> NDArray[np.bool_]:
        """(U,) the values that have pixels and are not in the book."""
        return (self.ids < 0) & (self.coded.pixels > 0)

    def values(self) -> NDArray[np.uint32]:
        """The values that have pixels, without the one for "no label here"."""
        values = self.coded.values[self.used]
        told: NDArray[np.uint32] = values[values != self.book.size]
        return told


def swapped(coded: Coded) -> Coded:
    """The same mask with red and blue exchanged."""
    return coded.with_values(_exchanged(coded.values))


def _exchanged(values: NDArray[np.uint32]) -> NDArray[np.uint32]:
    exchanged: NDArray[np.uint32] = np.where(values == COLORS, values, swap(values & np.uint32(COLORS - 1)))
    return exchanged

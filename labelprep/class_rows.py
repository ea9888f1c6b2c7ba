"""What a class table says, row by row, and what comes of it: plain values, shared by readers and `ClassTable`.

Readers in `formats` make `ClassRow`s; `class_draft.resolve` decides which row's pixels go where.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

RGB = tuple[int, int, int]
DuplicateColor = Literal["error", "first", "merge", "ignore"]

IGNORE_INDEX = 255
IGNORE_INDEX_16 = 65535


@lru_cache(maxsize=1)
def voc_colormap() -> NDArray[np.uint8]:
    """The Pascal VOC colormap, (256, 3) uint8 RGB, read-only.

    Bit j of the id's n-th octal digit goes to bit 7 - n of channel j (red 0, green 1, blue 2), as in the
    VOC development kit's `VOClabelcolormap.m`.

    >>> voc_colormap()[[1, 15, 255]].tolist()
    [[128, 0, 0], [192, 128, 128], [224, 224, 192]]
    """
    ids = np.arange(256)
    colors = np.zeros((256, 3), np.uint8)
    for digit in range(8):
        for channel in range(3):
            bit = (ids >> (3 * digit + channel)) & 1
            colors[:, channel] |= (bit << (7 - digit)).astype(np.uint8)
    colors.setflags(write=False)
    return colors


@dataclass(frozen=True)
class ClassRow:
    """One row of somebody's class table, as it was read.

    Attributes:
        name: the class's name.
        colors: RGB colours, 0..255 each; the first one is painted. Empty where the table has none.
        id: the id that the table gives, or None where the order of the rows is the id. In a table that gives
            ids, a merged or ignored row may stand without one: it has colours only.
        ignore: its pixels are ignored.
        merge_into: name of the row that takes its pixels.
        line: line in the file, from 1, for messages.
    """

    name: str
    colors: tuple[RGB, ...] = ()
    id: int | None = None
    ignore: bool = False
    merge_into: str | None = None
    line: int | None = None


@dataclass(frozen=True)
class SegClass:
    """A kept class.

    Attributes:
        id: the final id, 0..C-1.
        name: its name.
        color: the RGB colour it is painted with.
        colors: all source colours that mean it (its own, aliases, those of merged rows).
        source_ids: all values of source index masks that mean it.
    """

    id: int
    name: str
    color: RGB
    colors: tuple[RGB, ...]
    source_ids: tuple[int, ...]


@dataclass(frozen=True)
class IgnoredClass:
    """A class whose pixels become the ignore index; it gets no weight slot."""

    name: str
    colors: tuple[RGB, ...]
    source_ids: tuple[int, ...]

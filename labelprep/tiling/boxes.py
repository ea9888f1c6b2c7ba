"""Where the crops of an image lie."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

Edge = Literal["shift", "pad", "drop"]
Size = tuple[int, int]


class Box(NamedTuple):
    """A crop: its upper left corner and its size, in pixels; it may reach beyond the image where edges are padded."""

    y: int
    x: int
    height: int
    width: int


def boxes(image: Size, size: Size, stride: Size, edge: Edge = "shift") -> Iterator[Box]:
    """The crops of an image, row by row.

    Args:
        image: height and width of the image.
        size: height and width of a crop.
        stride: rows and columns from one crop to the next.
        edge: the last crop of a row or column where they do not come out even: `shift` moves it back into the image (an
            image smaller than a crop is kept whole), `pad` lets it reach beyond, `drop` leaves it out.

    >>> list(boxes((2, 5), (2, 2), (2, 2)))
    [Box(y=0, x=0, height=2, width=2), Box(y=0, x=2, height=2, width=2), Box(y=0, x=3, height=2, width=2)]
    """
    for y in _starts(image[0], size[0], stride[0], edge):
        for x in _starts(image[1], size[1], stride[1], edge):
            height, width = size if edge == "pad" else (min(size[0], image[0]), min(size[1], image[1]))
            yield Box(y, x, height, width)


def _starts(length: int, size: int, stride: int, edge: Edge) -> list[int]:
    """Where crops begin along one side."""
    if edge == "drop":
        return list(range(0, length - size + 1, stride))
    starts = list(range(0, max(length - size, 0) + 1, stride))
    if starts[-1] + size < length:
        starts.append(starts[-1] + stride if edge == "pad" else length - size)
    return [start for start in starts if start < length]

"""One scanline after the other to values of one byte a pixel, gray or palette indices, one loop for each filter.

As in `rows`, a residual of zero means "as predicted", so that runs are copied or filled. Every loop takes (raw, p, out,
row, width): the scanlines, where this one's bytes begin, the values, where this row's begin, pixels a row.
"""

from __future__ import annotations

from typing import Any

from numba import int64, uint8

from labelprep.png.compiled import compiled
from labelprep.png.packed import paeth
from labelprep.png.wide import copy, fill, next_residual


@compiled()
def up_values(raw: Any, p: Any, out: Any, row: Any, width: Any) -> None:
    """Filter Up: what is not written anew is as above."""
    end, up = p + width, row - width
    copy(out, row, up, width)
    at = next_residual(raw, p, end)
    while at < end:
        x = at - p
        out[row + x] = uint8(out[up + x] + raw[at])
        at = next_residual(raw, at + 1, end)


@compiled()
def sub_values(raw: Any, p: Any, out: Any, row: Any, width: Any) -> None:
    """Filter Sub: a run ends at the next residual."""
    end, at, left = p + width, p, uint8(0)
    while at < end:
        until = next_residual(raw, at, end)
        fill(out, row + at - p, until - at, left)
        if until < end:
            left = uint8(left + raw[until])
            out[row + until - p] = left
        at = until + 1


@compiled()
def paeth_values(raw: Any, p: Any, out: Any, row: Any, width: Any) -> None:
    """Filter Paeth: as above, as long as the left value is what the value above it is; else one by one."""
    end, up, x, until = p + width, row - width, 0, -1
    while x < width:
        if until < x:
            until = next_residual(raw, p + x, end) - p
        if x < until and (x == 0 or out[row + x - 1] == out[up + x - 1]):
            copy(out, row + x, up + x, until - x)
            x = until
            continue
        guess = out[up + x]
        if x > 0:
            guess = uint8(paeth(int64(out[row + x - 1]), int64(guess), int64(out[up + x - 1])))
        out[row + x] = uint8(guess + raw[p + x])
        x += 1


@compiled()
def mean_values(raw: Any, p: Any, out: Any, row: Any, width: Any) -> None:
    """Filter Average, one by one."""
    left = uint8(0)
    for x in range(width):
        above = out[row - width + x] if row > 0 else uint8(0)
        left = uint8(((int64(left) + int64(above)) >> 1) + raw[p + x])
        out[row + x] = left

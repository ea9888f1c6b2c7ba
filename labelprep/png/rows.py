"""One scanline after the other to ordinals of colours, one loop for each filter.

A mask is piecewise constant, and a PNG says where: a filtered byte of zero means "as predicted". So a row is kept
as ordinals (one byte a pixel, the position of its colour in a list of at most 256), and only where a residual is not
zero a colour is computed and looked up:

- filter Up: the row above is copied, and the pixels with a residual are patched;
- filter Sub: the pixels up to the next residual are filled with the left one;
- filter Paeth: as long as the left pixel is what the pixel above it is, the prediction is the pixel above, so the row
  above is copied; else the prediction is the left pixel as long as the row above is constant.

Residuals that are not zero are found 32 bytes at a time. Counts are kept as the counts of the row above plus what
changed. The colours' red, green and blue are only ever touched at edges.

Every loop takes (raw, p, out, row, width, step, opaque, book): the scanlines, where this one's bytes begin, the
ordinals, where this row's begin, pixels a row, bytes a pixel, the alpha that all colours must have, and the book of
`kernels.decode_colors`; it returns DONE or why not.
"""

from __future__ import annotations

from typing import Any

from numba import int64, uint8, uint32

from labelprep.png.compiled import compiled
from labelprep.png.packed import mean_color, paeth_color, pixels_in, residual, sum_color
from labelprep.png.wide import copy, fill, next_residual, same_until

DONE, TOO_MANY, TRANSPARENT, BAD_FILTER = 0, 1, 2, 3
EMPTY = 65535
SLOT_BITS = 10
SLOTS = 1 << SLOT_BITS  # four for each of the 256 colours there can be


@compiled()
def _enter(color: Any, position: Any, slot: Any, book: Any) -> Any:
    """Gives a colour that was not seen before the next free ordinal."""
    slots, colors, taken, first, _ = book
    for o in range(256):
        if not taken[o]:
            taken[o] = True
            colors[o] = color
            first[o] = position
            slots[slot] = o
            return int64(o)
    return int64(-TOO_MANY)


@compiled(inline="always")
def ordinal(color: Any, position: Any, opaque: Any, book: Any) -> Any:
    """The ordinal of a colour, or the negative of the status that ends the work.

    Colours lie in a table of 1024 slots, found by Fibonacci hashing (Knuth, TAOCP 3, 6.4), the next free one taken.
    """
    if color & uint32(0xFF000000) != opaque:
        return int64(-TRANSPARENT)
    slots, colors = book[0], book[1]
    slot = uint32(color * uint32(2654435769)) >> uint32(32 - SLOT_BITS)
    o = slots[slot]
    while o != EMPTY and colors[o] != color:
        slot = (slot + uint32(1)) & uint32(SLOTS - 1)
        o = slots[slot]
    return int64(o) if o != EMPTY else _enter(color, position, slot, book)


@compiled()
def up_row(raw: Any, p: Any, out: Any, row: Any, width: Any, step: Any, opaque: Any, book: Any) -> Any:
    """Filter Up: what is not written anew is as above."""
    colors, hist = book[1], book[4]
    end, up = p + width * step, row - width
    copy(out, row, up, width)
    at = next_residual(raw, p, end)
    while at < end:
        x = pixels_in(at - p, step)
        q = p + x * step
        old = out[up + x]
        o = ordinal(sum_color(colors[old], residual(raw, q, step)), row + x, opaque, book)
        if o < 0:
            return -o
        hist[old] -= 1
        hist[o] += 1
        out[row + x] = o
        at = next_residual(raw, q + step, end)
    return DONE


@compiled()
def sub_row(raw: Any, p: Any, out: Any, row: Any, width: Any, step: Any, opaque: Any, book: Any) -> Any:
    """Filter Sub: a run ends at the next residual."""
    hist = book[4]
    hist[:] = 0
    end, x, o, color = p + width * step, 0, int64(-1), uint32(0)
    while x < width:
        until = pixels_in(next_residual(raw, p + x * step, end) - p, step)
        if until > x:
            if o < 0:  # left of the first pixel all is zero
                o = ordinal(color, row, opaque, book)
                if o < 0:
                    return -o
            fill(out, row + x, until - x, uint8(o))
            hist[o] += until - x
        if until < width:
            color = sum_color(color, residual(raw, p + until * step, step))
            o = ordinal(color, row + until, opaque, book)
            if o < 0:
                return -o
            out[row + until] = o
            hist[o] += 1
        x = until + 1
    return DONE


@compiled()
def paeth_row(raw: Any, p: Any, out: Any, row: Any, width: Any, step: Any, opaque: Any, book: Any) -> Any:
    """Filter Paeth, where it can be told without colours; else pixel by pixel."""
    colors, hist = book[1], book[4]
    end, up, x, until = p + width * step, row - width, 0, -1
    while x < width:
        if until < x:
            until = pixels_in(next_residual(raw, p + x * step, end) - p, step)
        if x < until and (x == 0 or out[row + x - 1] == out[up + x - 1]):
            copy(out, row + x, up + x, until - x)
            x = until
            continue
        if x < until:
            stop = same_until(out, up + x, up + until, 1) - up
            if stop > x:
                left, above = out[row + x - 1], out[up + x]
                fill(out, row + x, stop - x, left)
                hist[above] -= stop - x
                hist[left] += stop - x
                x = stop
                continue
        color = colors[out[up + x]]
        if x > 0:
            color = paeth_color(colors[out[row + x - 1]], color, colors[out[up + x - 1]])
        if x == until:
            color = sum_color(color, residual(raw, p + x * step, step))
        o = ordinal(color, row + x, opaque, book)
        if o < 0:
            return -o
        hist[out[up + x]] -= 1
        hist[o] += 1
        out[row + x] = o
        x += 1
    return DONE


@compiled()
def plain_row(raw: Any, p: Any, out: Any, row: Any, width: Any, step: Any, opaque: Any, book: Any) -> Any:
    """Filter None: a run of one colour is bytes that equal those of the pixel before."""
    hist = book[4]
    hist[:] = 0
    end, x = p + width * step, 0
    while x < width:
        o = ordinal(residual(raw, p + x * step, step), row + x, opaque, book)
        if o < 0:
            return -o
        until = pixels_in(same_until(raw, p + (x + 1) * step, end, step) - p, step)
        fill(out, row + x, until - x, uint8(o))
        hist[o] += until - x
        x = until
    return DONE


@compiled()
def mean_row(raw: Any, p: Any, out: Any, row: Any, width: Any, step: Any, opaque: Any, book: Any) -> Any:
    """Filter Average, which encoders hardly ever choose for masks: pixel by pixel."""
    colors, hist = book[1], book[4]
    hist[:] = 0
    left, o = uint32(0), int64(-1)
    for x in range(width):
        above = colors[out[row - width + x]] if row > 0 else uint32(0)
        color = sum_color(mean_color(left, above), residual(raw, p + x * step, step))
        if color != left or o < 0:
            o = ordinal(color, row + x, opaque, book)
            if o < 0:
                return -o
            left = color
        out[row + x] = o
        hist[o] += 1
    return DONE

"""The compiled entries: filtered scanlines to ordinals of colours or to values, never to a picture of colours."""

from __future__ import annotations

from typing import Any

from numba import uint8, uint32

from labelprep.png.compiled import kernel
from labelprep.png.rows import (
    BAD_FILTER,
    DONE,
    EMPTY,
    SLOT_BITS,
    SLOTS,
    mean_row,
    paeth_row,
    plain_row,
    sub_row,
    up_row,
)
from labelprep.png.value_rows import mean_values, paeth_values, sub_values, up_values
from labelprep.png.wide import same_until

__all__ = ["DONE", "SLOTS", "decode_colors", "decode_values", "translate"]

NONE, SUB, UP, AVERAGE, PAETH = 0, 1, 2, 3, 4


@kernel
def decode_colors(raw: Any, height: Any, width: Any, step: Any, out: Any, pixels: Any, book: Any) -> Any:
    """Ordinals of the colours of an RGB or RGBA picture of 8 bits, not interlaced.

    Args:
        raw: (height * (1 + width * step),) uint8, the inflated scanlines.
        height: rows.
        width: columns.
        step: bytes a pixel, 3 or 4.
        out: (height * width,) uint8, filled with the ordinal of each pixel.
        pixels: (256,) int64, to which the pixels of each ordinal are added.
        book: (SLOTS,) uint16 to work with; colors (256,) uint32 by ordinal, alpha 255 on top where there are four
            bytes; taken (256,) bool, the ordinals in use, each of a colour of its own; first (256,) int64, the
            position of the first pixel of each colour that is entered here; and (256,) int64 to work with, zero.

    Returns:
        DONE, or why not: TOO_MANY colours, a pixel that is TRANSPARENT, or a BAD_FILTER.
    """
    opaque = uint32(0xFF000000) if step == 4 else uint32(0)
    slots, colors, taken, _, hist = book
    slots[:] = EMPTY
    for k in range(256):
        if taken[k]:
            slot = uint32(colors[k] * uint32(2654435769)) >> uint32(32 - SLOT_BITS)
            while slots[slot] != EMPTY:
                slot = (slot + uint32(1)) & uint32(SLOTS - 1)
            slots[slot] = k
    for y in range(height):
        p = y * (width * step + 1) + 1
        row = y * width
        kind = raw[p - 1]
        if y == 0 and kind == UP:  # above the first row all is zero
            kind = uint8(NONE)
        elif y == 0 and kind == PAETH:
            kind = uint8(SUB)
        if kind == UP:
            status = up_row(raw, p, out, row, width, step, opaque, book)
        elif kind == SUB:
            status = sub_row(raw, p, out, row, width, step, opaque, book)
        elif kind == PAETH:
            status = paeth_row(raw, p, out, row, width, step, opaque, book)
        elif kind == NONE:
            status = plain_row(raw, p, out, row, width, step, opaque, book)
        elif kind == AVERAGE:
            status = mean_row(raw, p, out, row, width, step, opaque, book)
        else:
            return BAD_FILTER
        if status != DONE:
            return status
        for k in range(256):
            pixels[k] += hist[k]
    return DONE


@kernel
def decode_values(raw: Any, height: Any, width: Any, out: Any, pixels: Any) -> Any:
    """The values of a gray or palette picture of 8 bits, not interlaced.

    Args:
        raw: (height * (1 + width),) uint8, the inflated scanlines.
        height: rows.
        width: columns.
        out: (height * width,) uint8, filled with the value of each pixel.
        pixels: (256,) int64, to which the pixels of each value are added.

    Returns:
        DONE or BAD_FILTER.
    """
    for y in range(height):
        p = y * (width + 1) + 1
        row, kind = y * width, raw[p - 1]
        if y == 0 and kind == UP:  # above the first row all is zero
            kind = uint8(NONE)
        elif y == 0 and kind == PAETH:
            kind = uint8(SUB)
        if kind == NONE:
            for x in range(width):
                out[row + x] = raw[p + x]
        elif kind == UP:
            up_values(raw, p, out, row, width)
        elif kind == SUB:
            sub_values(raw, p, out, row, width)
        elif kind == PAETH:
            paeth_values(raw, p, out, row, width)
        elif kind == AVERAGE:
            mean_values(raw, p, out, row, width)
        else:
            return BAD_FILTER
        x = 0
        while x < width:
            until = same_until(out, row + x + 1, row + width, 1) - row
            pixels[out[row + x]] += until - x
            x = until
    return DONE


@kernel
def translate(values: Any, table: Any, out: Any) -> None:
    """out[i] = table[values[i]] for (N,) uint8 values and a (256,) table."""
    for i in range(values.size):
        out[i] = table[values[i]]

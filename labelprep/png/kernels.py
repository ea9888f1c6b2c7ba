"""The compiled loops: filtered scanlines to ordinals of colours, without ever making a picture of colours.

A mask is piecewise constant, and a PNG says where: a filtered byte of zero means "as predicted". So a row is kept
as ordinals (one byte a pixel, the position of its colour in a list of at most 256), and only where a residual is not
zero a colour is computed and looked up:

- filter Up: the row above is copied, and the pixels with a residual are patched;
- filter Sub: the pixels up to the next residual are filled with the left one;
- filter Paeth: as long as the left pixel is what the pixel above it is, the prediction is the pixel above, so the row
  above is copied; else the prediction is the left pixel as long as the row above is constant.

Residuals that are not zero are found 32 bytes at a time. Counts are kept as the counts of the row above plus what
changed. The colours' red, green and blue are only ever touched at edges.

The intrinsics read and write bytes past numba's own checks; their callers keep inside the arrays. With
`NUMBA_BOUNDSCHECK=1` plain loops take their places, and every access is checked.

No kernel allocates, and all are compiled without numba's reference counts (`_nrt=False`): counting the arrays of a
tuple at every edge took a third of the time.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any

from llvmlite import ir
from numba import config, int64, njit, types, uint8, uint32, uint64
from numba.core import cgutils
from numba.extending import intrinsic

DONE, TOO_MANY, TRANSPARENT, BAD_FILTER = 0, 1, 2, 3
EMPTY = 65535
SLOT_BITS = 10
SLOTS = 1 << SLOT_BITS  # four for each of the 256 colours there can be
NONE, SUB, UP, AVERAGE, PAETH = 0, 1, 2, 3, 4
_BYTES_32 = ir.VectorType(ir.IntType(8), 32)

_compiled: Any = partial(njit, _nrt=False)


def _kernel(function: Any) -> Any:
    """Compiled once and kept, beside this file or in the user's cache folder; in memory where neither is writable."""
    try:
        kernel = _compiled(cache=True, nogil=True)(function)
    except RuntimeError:  # no folder that can be written
        return _compiled(nogil=True)(function)
    save = kernel._cache.save_overload

    def save_if_possible(signature: Any, compiled: Any) -> None:
        with suppress(OSError):  # disk full: the next process compiles again
            save(signature, compiled)

    kernel._cache.save_overload = save_if_possible
    return kernel


def _pointer(context: Any, builder: Any, kind: Any, array: Any, at: Any) -> Any:
    return builder.gep(context.make_array(kind)(context, builder, array).data, [at])


def _load_32(context: Any, builder: Any, kind: Any, array: Any, at: Any) -> Any:
    place = _pointer(context, builder, kind, array, at)
    return builder.load(builder.bitcast(place, _BYTES_32.as_pointer()), align=1)


def _first_set(builder: Any, flags: Any) -> Any:
    """Position of the first of 32 flags that is set, 32 if none is: one comparison and one count of zeros."""
    bits = builder.bitcast(flags, ir.IntType(32))
    return builder.zext(builder.cttz(bits, ir.Constant(ir.IntType(1), 0)), ir.IntType(64))


@intrinsic
def _zeros_fast(typingctx: Any, array: Any, at: Any) -> Any:
    """How many of array[at : at + 32] are zero before the first that is not: 0 to 32."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        words = _load_32(context, builder, signature.args[0], args[0], args[1])
        return _first_set(builder, builder.icmp_unsigned("!=", words, ir.Constant(_BYTES_32, [0] * 32)))

    return types.int64(array, at), codegen


@intrinsic
def _equals_fast(typingctx: Any, array: Any, at: Any, other: Any) -> Any:
    """How many of array[at : at + 32] equal array[other : other + 32] before the first that does not: 0 to 32."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        here = _load_32(context, builder, signature.args[0], args[0], args[1])
        there = _load_32(context, builder, signature.args[0], args[0], args[2])
        return _first_set(builder, builder.icmp_unsigned("!=", here, there))

    return types.int64(array, at, other), codegen


@intrinsic
def _copy_fast(typingctx: Any, array: Any, to: Any, start: Any, count: Any) -> Any:
    """array[to : to + count] = array[start : start + count], which do not overlap."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        there = _pointer(context, builder, signature.args[0], args[0], args[1])
        here = _pointer(context, builder, signature.args[0], args[0], args[2])
        cgutils.raw_memcpy(builder, there, here, args[3], 1)
        return context.get_dummy_value()

    return types.void(array, to, start, count), codegen


@intrinsic
def _fill_fast(typingctx: Any, array: Any, to: Any, count: Any, value: Any) -> Any:
    """array[to : to + count] = value."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = _pointer(context, builder, signature.args[0], args[0], args[1])
        cgutils.memset(builder, place, args[2], args[3])
        return context.get_dummy_value()

    return types.void(array, to, count, value), codegen


@_compiled()
def _zeros_checked(array: Any, at: Any) -> Any:
    found = int64(32)
    for k in range(32):
        if array[uint64(at + 31 - k)] != 0:  # unsigned, so that what lies before the array is outside too
            found = int64(31 - k)
    return found


@_compiled()
def _equals_checked(array: Any, at: Any, other: Any) -> Any:
    found = int64(32)
    for k in range(32):
        if array[uint64(at + 31 - k)] != array[uint64(other + 31 - k)]:
            found = int64(31 - k)
    return found


@_compiled()
def _copy_checked(array: Any, to: Any, start: Any, count: Any) -> None:
    for k in range(count):
        array[uint64(to + k)] = array[uint64(start + k)]


@_compiled()
def _fill_checked(array: Any, to: Any, count: Any, value: Any) -> None:
    for k in range(count):
        array[uint64(to + k)] = value


_checked = bool(config.BOUNDSCHECK)
_zeros = _zeros_checked if _checked else _zeros_fast
_equals = _equals_checked if _checked else _equals_fast
_copy = _copy_checked if _checked else _copy_fast
_fill = _fill_checked if _checked else _fill_fast


@_compiled(inline="always")
def _next_residual(raw: Any, at: Any, end: Any) -> Any:
    """First position from `at` on whose byte is not zero; at most `end`."""
    while at < end and at + 32 <= raw.size:  # a look past the end of the row is one into the next
        zeros = _zeros(raw, at)
        if zeros < 32:
            return min(at + zeros, end)
        at += 32  # and not `zeros`, for which the next look would have to wait
    while at < end and raw[at] == 0:
        at += 1
    return min(at, end)


@_compiled(inline="always")
def _same_until(array: Any, at: Any, end: Any, back: Any) -> Any:
    """First position from `at` on whose byte is not the one `back` bytes before it; at most `end`."""
    while at < end and at + 32 <= array.size:
        same = _equals(array, at, at - back)
        if same < 32:
            return min(at + same, end)
        at += 32
    while at < end and array[at] == array[at - back]:
        at += 1
    return min(at, end)


@_compiled(inline="always")
def _pixels_in(size: Any, step: Any) -> Any:
    """As size // step, but as divisions by a constant, which cost a fifth of one by a variable."""
    return int64(uint64(size) // uint64(3)) if step == 3 else size >> 2


@_compiled(inline="always")
def _paeth(a: Any, b: Any, c: Any) -> Any:
    """The Paeth predictor of the PNG specification: left, above or upper left, whichever is nearest to a + b - c."""
    pa, pb, pc = abs(b - c), abs(a - c), abs(a + b - c - c)
    if pa <= pb and pa <= pc:
        return a
    return b if pb <= pc else c


@_compiled(inline="always")
def _paeth_color(a: Any, b: Any, c: Any) -> Any:
    color = uint32(0)
    for k in range(4):
        shift = uint32(8 * k)
        left, above, corner = (a >> shift) & uint32(255), (b >> shift) & uint32(255), (c >> shift) & uint32(255)
        color |= uint32(_paeth(int64(left), int64(above), int64(corner))) << shift
    return color


@_compiled(inline="always")
def _mean_color(a: Any, b: Any) -> Any:
    """Four byte means at once: the shared bits, plus half of those that differ."""
    return (a & b) + (((a ^ b) & uint32(0xFEFEFEFE)) >> uint32(1))


@_compiled(inline="always")
def _sum_color(a: Any, b: Any) -> Any:
    """Four byte sums at once, modulo 256: the top bits apart, so that no carry leaves its byte."""
    return ((a & uint32(0x7F7F7F7F)) + (b & uint32(0x7F7F7F7F))) ^ ((a ^ b) & uint32(0x80808080))


@_compiled(inline="always")
def _residual(raw: Any, at: Any, step: Any) -> Any:
    """The residual of the pixel of `step` bytes at `at`."""
    color = uint32(raw[at]) | uint32(raw[at + 1]) << uint32(8) | uint32(raw[at + 2]) << uint32(16)
    if step == 4:
        color |= uint32(raw[at + 3]) << uint32(24)
    return color


@_compiled()
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


@_compiled(inline="always")
def _ordinal(color: Any, position: Any, opaque: Any, book: Any) -> Any:
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


@_compiled()
def _up_row(raw: Any, p: Any, out: Any, row: Any, width: Any, step: Any, opaque: Any, book: Any) -> Any:
    colors, hist = book[1], book[4]
    end, up = p + width * step, row - width
    _copy(out, row, up, width)
    at = _next_residual(raw, p, end)
    while at < end:
        x = _pixels_in(at - p, step)
        q = p + x * step
        old = out[up + x]
        o = _ordinal(_sum_color(colors[old], _residual(raw, q, step)), row + x, opaque, book)
        if o < 0:
            return -o
        hist[old] -= 1
        hist[o] += 1
        out[row + x] = o
        at = _next_residual(raw, q + step, end)
    return DONE


@_compiled()
def _sub_row(raw: Any, p: Any, out: Any, row: Any, width: Any, step: Any, opaque: Any, book: Any) -> Any:
    hist = book[4]
    hist[:] = 0
    end, x, o, color = p + width * step, 0, int64(-1), uint32(0)
    while x < width:
        until = _pixels_in(_next_residual(raw, p + x * step, end) - p, step)
        if until > x:
            if o < 0:  # left of the first pixel all is zero
                o = _ordinal(color, row, opaque, book)
                if o < 0:
                    return -o
            _fill(out, row + x, until - x, uint8(o))
            hist[o] += until - x
        if until < width:
            color = _sum_color(color, _residual(raw, p + until * step, step))
            o = _ordinal(color, row + until, opaque, book)
            if o < 0:
                return -o
            out[row + until] = o
            hist[o] += 1
        x = until + 1
    return DONE


@_compiled()
def _paeth_row(raw: Any, p: Any, out: Any, row: Any, width: Any, step: Any, opaque: Any, book: Any) -> Any:
    colors, hist = book[1], book[4]
    end, up, x, until = p + width * step, row - width, 0, -1
    while x < width:
        if until < x:
            until = _pixels_in(_next_residual(raw, p + x * step, end) - p, step)
        if x < until and (x == 0 or out[row + x - 1] == out[up + x - 1]):
            _copy(out, row + x, up + x, until - x)
            x = until
            continue
        if x < until:
            stop = _same_until(out, up + x, up + until, 1) - up
            if stop > x:
                left, above = out[row + x - 1], out[up + x]
                _fill(out, row + x, stop - x, left)
                hist[above] -= stop - x
                hist[left] += stop - x
                x = stop
                continue
        color = colors[out[up + x]]
        if x > 0:
            color = _paeth_color(colors[out[row + x - 1]], color, colors[out[up + x - 1]])
        if x == until:
            color = _sum_color(color, _residual(raw, p + x * step, step))
        o = _ordinal(color, row + x, opaque, book)
        if o < 0:
            return -o
        hist[out[up + x]] -= 1
        hist[o] += 1
        out[row + x] = o
        x += 1
    return DONE


@_compiled()
def _plain_row(raw: Any, p: Any, out: Any, row: Any, width: Any, step: Any, opaque: Any, book: Any) -> Any:
    """Filter None: a run of one colour is bytes that equal those of the pixel before."""
    hist = book[4]
    hist[:] = 0
    end, x = p + width * step, 0
    while x < width:
        o = _ordinal(_residual(raw, p + x * step, step), row + x, opaque, book)
        if o < 0:
            return -o
        until = _pixels_in(_same_until(raw, p + (x + 1) * step, end, step) - p, step)
        _fill(out, row + x, until - x, uint8(o))
        hist[o] += until - x
        x = until
    return DONE


@_compiled()
def _mean_row(raw: Any, p: Any, out: Any, row: Any, width: Any, step: Any, opaque: Any, book: Any) -> Any:
    """Filter Average, which encoders hardly ever choose for masks: pixel by pixel."""
    colors, hist = book[1], book[4]
    hist[:] = 0
    left, o = uint32(0), int64(-1)
    for x in range(width):
        above = colors[out[row - width + x]] if row > 0 else uint32(0)
        color = _sum_color(_mean_color(left, above), _residual(raw, p + x * step, step))
        if color != left or o < 0:
            o = _ordinal(color, row + x, opaque, book)
            if o < 0:
                return -o
            left = color
        out[row + x] = o
        hist[o] += 1
    return DONE


@_kernel
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
            status = _up_row(raw, p, out, row, width, step, opaque, book)
        elif kind == SUB:
            status = _sub_row(raw, p, out, row, width, step, opaque, book)
        elif kind == PAETH:
            status = _paeth_row(raw, p, out, row, width, step, opaque, book)
        elif kind == NONE:
            status = _plain_row(raw, p, out, row, width, step, opaque, book)
        elif kind == AVERAGE:
            status = _mean_row(raw, p, out, row, width, step, opaque, book)
        else:
            return BAD_FILTER
        if status != DONE:
            return status
        for k in range(256):
            pixels[k] += hist[k]
    return DONE


@_kernel
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
        row, up = y * width, (y - 1) * width
        kind = raw[p - 1]
        if kind > PAETH:
            return BAD_FILTER
        if kind == NONE or (y == 0 and kind == UP):
            for x in range(width):
                out[row + x] = raw[p + x]
        elif kind == UP:
            for x in range(width):
                out[row + x] = out[up + x] + raw[p + x]
        else:
            left, corner = uint8(0), uint8(0)
            for x in range(width):
                above = out[up + x] if y > 0 else uint8(0)
                if kind == SUB:
                    guess = left
                elif kind == AVERAGE:
                    guess = uint8((int64(left) + int64(above)) >> 1)
                else:
                    guess = uint8(_paeth(int64(left), int64(above), int64(corner)))
                left = uint8(guess + raw[p + x])
                corner = above
                out[row + x] = left
        x = 0
        while x < width:
            until = _same_until(out, row + x + 1, row + width, 1) - row
            pixels[out[row + x]] += until - x
            x = until
    return DONE


@_kernel
def translate(values: Any, table: Any, out: Any) -> None:
    """out[i] = table[values[i]] for (N,) uint8 values and a (256,) table."""
    for i in range(values.size):
        out[i] = table[values[i]]

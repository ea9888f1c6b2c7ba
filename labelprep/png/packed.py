"""Colours packed into one number, a byte a channel: predictors and sums of PNG's filters on all channels at once."""

from __future__ import annotations

from typing import Any

from numba import int64, uint32, uint64

from labelprep.png.compiled import compiled


@compiled(inline="always")
def pixels_in(size: Any, step: Any) -> Any:
    """As size // step, but as divisions by a constant, which cost a fifth of one by a variable."""
    return int64(uint64(size) // uint64(3)) if step == 3 else size >> 2


@compiled(inline="always")
def paeth(a: Any, b: Any, c: Any) -> Any:
    """The Paeth predictor of the PNG specification: left, above or upper left, whichever is nearest to a + b - c."""
    pa, pb, pc = abs(b - c), abs(a - c), abs(a + b - c - c)
    if pa <= pb and pa <= pc:
        return a
    return b if pb <= pc else c


@compiled(inline="always")
def paeth_color(a: Any, b: Any, c: Any) -> Any:
    """The Paeth predictor of each channel."""
    color = uint32(0)
    for k in range(4):
        shift = uint32(8 * k)
        left, above, corner = (a >> shift) & uint32(255), (b >> shift) & uint32(255), (c >> shift) & uint32(255)
        color |= uint32(paeth(int64(left), int64(above), int64(corner))) << shift
    return color


@compiled(inline="always")
def mean_color(a: Any, b: Any) -> Any:
    """Four byte means at once: the shared bits, plus half of those that differ."""
    return (a & b) + (((a ^ b) & uint32(0xFEFEFEFE)) >> uint32(1))


@compiled(inline="always")
def sum_color(a: Any, b: Any) -> Any:
    """Four byte sums at once, modulo 256: the top bits apart, so that no carry leaves its byte."""
    return ((a & uint32(0x7F7F7F7F)) + (b & uint32(0x7F7F7F7F))) ^ ((a ^ b) & uint32(0x80808080))


@compiled(inline="always")
def residual(raw: Any, at: Any, step: Any) -> Any:
    """The residual of the pixel of `step` bytes at `at`."""
    color = uint32(raw[at]) | uint32(raw[at + 1]) << uint32(8) | uint32(raw[at + 2]) << uint32(16)
    if step == 4:
        color |= uint32(raw[at + 3]) << uint32(24)
    return color

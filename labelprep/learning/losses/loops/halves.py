"""float16 and bfloat16 from and to float32, by their bits as `uint16`: numba knows neither."""

from __future__ import annotations

from typing import Any

from numba import float32, int32, uint16

from labelprep.learning.losses.loops.exponential import bits, number
from labelprep.png.compiled import compiled


@compiled()
def of_bfloat16(half: Any) -> Any:
    """The number of a bfloat16's bits."""
    return number(int32(int32(half) << 16))


@compiled()
def to_bfloat16(value: Any) -> Any:
    """The bits of the nearest bfloat16, of two the even one."""
    word: Any = bits(value)
    odd = int32(int32(word >> 16) & 1)
    nearest = int32(int32(word + odd) + 0x7FFF)
    return uint16(nearest >> 16) if value == value else uint16(0x7FC0)


@compiled()
def of_float16(half: Any) -> Any:
    """The number of a float16's bits."""
    word: Any = int32(int32(half) & 0x7FFF)
    bias = int32((224 if word >= 0x7C00 else 112) << 23)  # 127 - 15, and infinity's exponent 31 becomes 255
    normal: Any = number(int32(int32(word << 13) + bias))
    size = normal if word >= 0x400 else float32(word) * float32(2.0**-24)
    return -size if half & 0x8000 else size


@compiled()
def to_float16(value: Any) -> Any:
    """The bits of the nearest float16, of two the even one."""
    word = int32(bits(value) & 0x7FFFFFFF)
    odd = int32(int32(word >> 13) & 1)
    normal: Any = int32(int32(int32(word - (112 << 23)) + odd) + 0xFFF) >> 13
    half = float32(0.5)  # its last bit is worth as much as that of the float16 that are not normal
    small = int32(bits(float32(number(word) + half)) - bits(half))
    size = small if word < 113 << 23 else (normal if word < 143 << 23 else 0x7C00)
    return uint16((size if value == value else 0x7E00) | (int32(bits(value) >> 16) & 0x8000))

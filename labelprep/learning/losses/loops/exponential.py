"""exp and log of many neighbours at a time.

libm's take one number a call. These are a few multiplications and additions without a branch, so that the compiler does
8 or 16 numbers of an array in one instruction each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic, overload

_COMPILED: Any = {"fastmath": {"contract"}, "error_model": "numpy"}  # a check for division by 0 would be a branch


@dataclass(frozen=True)
class _Format:
    """A binary format of numbers.

    Attributes:
        number: numba's type for it.
        bits: the integer type of the same width.
        numpy: NumPy's type for it.
        fraction: bits of the fraction.
        least: below it exp is no normal number.
        exp_terms: of the series of exp; the first one left out is under a tenth of the last digit.
        log_terms: the same of the series of log.
    """

    number: Any
    bits: Any
    numpy: Any
    fraction: int
    least: float
    exp_terms: int
    log_terms: int

    def log_2(self) -> tuple[Any, Any]:
        """Log 2 in two parts, the first so short that its product with an exponent is exact (Cody and Waite)."""
        exact, unit = Decimal(2).ln(), 2 ** (self.fraction - 12)
        high = Decimal(round(exact * unit)) / unit
        return self.numpy(high), self.numpy(exact - high)

    def bits_of(self, value: float) -> int:
        """The bits of a value of this format."""
        return int(self.numpy(value).view(f"i{self.bits.bitwidth // 8}"))


_FORMATS = {
    one.number: one
    for one in (
        _Format(types.float32, types.int32, np.float32, 23, -87.33, 8, 4),
        _Format(types.float64, types.int64, np.float64, 52, -708.39, 14, 10),
    )
}


@intrinsic
def bits(typingctx: Any, value: Any) -> Any:
    """The bits of a float as an integer of its width."""
    return _FORMATS[value].bits(value), _same_bits


@intrinsic
def number(typingctx: Any, value: Any) -> Any:
    """The float with the bits of an integer of its width."""
    return {one.bits: kind for kind, one in _FORMATS.items()}[value](value), _same_bits


def _same_bits(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    return builder.bitcast(args[0], context.get_value_type(signature.return_type))


# The bodies of `exp` and `log` never run: numba compiles what `overload` gives for the type.
def exp(value: Any) -> Any:
    """The power of e, to 2 units in the last place; 0 where it is no normal number; NaN of NaN.

    The value is at most 87 in float32 and 708 in float64.
    """
    raise NotImplementedError


def log(value: Any) -> Any:
    """The natural logarithm of a positive normal number, to 2 units in the last place; NaN of NaN."""
    raise NotImplementedError


@overload(exp, jit_options=_COMPILED)
def _exp(value: Any) -> Any:
    f = _FORMATS[value]
    real, integer, fraction = f.number, f.bits, f.fraction
    least, steps, (high, low) = f.numpy(f.least), f.numpy(1 / math.log(2)), f.log_2()
    # Added to a small number, it leaves no digits after the point: the sum's last bits are the integer nearest to it.
    rounding = f.numpy(1.5 * 2**fraction)
    one = f.bits_of(1)
    terms = tuple(f.numpy(1 / math.factorial(k)) for k in reversed(range(f.exp_terms)))

    def impl(value: Any) -> Any:
        rounded = value * steps + rounding
        n = rounded - rounding  # e^x = 2^n e^r with r within half of log 2
        r = value - n * high - n * low
        power = terms[0]
        for k in range(1, len(terms)):
            power = power * r + terms[k]
        scale: Any = number(integer(integer(bits(rounded) << fraction) + one))  # 2^n, made in the exponent's bits
        return real(0) if value < least else power * scale

    return impl


@overload(log, jit_options=_COMPILED)
def _log(value: Any) -> Any:
    f = _FORMATS[value]
    real, integer, fraction, least = f.number, f.bits, f.fraction, f.bits_of(math.sqrt(0.5))
    high, low = f.log_2()
    terms = tuple(f.numpy(2 / (2 * k + 1)) for k in reversed(range(1, f.log_terms + 1)))

    def impl(value: Any) -> Any:
        n = integer(integer(bits(value) - least) >> fraction)  # value = 2^n m with m from sqrt(1/2) to sqrt(2)
        rest = number(integer(bits(value) - integer(n << fraction))) - real(1)
        s = rest / (real(2) + rest)  # log m = 2 atanh s = rest - s (rest - 2/3 s^2 - 2/5 s^4 - ...)
        square = s * s
        series = terms[0]
        for k in range(1, len(terms)):
            series = series * square + terms[k]
        result = real(n) * high + (rest - (s * (rest - square * series) - real(n) * low))
        return result if value == value else value

    return impl

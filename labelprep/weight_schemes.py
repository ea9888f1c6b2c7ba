"""The schemes that turn a class's pixels into its weight; `weights.class_weights` tells what each one is."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

ENET_C = 1.02  # Paszke et al. 2016, arXiv 1606.02147, section 5.2
ONE_MINUS_BETA = 1e-4  # beta = 0.9999, Cui et al. 2019, arXiv 1901.05555


@dataclass(frozen=True)
class Present:
    """Counts of the classes that have a pixel, as Python integers, so that every quotient is rounded once.

    Attributes:
        pixels: n_c, valid pixels of the class.
        where_present: valid pixels of the images that hold it.
        images: m_c, the images that hold it.
    """

    pixels: list[int]
    where_present: list[int]
    images: list[int]

    @property
    def total(self) -> int:
        """N, all valid pixels."""
        return sum(self.pixels)


def _median_frequency(of: Present) -> list[float]:
    shares = [n / p for n, p in zip(of.pixels, of.where_present, strict=True)]
    middle = statistics.median(shares)
    return [middle / share for share in shares]


def _effective_number(of: Present) -> list[float]:
    # expm1 and log1p: for few images 1 - 0.9999**m keeps few digits
    return [ONE_MINUS_BETA / -math.expm1(m * math.log1p(-ONE_MINUS_BETA)) for m in of.images]


SCHEMES: Mapping[str, Callable[[Present], list[float]]] = MappingProxyType(
    {
        "inverse": lambda of: [of.total / n for n in of.pixels],
        "inverse-sqrt": lambda of: [math.sqrt(of.total / n) for n in of.pixels],
        "inverse-square": lambda of: [of.total**2 / n**2 for n in of.pixels],
        "median-frequency": _median_frequency,
        "enet": lambda of: [1 / math.log(ENET_C + n / of.total) for n in of.pixels],
        "effective-number": _effective_number,
        "none": lambda of: [1.0] * len(of.pixels),
    }
)

"""Perceptual hash of an image: 64 bits that survive resizing, recompression and slight changes of light."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from labelprep.steps.pillow import any_size
from labelprep.storage.place import Readable, for_pillow

_SIDE, _KEPT = 32, 8  # the image is shrunk to 32 x 32; 8 x 8 of its lowest frequencies are kept
_FLAT = 1.0  # gray levels of spread below which the bits would be noise


def fingerprint(path: Readable, max_pixels: int) -> int | None:
    """The DCT perceptual hash ("pHash") of an image.

    The image in gray, shrunk to 32 x 32 (Lanczos), goes through a two-dimensional DCT-II; a bit is set where one of
    the 8 x 8 lowest coefficients lies above their median (C. Zauner, "Implementation and Benchmarking of Perceptual
    Image Hash Functions", 2010, section 3.2.1).

    Args:
        path: the image. Of a JPEG no more is decoded than its size in the hash asks for.
        max_pixels: a larger image is refused from its header.

    Returns:
        64 bits, those of the lowest frequencies first; None for an image of one gray, which looks like any other.

    Raises:
        OSError: where the file cannot be read or is no image.
        ValueError: for a damaged or too large image.
    """
    with any_size(), Image.open(for_pillow(path)) as image:
        if image.width * image.height > max_pixels:
            message = f"{image.width} x {image.height} pixels; at most {max_pixels:,} are allowed"
            raise ValueError(message)
        image.draft("L", (8 * _SIDE, 8 * _SIDE))
        small = image.convert("L").resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    return bits_of(np.asarray(small))


def bits_of(gray: NDArray[np.uint8]) -> int | None:
    """The hash of an image that was shrunk already: (32, 32) uint8 to 64 bits; None where it is flat."""
    if gray.std() < _FLAT:
        return None
    cosines = _cosines()
    low = cosines @ gray @ cosines.T
    return int.from_bytes(np.packbits(low > np.median(low)).tobytes(), "big")


@cache
def _cosines() -> NDArray[np.float64]:
    """(8, 32): the first rows of the DCT-II, not normalised."""
    k, n = np.arange(_KEPT)[:, None], np.arange(_SIDE)
    return 2 * np.cos(np.pi * k * (2 * n + 1) / (2 * _SIDE))

"""A mask as a list of its distinct values and, for each pixel, the position in that list.

Masks hold a handful of values and hundreds of thousands of pixels, so every question about a mask (what is unknown,
in which order are red and blue, how many pixels has each class) is asked of the list, and the pixels are touched
once to read them and once to write them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

PART = 1 << 20  # pixels worked on at once where that takes many bytes for each


@dataclass(frozen=True, eq=False)
class Coded:
    """Distinct values and a code for every pixel.

    Attributes:
        values: (U,) uint32: packed colours, or values of an index mask.
        pixels: (U,) int64, how many pixels have each value; values without a pixel do not count.
        first: (U,) int64, position of the first pixel of each value in reading order; -1 where that is not known.
        codes: (H, W) unsigned integers, position in `values` of each pixel.
    """

    values: NDArray[np.uint32]
    pixels: NDArray[np.int64]
    first: NDArray[np.int64]
    codes: NDArray[Any]

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W)."""
        height, width = self.codes.shape
        return height, width

    @property
    def total(self) -> int:
        """H * W."""
        return int(self.codes.size)

    def used(self) -> NDArray[np.int64]:
        """Positions of the values that have pixels."""
        return self.pixels.nonzero()[0]

    def with_values(self, values: NDArray[np.uint32]) -> Coded:
        """The same pixels under other values (U,)."""
        return Coded(values, self.pixels, self.first, self.codes)

    def picture(self, dtype: DTypeLike = np.uint32) -> NDArray[Any]:
        """The value of every pixel, (H, W), as a dtype that holds them all."""
        return self.spread(self.values.astype(dtype))

    def spread(self, of_values: NDArray[Any]) -> NDArray[Any]:
        """What (U,) says of each value, for every pixel, (H, W)."""
        out = np.empty(self.codes.shape, of_values.dtype)
        flat, codes = out.reshape(-1), self.codes.reshape(-1)
        if codes.dtype == np.uint8 and of_values.itemsize == 1:  # the usual case, a third of the time of NumPy's
            from labelprep.png.kernels import translate

            table = np.zeros(256, np.uint8)
            table[: of_values.size] = of_values.view(np.uint8)
            translate(codes, table, flat.view(np.uint8))
        else:
            for at in range(0, flat.size, PART):  # NumPy widens codes to 8 bytes
                flat[at : at + PART] = np.take(of_values, codes[at : at + PART])
        return out


def encode(pixels: NDArray[Any]) -> Coded:
    """Codes a mask (H, W) of unsigned integers; values come out sorted.

    Runs of equal pixels in reading order are found first, because there are a hundred times fewer of them; part by
    part, because in the worst case there are not.

    >>> coded = encode(np.array([[7, 7, 3], [3, 3, 7]], np.uint8))
    >>> coded.values.tolist(), coded.pixels.tolist(), coded.first.tolist(), coded.codes.tolist()
    ([3, 7], [3, 3], [2, 0], [[1, 1, 0], [0, 0, 1]])
    """
    flat = np.ascontiguousarray(pixels).ravel()
    parts = [_encode_part(flat[at : at + PART]) for at in range(0, flat.size, PART)]
    values = np.unique(np.concatenate([part.values for part in parts]))
    counts, first = np.zeros(len(values), np.int64), np.full(len(values), -1, np.int64)
    codes = np.empty(flat.size, np.min_scalar_type(max(len(values) - 1, 0)))
    for i, part in enumerate(parts):
        at = np.searchsorted(values, part.values)
        counts[at] += part.pixels
        first[at] = np.where(first[at] < 0, part.first + i * PART, first[at])
        np.take(at.astype(codes.dtype), part.codes, out=codes[i * PART : i * PART + part.codes.size])
        parts[i] = _NOTHING  # its codes are not needed twice
    return Coded(values.astype(np.uint32), counts, first, codes.reshape(pixels.shape))


def _encode_part(flat: NDArray[Any]) -> Coded:
    """The same of (N,) pixels, with (N,) codes; the lists of runs are four times as large as a mask of noise."""
    starts = np.concatenate(([0], np.flatnonzero(flat[1:] != flat[:-1]) + 1))
    lengths = np.diff(starts, append=flat.size)
    values, first_run, run_codes = np.unique(flat[starts], return_index=True, return_inverse=True)
    # float64 weights are exact here: a mask has far fewer than 2^53 pixels
    counts = np.bincount(run_codes, lengths, len(values)).astype(np.int64)
    codes = np.repeat(run_codes.astype(np.min_scalar_type(len(values) - 1)), lengths)
    return Coded(values, counts, starts[first_run], codes)


_NOTHING = Coded(np.empty(0, np.uint32), np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.uint8))

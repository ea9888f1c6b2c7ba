"""Exact pixels per class: a sum of integers that any split of the work leaves the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class ClassCounts:
    """Counts over any number of masks; `zero`, `of` one mask, `a + b`.

    Attributes:
        pixels: (C,) int64, valid pixels of each class.
        images: (C,) int64, masks that hold the class.
        pixels_where_present: (C,) int64, all valid pixels of those masks (the median-frequency denominator).
        ignored: pixels with the ignore index.
        total: all pixels; `pixels.sum() + ignored`.
        masks: number of masks counted.
    """

    pixels: NDArray[np.int64]
    images: NDArray[np.int64]
    pixels_where_present: NDArray[np.int64]
    ignored: int = 0
    total: int = 0
    masks: int = 0

    @classmethod
    def zero(cls, classes: int) -> Self:
        """Counts of no mask at all."""
        pixels, images, where = np.zeros((3, classes), np.int64)
        return cls(pixels, images, where)

    @classmethod
    def of_pixels(cls, pixels: NDArray[np.int64], ignored: int) -> Self:
        """Counts of one mask with `pixels` (C,) valid pixels per class and `ignored` others."""
        return cls.of_masks(np.asarray(pixels, np.int64)[np.newaxis], ignored)

    @classmethod
    def of_masks(cls, pixels: NDArray[np.int64], ignored: int) -> Self:
        """Counts of N masks with `pixels` (N, C) valid pixels per class and `ignored` others in all of them."""
        present, valid = pixels > 0, pixels.sum(axis=1, keepdims=True)
        ignored, total = int(ignored), int(valid.sum()) + int(ignored)
        return cls(pixels.sum(axis=0), present.sum(axis=0), (present * valid).sum(axis=0), ignored, total, len(pixels))

    @classmethod
    def of(cls, index: NDArray[Any], classes: int, ignore_index: int) -> Self:
        """Counts of one index mask (H, W) of unsigned integers.

        Raises:
            ValueError: where an id is neither below `classes` nor the ignore index.
        """
        found = np.bincount(index.ravel(), minlength=ignore_index + 1)
        if strays := stray_ids(found, classes, ignore_index):
            message = f"ids must be below {classes} or {ignore_index}, but there are {listed_ids(strays)}"
            raise ValueError(message)
        return cls.of_pixels(found[:classes], int(found[ignore_index]))

    def __add__(self, other: ClassCounts) -> ClassCounts:
        return ClassCounts(
            self.pixels + other.pixels,
            self.images + other.images,
            self.pixels_where_present + other.pixels_where_present,
            self.ignored + other.ignored,
            self.total + other.total,
            self.masks + other.masks,
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ClassCounts) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]  # holds arrays

    def to_dict(self) -> dict[str, Any]:
        """Plain integers for JSON; `from_dict` is the way back."""
        return {
            "pixels": self.pixels.tolist(),
            "images": self.images.tolist(),
            "pixels_where_present": self.pixels_where_present.tolist(),
            "ignored": self.ignored,
            "total": self.total,
            "masks": self.masks,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The counts that `to_dict` wrote."""
        pixels, images, where = (np.array(values[k], np.int64) for k in ("pixels", "images", "pixels_where_present"))
        return cls(pixels, images, where, values["ignored"], values["total"], values["masks"])


def stray_ids(found: NDArray[np.integer[Any]], classes: int, ignore_index: int) -> dict[int, int]:
    """The ids that are neither a class's nor the ignore index, with their pixels.

    Args:
        found: (N,) pixels of each id 0..N-1, as `np.bincount` gives them.
        classes: ids below it are classes.
        ignore_index: what else is allowed.

    >>> stray_ids(np.bincount([0, 0, 4, 7, 7]), classes=2, ignore_index=4)
    {7: 2}
    """
    ids = (np.flatnonzero(found[classes:]) + classes).tolist()
    return {i: int(found[i]) for i in ids if i != ignore_index}


def listed_ids(strays: Mapping[int, int], most: int = 5) -> str:
    """Ids and their pixels in words.

    >>> listed_ids({7: 2, 9: 1}, most=1)
    '7 (2 pixels) and 1 more values'
    """
    listed = ", ".join(f"{i} ({n} pixels)" for i, n in list(strays.items())[:most])
    return listed + (f" and {len(strays) - most} more values" if len(strays) > most else "")

"""How far the class shares of splits lie apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

FLAGGED = 0.10  # total variation from which a split is flagged
FACTOR = 2.0  # by which a class's share must differ to be flagged
LEAST = 0.001  # share of one of the two from which a class is flagged
REFERENCE = "train"


@dataclass(frozen=True)
class Drift:
    """One split against the reference.

    Attributes:
        split: its name.
        distance: total variation, half the sum of the absolute differences of the class shares: 0 equal, 1 disjoint.
        classes: names of the classes whose shares differ much.
        missing: names of classes that the split has and the reference lacks.
        unseen: names of classes that the reference has and the split lacks.
    """

    split: str
    distance: float
    classes: tuple[str, ...]
    missing: tuple[str, ...]
    unseen: tuple[str, ...]

    @property
    def flagged(self) -> bool:
        """Whether it is worth a look."""
        return self.distance > FLAGGED or bool(self.missing)


def drifts(splits: Mapping[str, Sequence[int]], names: Sequence[str]) -> tuple[Drift, ...]:
    """Every other split against `train`, or against the first by name where there is none of that name.

    Args:
        splits: name -> pixels per class.
        names: of the classes.

    >>> [d.distance for d in drifts({"train": [50, 50], "val": [80, 20]}, ["a", "b"])]
    [0.3]
    """
    if len(splits) < 2:
        return ()
    reference = REFERENCE if REFERENCE in splits else min(splits)
    base = _shares(splits[reference])
    found = []
    for split, pixels in splits.items():
        if split == reference:
            continue
        shares = _shares(pixels)
        large, small = np.maximum(base, shares), np.minimum(base, shares)
        far = (large >= LEAST) & (small > 0) & (large > FACTOR * small)
        found.append(
            Drift(
                split,
                round(float(np.abs(base - shares).sum() / 2), 12),
                _named(far, names),
                _named((base == 0) & (shares > 0), names),
                _named((base > 0) & (shares == 0), names),
            )
        )
    return tuple(found)


def _shares(pixels: Sequence[int]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    counts = np.array(pixels, np.float64)
    return counts / max(1.0, float(counts.sum()))


def _named(which: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], names: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name, chosen in zip(names, which.tolist(), strict=True) if chosen)

"""How far mean IoU would move with other images: percentile intervals of the bootstrap over images (Efron 1979)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95
_DRAWS = 2**22  # numbers in memory at a time
_ROWS = 4096  # images read at a time


def iou_intervals(counts: NDArray[np.int64], *, replicates: int, seed: int) -> dict[str, Any] | None:
    """Intervals of mean IoU and of each class's IoU when the images are drawn anew with replacement.

    Every replicate draws as many images as there are, adds up their counts, and takes IoU and mean as
    `metrics` does: a class that neither truth nor prediction of a replicate holds is left out of its mean.
    The same for any batch size, order of work and machine; `counts` may be a file mapped into memory.

    Args:
        counts: (N, 3 or more, C) per image: true positives, pixels of the truth, pixels of the prediction.
        replicates: how many.
        seed: of the draws.

    Returns:
        `level`, `replicates`, `seed`, `low`, `high`, and `classes`: (low, high) or None of each class; None without
        an image, a replicate or a valid pixel.
    """
    images, _, classes = counts.shape
    if not images or not replicates:
        return None
    hit, truth, predicted = _sums(counts, replicates, seed).reshape(replicates, 3, classes).transpose(1, 0, 2)
    either = truth + predicted - hit
    iou = np.divide(hit, either, out=np.full(hit.shape, np.nan), where=either > 0)
    present = (either > 0).sum(1)
    means = np.nansum(iou, 1)[present > 0] / present[present > 0]
    if not len(means):
        return None
    low, high = _interval(means)
    each = [_interval(column[~np.isnan(column)]) for column in iou.T]
    return {"level": LEVEL, "replicates": replicates, "seed": seed, "low": low, "high": high, "classes": each}


def _interval(values: NDArray[np.float64]) -> Any:
    if not len(values):
        return None
    return np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]).tolist()


def _sums(counts: NDArray[np.int64], replicates: int, seed: int) -> NDArray[np.float64]:
    """Summed counts of every replicate, (replicates, 3 C); whole numbers, exact below 2^53 pixels."""
    images = len(counts)
    generator = np.random.default_rng(seed)
    out = []
    group = max(1, _DRAWS // images)
    for start in range(0, replicates, group):
        draws = min(group, replicates - start)
        times = np.stack(
            [np.bincount(generator.integers(0, images, images), minlength=images) for _ in range(draws)]
        ).astype(np.float64)
        parts = (
            times[:, n : n + _ROWS] @ np.asarray(counts[n : n + _ROWS, :3], np.float64).reshape(-1, 3 * counts.shape[2])
            for n in range(0, images, _ROWS)
        )
        out.append(sum(parts, np.zeros((draws, 3 * counts.shape[2]))))
    return np.concatenate(out)

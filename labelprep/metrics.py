"""Metrics as plain functions of one confusion matrix over the whole set: (C, C) int64, rows truth, columns prediction.

Per-class functions give (C,) float64 with NaN where a value is 0/0; `summary` and the means never hold NaN: what
is undefined is left out of means, and None where a value stands alone. Nothing here averages over batches.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

Confusion = NDArray[np.int64]
PerClass = NDArray[np.float64]


def _parts(confusion: Confusion) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """True positives, pixels of the truth, pixels of the prediction, each (C,) int64."""
    if confusion.ndim != 2 or confusion.shape[0] != confusion.shape[1] or confusion.dtype.kind not in "iu":
        message = f"confusion must be integers of shape (C, C), but is {confusion.dtype} {confusion.shape}"
        raise ValueError(message)
    counts = confusion.astype(np.int64, copy=False)
    return np.diagonal(counts), counts.sum(1), counts.sum(0)


def _ratio(part: NDArray[np.int64], whole: NDArray[np.int64]) -> PerClass:
    shares = np.full(len(part), np.nan)
    np.divide(part, whole, out=shares, where=whole > 0)
    return shares


def _mean(values: PerClass) -> float | None:
    defined = values[~np.isnan(values)].tolist()
    return math.fsum(defined) / len(defined) if defined else None


def iou(confusion: Confusion) -> PerClass:
    """Intersection over union per class, TP / (TP + FP + FN); NaN where truth and prediction lack the class."""
    hit, truth, predicted = _parts(confusion)
    return _ratio(hit, truth + predicted - hit)


def dice(confusion: Confusion) -> PerClass:
    """Dice score (F1) per class, 2 TP / (2 TP + FP + FN); NaN where truth and prediction lack the class."""
    hit, truth, predicted = _parts(confusion)
    return _ratio(2 * hit, truth + predicted)


def precision(confusion: Confusion) -> PerClass:
    """TP / (TP + FP) per class; NaN where the class is never predicted."""
    hit, _, predicted = _parts(confusion)
    return _ratio(hit, predicted)


def recall(confusion: Confusion) -> PerClass:
    """TP / (TP + FN) per class, also called class accuracy; NaN where the truth lacks the class."""
    hit, truth, _ = _parts(confusion)
    return _ratio(hit, truth)


_PER_CLASS = MappingProxyType({"iou": iou, "dice": dice, "precision": precision, "recall": recall})


def pixel_accuracy(confusion: Confusion) -> float | None:
    """Share of valid pixels that are right; None without a pixel."""
    hit, truth, _ = _parts(confusion)
    pixels = int(truth.sum())
    return int(hit.sum()) / pixels if pixels else None


def mean_accuracy(confusion: Confusion) -> float | None:
    """Mean recall over the classes of the truth; None without a pixel."""
    return _mean(recall(confusion))


def mean_iou(confusion: Confusion) -> float | None:
    """Mean IoU over the classes of truth or prediction (dataset-level mIoU); None without a pixel.

    >>> mean_iou(np.array([[3, 1, 0], [1, 5, 0], [0, 0, 0]]))
    0.6571428571428571
    """
    return _mean(iou(confusion))


def frequency_weighted_iou(confusion: Confusion) -> float | None:
    """Sum over classes of IoU times the class's share of the truth; None without a pixel."""
    hit, truth, predicted = _parts(confusion)
    pixels = int(truth.sum())
    if not pixels:
        return None
    shares = _ratio(hit, truth + predicted - hit)[truth > 0] * truth[truth > 0]
    return math.fsum(shares.tolist()) / pixels


def mean_share(part: NDArray[np.int64], whole: NDArray[np.int64]) -> float | None:
    """Mean over classes of part / whole, both (C,) int64; what is 0/0 is left out, None where all are."""
    return _mean(_ratio(part, whole))


def boundary_iou(edges: NDArray[np.int64]) -> PerClass:
    """IoU of the edge pixels per class (Cheng et al. 2021); NaN where neither truth nor prediction has any.

    Args:
        edges: (3, C) int64, summed over the masks: edge pixels in both, of the truth, of the prediction.
    """
    both, truth, predicted = edges
    return _ratio(both, truth + predicted - both)


def summary(confusion: Confusion, names: Sequence[str], edges: NDArray[np.int64] | None = None) -> dict[str, Any]:
    """All metrics as plain values for JSON; None where a value is 0/0.

    Args:
        confusion: (C, C) integers, rows truth, columns prediction.
        names: C names in id order.
        edges: (3, C) as `boundary_iou` takes them; adds `mean_boundary_iou` and each class's `boundary_iou`.

    Returns:
        `pixels` (valid ones), `pixel_accuracy`, `mean_accuracy`, `mean_iou`, `mean_dice`, `mean_precision`,
        `frequency_weighted_iou`; `classes`: one row per class with id, name, support (pixels of the truth),
        predicted (pixels), iou, dice, precision, recall; `absent`: names of the classes that neither truth
        nor prediction holds.

    Raises:
        ValueError: where the shapes do not fit.
    """
    hit, truth, predicted = _parts(confusion)
    if len(names) != len(hit):
        message = f"names must be one per class, {len(hit)}, but are {len(names)}"
        raise ValueError(message)
    columns = {name: of(confusion) for name, of in _PER_CLASS.items()}
    if edges is not None:
        columns["boundary_iou"] = boundary_iou(edges)
    values = {name: [None if math.isnan(v) else v for v in column.tolist()] for name, column in columns.items()}
    return {
        **scores(confusion),
        **({} if edges is None else {"mean_boundary_iou": _mean(columns["boundary_iou"])}),
        "classes": [
            {"id": i, "name": name, "support": int(truth[i]), "predicted": int(predicted[i])}
            | {column: values[column][i] for column in columns}
            for i, name in enumerate(names)
        ],
        "absent": [name for name, n in zip(names, (truth + predicted).tolist(), strict=True) if n == 0],
    }


def scores(confusion: Confusion) -> dict[str, int | float | None]:
    """The figures of `summary` that concern the whole set."""
    return {
        "pixels": int(confusion.sum()),
        "pixel_accuracy": pixel_accuracy(confusion),
        "mean_accuracy": mean_accuracy(confusion),
        "mean_iou": mean_iou(confusion),
        "mean_dice": _mean(dice(confusion)),
        "mean_precision": _mean(precision(confusion)),
        "frequency_weighted_iou": frequency_weighted_iou(confusion),
    }


def majority_baseline(confusion: Confusion, training: NDArray[np.int64] | None = None) -> dict[str, Any]:
    """What always predicting one class would score on the same truth.

    Args:
        confusion: (C, C) integers; its rows tell the truth.
        training: (C,) pixels per class of the training split, whose largest class is predicted; the
            truth's own by default. Equal counts: the least id.

    Returns:
        `class` (the id) and the figures of `scores`.

    Raises:
        ValueError: where the shapes do not fit.
    """
    _, truth, _ = _parts(confusion)
    votes = truth if training is None else np.asarray(training)
    if votes.shape != truth.shape:
        message = f"training must hold one count per class, {len(truth)}, but has shape {votes.shape}"
        raise ValueError(message)
    chosen = int(votes.argmax())
    always = np.zeros_like(confusion)
    always[:, chosen] = truth
    return {"class": chosen} | scores(always)

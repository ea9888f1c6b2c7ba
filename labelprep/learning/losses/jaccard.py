"""Jaccard loss: one minus the soft intersection over union."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from labelprep.learning.losses.overlap import (
    SMP_EPS,
    Absent,
    Overlap,
    OverlapCompat,
    OverlapOptions,
    Reduction,
    loss_of_scores,
    overlap,
)
from labelprep.learning.losses.pixels import check_shapes, widened


def jaccard(
    logits: Tensor,
    labels: Tensor,
    *,
    weights: Tensor | None = None,
    ignore_index: int = 255,
    absent: Absent = "skip",
    reduction: Reduction = "batch",
    classes: Sequence[int] | None = None,
    smooth: float | None = None,
    compat: OverlapCompat = "none",
) -> Tensor:
    """Jaccard loss: the weighted mean over classes of 1 - J, J = (TP + s) / (TP + FP + FN + s).

    TP, FP and FN are sums of softmax probabilities over valid pixels.

    Args:
        logits: (B, C, H, W) floating point.
        labels: (B, H, W) integers 0..C-1 or `ignore_index`, uint8 to int64.
        weights: (C,) finite, 0 or more, used as given; all 1 by default.
        ignore_index: label of the pixels that stay out.
        absent: see `OverlapOptions`.
        reduction: see `OverlapOptions`.
        classes: see `OverlapOptions`.
        smooth: see `OverlapOptions`.
        compat: `keras`: 1 - mean(w J); `monai`: mean(w (1 - J)) with s beside 2 TP; `smp`: absent classes lose
            their loss, no s, a denominator of at least 1e-7.

    Returns:
        A scalar, at least float32; 0 where all weights or pixels are left out.

    Raises:
        ValueError: for shapes, labels or options that do not fit.
    """
    options = OverlapOptions(absent, reduction, classes, smooth, compat)
    options.check(logits.shape[1])
    check_shapes(logits, labels, weights)
    return jaccard_of_sums(overlap(logits, labels, ignore_index), weights, options).to(widened(logits[:0]).dtype)


def jaccard_of_sums(sums: Overlap, weights: Tensor | None, options: OverlapOptions) -> Tensor:
    """The loss from the sums of each image."""
    part = sums.over(options.reduction)
    smooth = options.added / 2 if options.compat == "monai" else options.added
    whole = part.predicted + part.truth - part.hit + smooth
    least = SMP_EPS if options.compat == "smp" else SMP_EPS * SMP_EPS
    return loss_of_scores((part.hit + smooth) / whole.clamp_min(least), part.truth, weights, options)

"""Tversky loss: Dice with a price each for false positives and false negatives."""

from __future__ import annotations

import math
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
from labelprep.learning.losses.pixels import check_number, check_shapes, widened


def tversky(
    logits: Tensor,
    labels: Tensor,
    *,
    alpha: float = 0.3,
    beta: float = 0.7,
    weights: Tensor | None = None,
    ignore_index: int = 255,
    absent: Absent = "skip",
    reduction: Reduction = "batch",
    classes: Sequence[int] | None = None,
    smooth: float | None = None,
    compat: OverlapCompat = "none",
) -> Tensor:
    """Tversky loss: the weighted mean over classes of 1 - T, T = (TP + s) / (TP + a FP + b FN + s).

    Salehi et al. 2017 (arXiv 1706.05721); alpha and beta are its best, and 0.5 and 0.5 give Dice, 1 and 1 Jaccard.
    TP, FP and FN are sums of softmax probabilities over valid pixels.

    Args:
        logits: (B, C, H, W) floating point.
        labels: (B, H, W) integers 0..C-1 or `ignore_index`, uint8 to int64.
        alpha: price of false positives, 0 or more.
        beta: price of false negatives, 0 or more; above alpha it weighs recall more.
        weights: (C,) finite, 0 or more, used as given; all 1 by default.
        ignore_index: label of the pixels that stay out.
        absent: see `OverlapOptions`.
        reduction: see `OverlapOptions`.
        classes: see `OverlapOptions`.
        smooth: see `OverlapOptions`.
        compat: `monai`: mean(w (1 - T)); `smp`: absent classes lose their loss, no s, a denominator of at least 1e-7.

    Returns:
        A scalar, at least float32; 0 where all weights or pixels are left out.

    Raises:
        ValueError: for shapes, labels or options that do not fit.
    """
    options = OverlapOptions(absent, reduction, classes, smooth, compat)
    check_tversky(alpha, beta, options)
    options.check(logits.shape[1])
    check_shapes(logits, labels, weights)
    sums = overlap(logits, labels, ignore_index)
    return tversky_of_sums(sums, weights, options, alpha=alpha, beta=beta).to(widened(logits[:0]).dtype)


def check_tversky(alpha: float, beta: float, options: OverlapOptions) -> None:
    """Refuses options that are none, and those that the `compat` lacks.

    Raises:
        ValueError: naming the option.
    """
    options.check()
    check_number("alpha", alpha, 0, math.inf)
    check_number("beta", beta, 0, math.inf)
    if options.compat == "keras":
        message = "compat 'keras' has no Tversky loss"
        raise ValueError(message)


def tversky_of_sums(
    sums: Overlap, weights: Tensor | None, options: OverlapOptions, *, alpha: float, beta: float
) -> Tensor:
    """The loss from the sums of each image."""
    part, smooth = sums.over(options.reduction), options.added
    false_positive, false_negative = part.predicted - part.hit, part.truth - part.hit
    whole = part.hit + alpha * false_positive + beta * false_negative + smooth
    least = SMP_EPS if options.compat == "smp" else SMP_EPS * SMP_EPS
    return loss_of_scores((part.hit + smooth) / whole.clamp_min(least), part.truth, weights, options)

"""Dice loss from logits, over the batch or per image, with class weights and a policy for absent classes."""

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


def dice(
    logits: Tensor,
    labels: Tensor,
    *,
    beta: float = 1.0,
    weights: Tensor | None = None,
    ignore_index: int = 255,
    absent: Absent = "skip",
    reduction: Reduction = "batch",
    classes: Sequence[int] | None = None,
    threshold: float | None = None,
    squared: bool = False,
    smooth: float | None = None,
    compat: OverlapCompat = "none",
) -> Tensor:
    """Dice loss: the weighted mean of 1 - score over classes, sum(w (1 - F)) / sum(w).

    The score of a class is F = ((1+b²) TP + s) / ((1+b²) TP + b² FN + FP + s) with s = 1e-5, where TP, FN and FP
    are sums of softmax probabilities over valid pixels. The squared form (Milletari et al. 2016) has the sum of p²
    in place of the sum of p in the denominator.

    Args:
        logits: (B, C, H, W) floating point.
        labels: (B, H, W) integers 0..C-1 or `ignore_index`, uint8 to int64.
        beta: above 1 weighs recall more.
        weights: (C,) finite, 0 or more, used as given; all 1 by default.
        ignore_index: label of the pixels that leave TP, FP and FN alike.
        absent: see `OverlapOptions`.
        reduction: see `OverlapOptions`.
        classes: see `OverlapOptions`.
        threshold: probabilities above it count as 1, others as 0. For scoring: there is no gradient then.
        squared: the squared form.
        smooth: see `OverlapOptions`.
        compat: `keras` is the published 1 - mean(w F), which goes below 0 for weights that average more than 1;
            `monai` is mean(w (1 - F)); `smp` drops the loss of absent classes, adds no s, and keeps the
            denominator above 1e-7.

    Returns:
        A scalar, at least float32; 0 where all weights or pixels are left out.

    Raises:
        ValueError: for shapes or labels that do not fit, unknown words, or options that the `compat` lacks.
    """
    options = OverlapOptions(absent, reduction, classes, smooth, compat)
    check_dice(beta, squared, options)
    options.check(logits.shape[1])
    check_shapes(logits, labels, weights)
    if threshold is not None:
        check_number("threshold", threshold, 0, 1)
    sums = overlap(logits, labels, ignore_index, threshold=threshold, squared=squared)
    return dice_of_sums(sums, weights, options, beta=beta).to(widened(logits[:0]).dtype)


def check_dice(beta: float, squared: bool, options: OverlapOptions) -> None:
    """Refuses options that are none, and those that the `compat` lacks.

    Raises:
        ValueError: naming the option.
    """
    options.check()
    check_number("beta", beta, 0, math.inf, open_low=True)
    if options.compat in ("monai", "smp") and beta != 1:
        message = f"compat {options.compat!r} has no beta, but beta is {beta}"
        raise ValueError(message)
    if options.compat in ("keras", "smp") and squared:
        message = f"compat {options.compat!r} has no squared form"
        raise ValueError(message)


def dice_of_sums(sums: Overlap, weights: Tensor | None, options: OverlapOptions, *, beta: float) -> Tensor:
    """The loss from the sums of each image."""
    part = sums.over(options.reduction)
    square, smooth = beta * beta, options.added
    if options.compat == "smp":
        whole = ((part.predicted + part.truth) / 2 + smooth).clamp_min(SMP_EPS)
        score = (part.hit + smooth) / whole
    else:
        whole = square * part.truth + part.predicted + smooth
        score = ((1 + square) * part.hit + smooth) / whole.clamp_min(SMP_EPS * SMP_EPS)
    return loss_of_scores(score, part.truth, weights, options)

"""Dice loss from logits, over the batch or per image, with class weights and a policy for absent classes."""

from __future__ import annotations

import math
from typing import Literal, get_args

import torch
from torch import Tensor

from labelprep.learning.pixels import check_shapes, ratio, valid_labels, widened

Absent = Literal["skip", "count", "zero"]
Reduction = Literal["batch", "image"]
SMOOTH = 1e-5


def dice(
    logits: Tensor,
    labels: Tensor,
    *,
    beta: float = 1.0,
    weights: Tensor | None = None,
    ignore_index: int = 255,
    absent: Absent = "skip",
    reduction: Reduction = "batch",
    compat: Literal["none", "keras"] = "none",
) -> Tensor:
    """Dice loss: the weighted mean of 1 - score over classes, sum(w (1 - F)) / sum(w).

    The score of a class is F = ((1+b²) TP + s) / ((1+b²) TP + b² FN + FP + s) with s = 1e-5, where TP, FN and FP
    are sums of softmax probabilities over valid pixels. `compat="keras"` is the published form of
    segmentation_models for Keras, 1 - mean(w F), which goes below 0 for weights that average more than 1.

    Args:
        logits: (B, C, H, W) floating point.
        labels: (B, H, W) integers 0..C-1 or `ignore_index`, uint8 to int64.
        beta: above 1 weighs recall more.
        weights: (C,) finite, 0 or more, used as given; all 1 by default.
        ignore_index: label of the pixels that leave TP, FP and FN alike.
        absent: a class that the truth of the batch (or image) lacks is left out of both sums (`skip`), counts
            like any other (`count`), or keeps its weight with a loss of 0 (`zero`).
        reduction: one score per class over the `batch`, or per `image` and the mean of the losses of the
            images that have a valid pixel.
        compat: `none` or `keras`, which counts every class whatever the truth holds.

    Returns:
        A scalar, at least float32; 0 where all weights or pixels are left out.

    Raises:
        ValueError: for shapes or labels that do not fit, unknown words, or `absent="zero"` with `compat="keras"`.
    """
    _check_options(beta, absent, reduction, compat)
    check_shapes(logits, labels, weights)
    hit, predicted, truth = _sums(logits, labels, ignore_index, reduction)
    square = beta * beta
    score = ((1 + square) * hit + SMOOTH) / (square * truth + predicted + SMOOTH)
    weight = torch.ones_like(score) if weights is None else weights.to(score.dtype).expand_as(score)
    if compat == "keras":
        return 1 - (weight * score).mean()
    present = truth > 0
    loss = 1 - score
    if absent == "skip":
        weight = weight * present
    elif absent == "zero":
        loss = loss * present
    each = ratio((weight * loss).sum(1), weight.sum(1))
    return ratio(each.sum(), present.any(1).sum().clamp_min(1))


def _check_options(beta: float, absent: str, reduction: str, compat: str) -> None:
    choices = (
        ("absent", absent, get_args(Absent)),
        ("reduction", reduction, get_args(Reduction)),
        ("compat", compat, ("none", "keras")),
    )
    for option, word, words in choices:
        if word not in words:
            message = f"{option} must be one of {', '.join(words)}, but is {word!r}"
            raise ValueError(message)
    if compat == "keras" and absent == "zero":
        message = "compat 'keras' counts every class; absent 'zero' does not go with it"
        raise ValueError(message)
    if not 0 < beta < math.inf:
        message = f"beta must be above 0, but is {beta}"
        raise ValueError(message)


def _sums(logits: Tensor, labels: Tensor, ignore_index: int, reduction: str) -> tuple[Tensor, Tensor, Tensor]:
    """TP, TP + FP and TP + FN over valid pixels, each (B, C), or (1, C) for the batch."""
    safe, valid = valid_labels(labels, logits.shape[1], ignore_index)
    p = torch.where(valid.unsqueeze(1), torch.softmax(widened(logits), 1), 0)
    ids = torch.arange(logits.shape[1], device=logits.device).view(1, -1, *(1,) * (labels.ndim - 1))
    hot = (safe.unsqueeze(1) == ids) & valid.unsqueeze(1)
    over = tuple(range(2, p.ndim)) if reduction == "image" else (0, *range(2, p.ndim))
    keep = (slice(None), slice(None)) if reduction == "image" else (None, slice(None))
    hit, predicted, truth = torch.where(hot, p, 0).sum(over), p.sum(over), hot.sum(over)
    return hit[keep], predicted[keep], truth.to(p.dtype)[keep]

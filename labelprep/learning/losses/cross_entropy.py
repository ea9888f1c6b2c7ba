"""Cross entropy with class weights and label smoothing."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from labelprep.learning.losses.pixels import (
    check_number,
    check_shapes,
    check_word,
    pixel_nll,
    ratio,
    valid_labels,
    visible,
)

CeCompat = Literal["none", "deeplab"]


def cross_entropy(
    logits: Tensor,
    labels: Tensor,
    *,
    weights: Tensor | None = None,
    smoothing: float = 0.0,
    ignore_index: int = 255,
    compat: CeCompat = "none",
) -> Tensor:
    """sum(w_y nll) / sum(w_y) over valid pixels; 0 where the denominator is 0.

    With smoothing e it is (1 - e) times that plus e / C times the sum over valid pixels and all classes of
    w_k (-log p_k), over the same denominator: what torch's `cross_entropy(label_smoothing=e)` gives.

    Args:
        logits: (B, C, H, W) floating point.
        labels: (B, H, W) integers 0..C-1 or `ignore_index`, uint8 to int64.
        weights: (C,) finite, 0 or more; all 1 by default.
        smoothing: share of the target that is spread over all classes, 0 to 1.
        ignore_index: label of the pixels that stay out.
        compat: `deeplab` divides the mean again by B, as pytorch-deeplab-xception does.

    Returns:
        A scalar, at least float32.

    Raises:
        ValueError: for shapes, labels or options that do not fit.
    """
    check_ce(smoothing, compat)
    nll, weight, _ = pixel_nll(logits, labels, weights, ignore_index)
    spread = spread_nll(logits, labels, weights, ignore_index) if smoothing else torch.zeros_like(nll)
    sums = (part.sum() for part in (nll * weight, spread, weight))
    return ce_of_sums(*sums, smoothing=smoothing, compat=compat, batch=len(logits), classes=logits.shape[1])


def check_ce(smoothing: float, compat: str) -> None:
    """Refuses options that are none.

    Raises:
        ValueError: naming the option.
    """
    check_number("smoothing", smoothing, 0, 1)
    check_word("compat", compat, ("none", "deeplab"))


def ce_of_sums(
    nll: Tensor, spread: Tensor, weight: Tensor, *, smoothing: float, compat: CeCompat, batch: int, classes: int
) -> Tensor:
    """The loss from its three sums over pixels: w_y nll, the nll of all classes (`spread_nll`), and w_y."""
    mean = ratio(nll, weight)
    if smoothing:
        mean = (1 - smoothing) * mean + smoothing / classes * ratio(spread, weight)
    return mean / max(batch, 1) if compat == "deeplab" else mean


def spread_nll(logits: Tensor, labels: Tensor, weights: Tensor | None, ignore_index: int) -> Tensor:
    """Sum over classes of w_k (-log p_k) per pixel, (B, H, W); 0 for ignored pixels and for weights of 0."""
    check_shapes(logits, labels, weights)
    _, valid = valid_labels(labels, logits.shape[1], ignore_index)
    each = -torch.log_softmax(visible(logits, valid), 1)
    if weights is not None:
        shape = (-1, *(1,) * (labels.ndim - 1))
        weight = weights.to(each.dtype).view(shape)
        each = torch.where(weight > 0, each * weight, 0)
    return torch.where(valid, each.sum(1), 0)

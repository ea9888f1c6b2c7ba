"""Cross entropy of the hardest pixels alone: top-k, or online hard example mining."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from labelprep.learning.losses.pixels import check_number, pixel_nll, ratio, widest


def topk_cross_entropy(
    logits: Tensor,
    labels: Tensor,
    *,
    share: float = 0.1,
    threshold: float | None = None,
    weights: Tensor | None = None,
    ignore_index: int = 255,
) -> Tensor:
    """sum(w_y nll) / sum(w_y) over the kept pixels: those of the largest w_y nll in the batch.

    Args:
        logits: (B, C, H, W) floating point.
        labels: (B, H, W) integers 0..C-1 or `ignore_index`, uint8 to int64.
        share: share of the valid pixels that is kept, rounded up but for one part in a million; 1: cross entropy.
        threshold: every valid pixel whose true class has a lower probability is kept as well (OHEM).
        weights: (C,) finite, 0 or more; all 1 by default.
        ignore_index: label of the pixels that stay out.

    Returns:
        A scalar, at least float32; 0 where the denominator is 0.

    Raises:
        ValueError: for shapes, labels or options that do not fit.
    """
    check_topk(share, threshold)
    nll, weight, valid = (part.flatten() for part in pixel_nll(logits, labels, weights, ignore_index))
    hardness = torch.where(valid, (nll * weight).detach(), -1)
    order = hardness.argsort(descending=True, stable=True)
    count = share * valid.sum(dtype=widest(nll.device)) * (1 - 1e-6)  # 0.1 of 30 is 3, whatever rounding says
    kept = torch.arange(len(order), device=order.device) < torch.ceil(count)
    if threshold is not None:
        kept = kept | (nll.detach()[order] > -math.log(threshold))
    weight = weight[order] * kept
    return ratio((torch.where(weight > 0, nll[order], 0) * weight).sum(), weight.sum())


def check_topk(share: float, threshold: float | None) -> None:
    """Refuses options that are none.

    Raises:
        ValueError: naming the option.
    """
    check_number("share", share, 0, 1, open_low=True)
    if threshold is not None:
        check_number("threshold", threshold, 0, 1, open_low=True)

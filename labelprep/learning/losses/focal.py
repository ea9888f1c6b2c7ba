"""Focal loss: cross entropy that looks away from pixels which are right already."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from labelprep.learning.losses.cross_entropy import cross_entropy
from labelprep.learning.losses.pixels import check_number, check_word, pixel_nll, ratio

FocalCompat = Literal["none", "deeplab"]
DEEPLAB_ALPHA = 0.5


def focal(
    logits: Tensor,
    labels: Tensor,
    *,
    gamma: float = 2.0,
    alpha: float | None = None,
    weights: Tensor | None = None,
    ignore_index: int = 255,
    compat: FocalCompat = "none",
) -> Tensor:
    """Focal loss: per pixel alpha (1 - p_t)^gamma times the weighted nll, summed, divided by the valid pixels.

    Lin et al. 2017 (arXiv 1708.02002), with alpha as a plain factor. `compat="deeplab"` is the form of
    pytorch-deeplab-xception: focal of the batch's mean cross entropy, alpha applied after p_t, divided again by B.

    Args:
        logits: (B, C, H, W) floating point.
        labels: (B, H, W) integers 0..C-1 or `ignore_index`, uint8 to int64.
        gamma: 0 or more; 0 gives alpha times the weighted nll.
        alpha: factor; 1 by default, and the published 0.5 under `compat="deeplab"`.
        weights: (C,) finite, 0 or more; all 1 by default.
        ignore_index: label of the pixels that stay out.
        compat: `none` or `deeplab`.

    Returns:
        A scalar, at least float32; 0 where no pixel is valid.

    Raises:
        ValueError: for shapes or labels that do not fit, a negative gamma or an unknown `compat`.
    """
    check_focal(gamma, compat)
    if compat == "deeplab":
        mean = cross_entropy(logits, labels, weights=weights, ignore_index=ignore_index)
        return deeplab_focal(mean, gamma=gamma, alpha=alpha, batch=len(logits))
    nll, weight, valid = pixel_nll(logits, labels, weights, ignore_index)
    total = (one_minus_p(nll) ** gamma * nll * weight).sum()
    return focal_of_sums(total, valid.sum(), alpha=alpha)


def check_focal(gamma: float, compat: str) -> None:
    """Refuses options that are none.

    Raises:
        ValueError: naming the option.
    """
    check_number("gamma", gamma, 0, math.inf)
    check_word("compat", compat, ("none", "deeplab"))


def focal_of_sums(total: Tensor, pixels: Tensor, *, alpha: float | None) -> Tensor:
    """The loss from its sum over pixels and their number."""
    return (1.0 if alpha is None else alpha) * ratio(total, pixels)


def deeplab_focal(mean: Tensor, *, gamma: float, alpha: float | None, batch: int) -> Tensor:
    """The form of pytorch-deeplab-xception, from the mean cross entropy of the batch."""
    factor = DEEPLAB_ALPHA if alpha is None else alpha
    return factor * one_minus_p(mean) ** gamma * mean / max(batch, 1)


def one_minus_p(nll: Tensor) -> Tensor:
    """1 - exp(-nll) without cancellation; the floor keeps the gradient of small powers finite at p = 1."""
    return -torch.expm1(-nll).clamp_max(-torch.finfo(nll.dtype).tiny)

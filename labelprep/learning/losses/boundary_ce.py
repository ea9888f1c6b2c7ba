"""Cross entropy that weighs pixels near a boundary between classes more."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from labelprep.learning.losses.pixels import check_number, pixel_nll, ratio, valid_labels


def boundary_cross_entropy(
    logits: Tensor,
    labels: Tensor,
    *,
    width: int = 2,
    factor: float = 5.0,
    weights: Tensor | None = None,
    ignore_index: int = 255,
) -> Tensor:
    """sum(b w_y nll) / sum(b w_y) over valid pixels, b = factor near a boundary and 1 elsewhere.

    Args:
        logits: (B, C, H, W) floating point.
        labels: (B, H, W) integers 0..C-1 or `ignore_index`, uint8 to int64.
        width: how far from a pixel of another class is near, in pixels, rows and columns alike (see `near_boundary`).
        factor: 0 or more; 1 gives cross entropy, 0 trains on all but the boundaries.
        weights: (C,) finite, 0 or more; all 1 by default.
        ignore_index: label of the pixels that stay out; they make no boundary.

    Returns:
        A scalar, at least float32; 0 where the denominator is 0.

    Raises:
        ValueError: for shapes, labels or options that do not fit.
    """
    check_boundary(width, factor)
    nll, weight, _ = pixel_nll(logits, labels, weights, ignore_index)
    near = near_boundary(labels, logits.shape[1], width, ignore_index)
    weight = torch.where(near, weight * factor, weight)
    return ratio((torch.where(weight > 0, nll, 0) * weight).sum(), weight.sum())


def check_boundary(width: int, factor: float) -> None:
    """Refuses options that are none.

    Raises:
        ValueError: naming the option.
    """
    check_number("width", width, 1, 255)
    check_number("factor", factor, 0, math.inf)


def near_boundary(labels: Tensor, classes: int, width: int, ignore_index: int) -> Tensor:
    """Where the square of 2 width + 1 pixels around a pixel holds valid labels of two classes, (B, H, W) bool.

    Raises:
        ValueError: for labels that are no (B, H, W) or out of range.
    """
    if labels.ndim != 3:
        message = f"boundaries need labels (B, H, W), but they are {tuple(labels.shape)}"
        raise ValueError(message)
    safe, valid = valid_labels(labels, classes, ignore_index)
    if not labels.numel():
        return valid
    ids = safe.to(torch.float32)
    most = _largest(ids.masked_fill(~valid, -1), width)
    least = -_largest((-ids).masked_fill(~valid, -classes), width)
    return valid & (least < most)


def _largest(values: Tensor, width: int) -> Tensor:
    """The largest value in the square around each pixel, rows first and then columns."""
    side = 2 * width + 1
    rows = functional.max_pool2d(values.unsqueeze(1), (1, side), 1, (0, width))
    return functional.max_pool2d(rows, (side, 1), 1, (width, 0)).squeeze(1)

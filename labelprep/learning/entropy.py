"""How unsure a model is: the entropy of its class probabilities, per pixel and per image."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from labelprep.learning.losses.pixels import widened


def entropy(logits: Tensor, *, normalized: bool = True) -> Tensor:
    """Entropy of the softmax over classes, -sum p ln p / ln C per pixel, 0 where p is 0.

    Args:
        logits: (B, C, *) floating point; -inf rules a class out.
        normalized: divide by ln C, so that it lies in [0, 1]; without, it is in nats, at most ln C.

    Returns:
        (B, *), at least float32; 0 for a single class.
    """
    classes = logits.shape[1]
    # entr is 0 at p = 0, where -p * log(p) is NaN and a clamp inside the log is wrong by a little everywhere
    each: Tensor = torch.special.entr(torch.softmax(widened(logits), 1))
    top = math.log(classes)
    nats = each.sum(1).clamp(0, top)  # rounding leaves the range by an ulp
    return (nats / top).clamp_max(1) if normalized and classes > 1 else nats


def image_entropy(maps: Tensor, valid: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Sum and mean of entropy maps over the valid pixels of each image.

    The sum grows with the image's size; the mean does not, and is the one to compare images by.

    Args:
        maps: (B, H, W) as `entropy` gives them.
        valid: (B, H, W) bool, such as `labels != ignore_index`; all pixels by default.

    Returns:
        (sum, mean), each (B,); 0 for an image without a valid pixel.
    """
    kept = torch.ones_like(maps, dtype=torch.bool) if valid is None else valid
    total = torch.where(kept, maps, 0).flatten(1).sum(1)
    return total, total / kept.flatten(1).sum(1).clamp_min(1)

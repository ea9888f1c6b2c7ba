"""Lovász-softmax: the smallest convex loss that equals the Jaccard loss where predictions are hard."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from labelprep.learning.losses.overlap import Absent, OverlapOptions, Reduction, loss_of_scores
from labelprep.learning.losses.pixels import check_shapes, valid_labels, visible, widest


def lovasz(
    logits: Tensor,
    labels: Tensor,
    *,
    weights: Tensor | None = None,
    ignore_index: int = 255,
    absent: Absent = "skip",
    reduction: Reduction = "batch",
    classes: Sequence[int] | None = None,
) -> Tensor:
    """Lovász-softmax loss (Berman et al. 2018, arXiv 1705.08790): the weighted mean over classes.

    Per class the errors |[y = c] - p_c| of the valid pixels are sorted, the largest first, and each is weighed by
    how much the Jaccard loss grows when its pixel is added to the wrong ones. One class after the other, so that no
    one-hot tensor is built; the sorting takes most of its time and memory.

    Args:
        logits: (B, C, H, W) floating point.
        labels: (B, H, W) integers 0..C-1 or `ignore_index`, uint8 to int64.
        weights: (C,) finite, 0 or more, used as given; all 1 by default.
        ignore_index: label of the pixels that stay out.
        absent: `skip` is the paper's "present" classes, `count` all of them, `zero` keeps the weight alone.
        reduction: over the pixels of the `batch`, or per `image`.
        classes: ids of the classes that count; all by default.

    Returns:
        A scalar, at least float32; 0 where all weights or pixels are left out.

    Raises:
        ValueError: for shapes, labels or options that do not fit.
    """
    options = OverlapOptions(absent, reduction, classes)
    options.check(logits.shape[1])
    check_shapes(logits, labels, weights)
    safe, valid = valid_labels(labels, logits.shape[1], ignore_index)
    p = torch.softmax(visible(logits, valid), 1)
    rows = [slice(None)] if reduction == "batch" else [slice(b, b + 1) for b in range(len(logits))]
    losses, truth = [], []
    for row in rows:
        for c in range(logits.shape[1]):
            is_class = (safe[row] == c) & valid[row]
            truth.append(is_class.sum())
            counts = options.classes is None or c in options.classes
            losses.append(_class_loss(p[row, c], is_class, valid[row]) if counts else p.new_zeros(()))
    if not losses:  # no image
        return p.sum()
    shape = (len(rows), logits.shape[1])
    score = 1 - torch.stack(losses).view(shape)
    return loss_of_scores(score, torch.stack(truth).view(shape), weights, options).to(p.dtype)


def _class_loss(p: Tensor, is_class: Tensor, valid: Tensor) -> Tensor:
    """The loss of one class from its probabilities, where it is the truth, and the pixels that count.

    An ignored pixel has error 0 and is sorted behind all that matter.
    """
    error = torch.where(valid, torch.where(is_class, 1 - p, p), 0).flatten()
    error, order = error.sort(descending=True, stable=True)
    hits = is_class.flatten()[order].to(torch.int64)
    total = hits.sum()
    seen = hits.cumsum(0)  # whole numbers: float32 sums lose counts past 2^24
    union = total + (1 - hits).cumsum(0)
    wide = widest(p.device)
    jaccard = 1 - (total - seen).to(wide) / union.clamp_min(1).to(wide)
    growth = torch.diff(jaccard, prepend=jaccard.new_zeros(1))
    return (error * growth.to(error.dtype)).sum()

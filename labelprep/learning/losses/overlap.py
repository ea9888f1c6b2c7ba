"""What Dice, Jaccard and Tversky share: sums of probabilities per class, and one loss from a score per class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from labelprep.learning.losses.pixels import (
    check_number,
    check_shapes,
    check_word,
    ratio,
    valid_labels,
    visible,
    widest,
)

Absent = Literal["skip", "count", "zero"]
Reduction = Literal["batch", "image"]
OverlapCompat = Literal["none", "keras", "monai", "smp"]
SMOOTH = 1e-5
SMP_EPS = 1e-7
_OWN_POLICY = {"keras": "count", "monai": "count", "smp": "zero"}


@dataclass(frozen=True)
class Overlap:
    """Sums over the valid pixels of each image, or of the batch: (B, C) or (1, C), float64 where there is one.

    Attributes:
        hit: TP, the sum of p_c where the label is c.
        predicted: TP + FP, the sum of p_c (of p_c² in the squared form).
        truth: TP + FN, the number of pixels whose label is c.
    """

    hit: Tensor
    predicted: Tensor
    truth: Tensor

    def over(self, reduction: Reduction) -> Overlap:
        """The sums of each image, or their sum over the batch."""
        if reduction == "image":
            return self
        return Overlap(*(part.sum(0, keepdim=True) for part in (self.hit, self.predicted, self.truth)))


@dataclass(frozen=True)
class OverlapOptions:
    """What the three losses can be told, beside the constants of their scores.

    Attributes:
        absent: a class that the truth of the batch (or image) lacks is left out of both sums (`skip`), counts
            like any other (`count`), or keeps its weight with a loss of 0 (`zero`).
        reduction: one score per class over the `batch`, or per `image` and the mean of the losses of the
            images that have a valid pixel.
        classes: ids of the classes whose scores count; all by default. The others stay in the softmax.
        smooth: added to numerator and denominator; None: 1e-5, and 0 under `compat="smp"`.
        compat: `none`, or how `keras` (segmentation_models), `monai` or `smp` put smooth, weights and absent classes
            together; they say themselves what an absent class does.
    """

    absent: Absent = "skip"
    reduction: Reduction = "batch"
    classes: Sequence[int] | None = None
    smooth: float | None = None
    compat: OverlapCompat = "none"

    def check(self, classes: int | None = None) -> None:
        """Refuses what does not fit together, and ids that are none of `classes`.

        Raises:
            ValueError: naming the option.
        """
        check_word("absent", self.absent, get_args(Absent))
        check_word("reduction", self.reduction, get_args(Reduction))
        check_word("compat", self.compat, get_args(OverlapCompat))
        if self.smooth is not None:
            check_number("smooth", self.smooth, 0, float("inf"))
        own = _OWN_POLICY.get(self.compat)
        if own is not None and self.absent not in ("skip", own):
            message = f"compat {self.compat!r} has its own policy, {own!r}; absent {self.absent!r} does not go with it"
            raise ValueError(message)
        if self.classes is not None and (not self.classes or len(set(self.classes)) < len(self.classes)):
            message = f"classes must be ids, each once, but are {list(self.classes)}"
            raise ValueError(message)
        if classes is not None and self.classes is not None and not all(0 <= c < classes for c in self.classes):
            message = f"classes must lie in 0..{classes - 1}, but are {list(self.classes)}"
            raise ValueError(message)

    @property
    def added(self) -> float:
        """What is added to numerator and denominator."""
        if self.smooth is None:
            return 0.0 if self.compat == "smp" else SMOOTH
        return self.smooth


def overlap(
    logits: Tensor, labels: Tensor, ignore_index: int, *, threshold: float | None = None, squared: bool = False
) -> Overlap:
    """The sums of each image, without a one-hot tensor: only the label's own probability is gathered.

    Args:
        logits: (B, C, H, W) floating point.
        labels: (B, H, W) integers 0..C-1 or `ignore_index`.
        ignore_index: label of the pixels that stay out.
        threshold: probabilities above it count as 1, others as 0; there is no gradient then.
        squared: sum p² in place of p in `predicted`.

    Raises:
        ValueError: for shapes or labels that do not fit.
    """
    check_shapes(logits, labels, None)
    batch, classes = logits.shape[:2]
    safe, valid = valid_labels(labels, classes, ignore_index)
    p = torch.where(valid.unsqueeze(1), torch.softmax(visible(logits, valid), 1), 0)
    if threshold is not None:
        p = (p > threshold).to(p.dtype)
    wide = widest(logits.device)
    image = torch.arange(batch, device=labels.device).view(-1, *(1,) * (labels.ndim - 1))
    place = (image * classes + safe).flatten()
    none = torch.zeros(batch * classes, dtype=wide, device=logits.device)
    hit = none.index_add(0, place, p.gather(1, safe.unsqueeze(1)).flatten().to(wide))
    truth = none.index_add(0, place, valid.flatten().to(wide))
    predicted = (p * p if squared else p).flatten(2).sum(2) if p.ndim > 2 else (p * p if squared else p)
    return Overlap(hit.view(batch, classes), predicted.to(wide), truth.view(batch, classes))


def loss_of_scores(score: Tensor, truth: Tensor, weights: Tensor | None, options: OverlapOptions) -> Tensor:
    """One loss from the score of every class, by the policy for absent classes and the weights.

    Args:
        score: (I, C) of each image or, with I = 1, of the batch.
        truth: (I, C) pixels of each class.
        weights: (C,) used as given; all 1 by default.
        options: how to put them together.

    Returns:
        A scalar; 0 where all weights or pixels are left out.
    """
    present = truth > 0
    valid = present.any(1)
    weight = torch.ones_like(score) if weights is None else weights.to(score.dtype).expand_as(score)
    if options.classes is not None:
        chosen = torch.tensor(list(options.classes), device=score.device)
        score, present, weight = (part.index_select(1, chosen) for part in (score, present, weight))
    if options.compat == "keras":
        return 1 - _mean(weight * score) if score.numel() else score.sum()
    if options.compat == "monai":
        return _mean(weight * (1 - score))
    loss = 1 - score
    if options.absent == "skip" and options.compat == "none":
        weight = weight * present
    elif options.absent == "zero" or options.compat == "smp":
        loss = torch.where(present, loss, 0)
    each = ratio((weight * loss).sum(1), weight.sum(1))
    return ratio((each * valid).sum(), valid.sum())


def _mean(values: Tensor) -> Tensor:
    return values.mean() if values.numel() else values.sum()

"""The fused sums on the CPU: a strip of rows at a time, small enough to stay in the cache."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from labelprep.learning.losses.pixels import valid_labels

ELEMENTS = 1 << 17  # logits of a strip: half a megabyte of float32
PIXELS = 1 << 14  # of a strip at most: with few classes it is the pixels that fill the cache


@dataclass(frozen=True)
class _Strip:
    """Some rows of one image, C classes and n pixels.

    Attributes:
        place: image and rows, to index (B, C, H, W) by `[image, :, rows]`.
        label: (n,) int64, 0 where ignored.
        valid: (n,) bool; None where no pixel is ignored.
        at_label: (n,) logit of the label less the largest.
        spread: (n,) sum over classes of w (-log p), where it was asked for.
        power: (C, n) exp of the logits less their largest.
        total: (n,) sum of the powers.
    """

    place: tuple[int, slice]
    label: Tensor
    valid: Tensor | None
    at_label: Tensor
    spread: Tensor | None
    power: Tensor
    total: Tensor

    def kept(self, values: Tensor) -> Tensor:
        """The values (n,) or (C, n), 0 where ignored."""
        return values if self.valid is None else torch.where(self.valid, values, 0)

    def label_probability(self) -> Tensor:
        """(n,) softmax at the label, 0 where ignored."""
        return self.kept(self.at_label.exp() / self.total)

    def label_nll(self, weights: Tensor | None) -> Tensor:
        """(n,) weighted, from the logits, so that it is right where the probability is 0; 0 where ignored."""
        nll = self.kept(self.total.log() - self.at_label)
        return nll if weights is None else _times(weights.index_select(0, self.label), nll)

    def label_count(self) -> Tensor:
        """(C,) valid pixels of each class."""
        count = torch.bincount(self.label, minlength=len(self.power))
        if self.valid is not None:
            count[0] -= len(self.valid) - self.valid.sum()
        return count

    def softmax(self) -> Tensor:
        """(C, n), 0 where ignored; takes the place of the powers."""
        return self.power.mul_(self.kept(self.total.reciprocal()))


def _times(weight: Tensor, values: Tensor) -> Tensor:
    """The product, 0 where the weight is 0 and the value infinite."""
    return torch.where(weight > 0, weight * values, 0)


def _strips(logits: Tensor, labels: Tensor, ignore_index: int, spread: Tensor | None = None) -> Iterator[_Strip]:
    """All strips; `spread` are the weights (C,) of its sum."""
    batch, classes, height, width = logits.shape
    rows = max(1, min(ELEMENTS // max(classes, 1), PIXELS) // max(width, 1))
    wide = torch.promote_types(logits.dtype, torch.float32)
    for image in range(batch if width else 0):
        for top in range(0, height, rows):
            place = (image, slice(top, top + rows))
            label, valid = _labels(labels, place, classes, ignore_index)
            z = logits[image, :, place[1]].flatten(1).to(wide)
            if valid is not None:
                z = torch.where(valid, z, 0)  # what an ignored pixel holds may be NaN
            z = z - z.amax(0)
            at_label = z.gather(0, label.unsqueeze(0)).squeeze(0)
            weighed = None if spread is None else _times(spread.unsqueeze(1), z).sum(0)
            power = z.exp_()
            total = power.sum(0)
            nll = None if spread is None or weighed is None else total.log() * spread.sum() - weighed
            yield _Strip(place, label, valid, at_label, nll, power, total)


def _labels(labels: Tensor, place: tuple[int, slice], classes: int, ignore_index: int) -> tuple[Tensor, Tensor | None]:
    label = labels[place].flatten().to(torch.int64)
    least, most = label.aminmax()
    if least >= 0 and most < classes and not (least <= ignore_index <= most):
        return label, None
    try:
        safe, valid = valid_labels(label, classes, ignore_index)
    except ValueError:
        valid_labels(labels, classes, ignore_index)  # says how many there are in all
        raise
    return safe, valid


def forward(
    logits: Tensor,
    labels: Tensor,
    weights: Tensor | None,
    ignore_index: int,
    gamma: float,
    overlap: bool,
    spread: bool,
) -> tuple[Tensor, Tensor]:
    """See `fused.pixel_sums`.

    Raises:
        ValueError: for labels out of range.
    """
    batch, classes = logits.shape[:2]
    wide = torch.float64
    by_class = torch.zeros(batch, 3, classes, dtype=wide)
    by_image = torch.zeros(batch, 3, dtype=wide)
    for strip in _strips(logits, labels, ignore_index, _spread_weights(logits, weights) if spread else None):
        image = strip.place[0]
        nll = strip.label_nll(weights)
        by_image[image, 0] += nll.sum(dtype=wide)
        p = strip.label_probability() if overlap or gamma >= 0 else nll
        if gamma >= 0:
            by_image[image, 1] += (_rest(p) ** gamma * nll).sum(dtype=wide)
        if strip.spread is not None:
            by_image[image, 2] += strip.kept(strip.spread).sum(dtype=wide)
        if overlap:
            by_class[image, 0] += torch.bincount(strip.label, p.to(wide), classes)
            by_class[image, 1] += strip.softmax().sum(1)
        by_class[image, 2] += strip.label_count()
    return by_class, by_image


def _spread_weights(logits: Tensor, weights: Tensor | None) -> Tensor:
    wide = torch.promote_types(logits.dtype, torch.float32)
    return torch.ones(logits.shape[1], dtype=wide) if weights is None else weights


def _rest(p: Tensor) -> Tensor:
    """1 - p, not below the smallest number: a small power of 0 has no derivative."""
    return (1 - p).clamp_min(torch.finfo(p.dtype).tiny)


def backward(
    logits: Tensor,
    labels: Tensor,
    weights: Tensor | None,
    by_class: Tensor,
    by_image: Tensor,
    ignore_index: int,
    gamma: float,
    overlap: bool,
    spread: bool,
) -> Tensor:
    """See `fused.pixel_sums_backward`.

    With g the derivative by each probability, dL/dz_k = p_k (g_k - sum_j p_j g_j) from the overlap sums, and
    (p_k - [k = y]) times the derivative by the nll of the label from the others.
    """
    gradient = torch.empty_like(logits)
    spread_weights = _spread_weights(logits, weights)
    by_class, by_image = by_class.to(spread_weights.dtype), by_image.to(spread_weights.dtype)
    for strip in _strips(logits, labels, ignore_index):
        image, rows = strip.place
        hit, predicted, _ = by_class[image]
        each = by_image[image, 2] * spread_weights if spread else None
        slope = _label_slope(strip, weights, by_image[image], gamma)
        at_label, common = -slope, slope if each is None else slope + each.sum()
        if overlap:
            p_hit = strip.label_probability() * hit.index_select(0, strip.label)
            mean = (strip.softmax() * predicted.unsqueeze(1)).sum(0) + p_hit
            out = strip.power.mul_(predicted.unsqueeze(1) + (common - mean))
            at_label = at_label + p_hit
        else:
            out = strip.softmax().mul_(common)
        if each is not None:
            out -= strip.kept(each.unsqueeze(1))
        added = strip.kept(at_label.expand(len(strip.label)))
        out.scatter_add_(0, strip.label.unsqueeze(0), added.unsqueeze(0))
        gradient[image, :, rows] = out.view_as(gradient[image, :, rows])
    return gradient


def _label_slope(strip: _Strip, weights: Tensor | None, by_image: Tensor, gamma: float) -> Tensor:
    """Derivative of the loss by the nll of the label, through cross entropy and focal: (n,), or one for all."""
    slope = by_image[0]
    if gamma >= 0:
        p, nll = strip.label_probability(), strip.label_nll(None)
        rest = _rest(p)
        slope = slope + by_image[1] * (rest**gamma + gamma * rest ** (gamma - 1) * _times(p, nll))
    return slope if weights is None else weights.index_select(0, strip.label) * slope

"""Evaluation's one read of the logits: ids, entropy, confidence and likelihood of every pixel, and their counts.

Sums are whole numbers of `UNIT`: they add up to the same in any order, whatever the batches, workers and processes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from labelprep.learning.confusion import confusion_matrix
from labelprep.learning.losses.pixels import widened

UNIT = 2.0**-24  # of entropy, confidence and negative log likelihood in sums
MOST_NLL = 2.0**14  # nats that a pixel counts at most; a class that is ruled out would make every mean infinite
CHUNK = 2**18  # logits that are worked on at a time on the CPU, so that they stay in its cache
MOST_CLASSES = 2048  # that the kernel for GPUs holds in registers


@dataclass(frozen=True)
class Planes:
    """What one read of the logits (C, H, W) gives; every plane is (H, W).

    Attributes:
        ids: the class of the largest logit, the least of equals; uint8, or int32 for more than 256 classes.
        entropy: of the softmax, divided by ln C, in [0, 1]; float32.
        confidence: the largest probability; float32.
        nll: negative logarithm of the labelled class's probability; float32.
    """

    ids: Tensor
    entropy: Tensor
    confidence: Tensor
    nll: Tensor


@dataclass
class Sums:
    """Counts over the valid pixels of any number of images; sums in `UNIT`s.

    Attributes:
        confusion: (C, C) pixels, rows truth, columns prediction.
        nll: sum of the negative log likelihood, each pixel at most `MOST_NLL`.
        entropy: sum of the entropy.
        bins: (3, M) pixels, right pixels, sum of confidence, by confidence in M bins.
        doubt: (2, E) pixels, wrong pixels, by entropy in E bins.
    """

    confusion: NDArray[np.int64]
    bins: NDArray[np.int64]
    doubt: NDArray[np.int64]
    nll: int = 0
    entropy: int = 0

    @classmethod
    def zero(cls, classes: int, bins: int, doubt: int) -> Sums:
        """Nothing yet."""
        shapes = ((classes, classes), (3, bins), (2, doubt))
        confusion, by_confidence, by_entropy = (np.zeros(shape, np.int64) for shape in shapes)
        return cls(confusion, by_confidence, by_entropy)

    def __add__(self, other: Sums) -> Sums:
        """Both together."""
        return Sums(**{name: value + getattr(other, name) for name, value in vars(self).items()})

    @property
    def pixels(self) -> int:
        """Valid pixels."""
        return int(self.confusion.sum())


def read(logits: Tensor, labels: Tensor, *, ignore_index: int = 255) -> Planes:
    """Reads logits once.

    Args:
        logits: (C, H, W) floating point, any memory format; -inf rules a class out.
        labels: (H, W) ids 0..C-1 or `ignore_index`; the likelihood of ignored pixels is that of class 0.
        ignore_index: id of the ignored pixels.

    Raises:
        FloatingPointError: where a pixel's logits are NaN, +inf, or all -inf.
    """
    joined = Planes(*(_read_on_gpu if _has_kernel(logits) else _read_in_chunks)(logits, labels, ignore_index))
    if not bool(torch.isfinite(joined.entropy).all()):
        message = "logits that are not finite"
        raise FloatingPointError(message)
    return joined


def _has_kernel(logits: Tensor) -> bool:
    narrow = logits.dtype != torch.float64 and len(logits) <= MOST_CLASSES
    return logits.device.type == "cuda" and narrow and find_spec("triton") is not None


def _read_on_gpu(logits: Tensor, labels: Tensor, ignore_index: int) -> tuple[Tensor, ...]:
    from labelprep.learning.evaluation.readout_triton import read_planes

    return read_planes(logits, labels, ignore_index)


def _read_in_chunks(logits: Tensor, labels: Tensor, ignore_index: int) -> tuple[Tensor, ...]:
    classes, height, width = logits.shape
    rows = height if logits.device.type != "cpu" else max(1, CHUNK // max(1, classes * width))
    parts = [
        _read(logits[:, top : top + rows], labels[top : top + rows], ignore_index) for top in range(0, height, rows)
    ]
    return tuple(torch.cat(column) for column in zip(*parts, strict=True))


def _read(logits: Tensor, labels: Tensor, ignore_index: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    classes = logits.shape[0]
    wide = widened(logits)
    top, ids = wide.max(0)
    below = (wide - top).clamp_min_(torch.finfo(wide.dtype).min)  # -inf times a probability of 0 would be NaN
    powers = below.exp()
    total = powers.sum(0)
    spread = total.log()
    nats = spread - (powers.mul_(below)).sum(0) / total
    entropy = (nats / math.log(classes)).clamp_(0, 1) if classes > 1 else nats * 0
    safe = torch.where(labels == ignore_index, 0, labels).to(torch.int64)
    nll = spread - below.gather(0, safe[None])[0]
    small = torch.uint8 if classes <= 256 else torch.int32
    return ids.to(small), entropy.float(), total.reciprocal().float(), nll.float()


def count(planes: Planes, labels: Tensor, classes: int, *, ignore_index: int, bins: int, doubt: int) -> Sums:
    """The counts of one image or a part of it.

    Args:
        planes: of `read` with these labels.
        labels: (H, W) ids 0..C-1 or `ignore_index`.
        classes: C.
        ignore_index: id of the ignored pixels.
        bins: M equal bins of confidence, each without its lower and with its upper end, as Guo et al. 2017 have them.
        doubt: E equal bins of entropy, each with its lower and without its upper end, but for the last.

    Raises:
        ValueError: for labels out of range.
    """
    confusion = confusion_matrix(planes.ids, labels, classes, ignore_index=ignore_index)
    valid = labels != ignore_index
    truth = labels[valid].to(torch.int64)
    right = truth == planes.ids[valid]
    confidence, entropy = planes.confidence[valid], planes.entropy[valid]
    nll = planes.nll[valid]
    place = ((confidence * bins).ceil().long() - 1).clamp_(0, bins - 1)
    unsure = (entropy * doubt).long().clamp_(0, doubt - 1)
    return Sums(
        confusion=confusion.cpu().numpy(),
        bins=np.stack([_counted(place, bins), _counted(place[right], bins), _summed(place, _units(confidence), bins)]),
        doubt=np.stack([_counted(unsure, doubt), _counted(unsure[~right], doubt)]),
        nll=int(_units(nll.clamp_max(MOST_NLL)).sum()),
        entropy=int(_units(entropy).sum()),
    )


def _units(values: Tensor) -> Tensor:
    return (values.double() / UNIT).round().to(torch.int64)


def _counted(places: Tensor, length: int) -> NDArray[np.int64]:
    counts: NDArray[np.int64] = torch.bincount(places, minlength=length).cpu().numpy()
    return counts


def _summed(places: Tensor, units: Tensor, length: int) -> NDArray[np.int64]:
    sums = torch.zeros(length, dtype=torch.int64, device=units.device).index_add_(0, places, units)
    found: NDArray[np.int64] = sums.cpu().numpy()
    return found

"""What an epoch came to, and the sums that it is made of."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from labelprep.learning.distributed import Group

WEATHER = ("seconds", "images_per_second", "data_wait", "peak_memory_mb")  # of the machine, not of the training


@dataclass(frozen=True)
class Epoch:
    """One line of `history.jsonl`.

    Attributes:
        epoch: from 1.
        train_loss: mean over the images trained on, while the weights changed.
        val_loss: mean over the validation images; None where the epoch was not validated.
        train_accuracy: pixel accuracy of the same predictions, augmented images included.
        val_accuracy: pixel accuracy at the masks' own size.
        val_miou: dataset-level mIoU at the masks' own size; None where no pixel is valid.
        lr: learning rate of the head in the last step.
        seconds: wall time of training and validation.
        images_per_second: of training, over all processes.
        data_wait: share of the training time in which the first process waited for data.
        peak_memory_mb: most memory so far, 2^20 bytes: of the GPU, else of this process; None where nobody tells.
    """

    epoch: int
    train_loss: float
    val_loss: float | None
    train_accuracy: float | None
    val_accuracy: float | None
    val_miou: float | None
    lr: float
    seconds: float
    images_per_second: float
    data_wait: float
    peak_memory_mb: int | None

    def figures(self) -> dict[str, float | None]:
        """What the weights came to, without the time it took."""
        return {name: value for name, value in self.__dict__.items() if name not in ("epoch", *WEATHER)}


@dataclass
class Sums:
    """Sums over the batches of a pass, of this process.

    Attributes:
        confusion: (C, C) int64 on the device.
        loss: sum over images.
        images: how many.
        seconds: time spent.
        waited: part of it, waiting for data.
    """

    confusion: Tensor
    loss: float = 0.0
    images: int = 0
    seconds: float = field(default=0.0)
    waited: float = field(default=0.0)

    def add(self, loss: float, images: int, confusion: Tensor) -> None:
        """One batch more."""
        self.loss += loss * images
        self.images += images
        self.confusion += confusion

    def plain(self) -> dict[str, Any]:
        """Values that `torch.load(weights_only=True)` reads."""
        return {**self.__dict__, "confusion": self.confusion.cpu()}

    @classmethod
    def of(cls, values: dict[str, Any], device: torch.device) -> Sums:
        """The sums that `plain` gave."""
        return cls(**{**values, "confusion": values["confusion"].to(device)})

    def over(self, group: Group) -> Sums:
        """The sums over all processes; time is that of this one."""
        if group.world == 1:
            return self
        numbers = group.gathered((self.loss, self.images))
        return Sums(
            group.total(self.confusion),
            sum(loss for loss, _ in numbers),
            sum(images for _, images in numbers),
            self.seconds,
            self.waited,
        )


def peak_memory_mb(device: torch.device) -> int | None:
    """Most memory so far in 2^20 bytes: what torch took of the GPU, else this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) >> 20
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak >> 20 if sys.platform == "darwin" else peak >> 10

"""Model, optimizer and data of one training run: one epoch after the other."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
import torchinfo
from numpy.typing import NDArray
from torch import Tensor

from labelprep import __version__, metrics
from labelprep.errors import UsageError
from labelprep.learning.batches import Batch, Loader, batches, train_loader, whole_loader
from labelprep.learning.checkpoint import Checkpoint
from labelprep.learning.confusion import confusion_matrix
from labelprep.learning.data import Fit, Pair, TrainData, WholeData, augmentation, normalized, pairs
from labelprep.learning.full_size import at_size, nearest_labels
from labelprep.learning.losses import LossValue, parse_loss
from labelprep.learning.models import Segmenter, create_model
from labelprep.learning.options import Size, TrainOptions
from labelprep.learning.progress import Progress
from labelprep.prepared import Prepared
from labelprep.weights import weights_for_table

SHOWN_SIDE = 512  # the model summary needs no larger picture


@dataclass(frozen=True)
class Epoch:
    """One line of `history.jsonl`.

    Attributes:
        epoch: from 1.
        train_loss: mean over the images trained on, while the weights changed.
        val_loss: mean over the validation images.
        train_accuracy: pixel accuracy of the same predictions, augmented images included.
        val_accuracy: pixel accuracy at the masks' own size.
        val_miou: dataset-level mIoU at the masks' own size; None where no pixel is valid.
        lr: learning rate.
        seconds: wall time of training and validation.
    """

    epoch: int
    train_loss: float
    val_loss: float
    train_accuracy: float | None
    val_accuracy: float | None
    val_miou: float | None
    lr: float
    seconds: float


class Trainer:
    """Model, optimizer and data of one run."""

    def __init__(self, prepared: Prepared, options: TrainOptions, device: torch.device) -> None:
        self.prepared, self.options, self.device = prepared, options, device
        self.table = prepared.table
        self.classes, self.ignore_index = len(self.table), self.table.ignore_index
        self.exif_rotate = bool(prepared.info["options"].get("exif_rotate", False))
        self.weights = None if options.weights is None else weights_for_table(options.weights, self.table)
        self.loss = make_loss(options, self.weights, self.ignore_index)
        self._load(
            pairs(prepared, options.train_split, options.images), pairs(prepared, options.val_split, options.images)
        )
        self.model = create_model(options.model, self.classes, options.pretrained).to(device)
        least = min(len(self.train_pairs), options.batch_size)
        if least < self.model.least_batch:
            message = f"{options.model} normalises over the batch and cannot be trained on batches of {least}"
            raise UsageError(message, hint="give --batch-size 2 or more and as many images, or choose another model")
        self.optimizer = make_optimizer(self.model, options)

    def _load(self, chosen: tuple[Pair, ...], held_out: tuple[Pair, ...]) -> None:
        options = self.options
        self.train_pairs, self.val_pairs = chosen, held_out
        augment = augmentation(
            resize=options.resize, crop=options.crop, flip=options.flip, ignore_index=self.ignore_index
        )
        data = TrainData(chosen, augment, seed=options.seed, exif_rotate=self.exif_rotate)
        self.train_data, self.draws = train_loader(data, options, self.device)
        whole = WholeData(held_out, Fit(size=options.resize), exif_rotate=self.exif_rotate)
        self.val_data = whole_loader(whole, batch_size=options.batch_size, workers=options.workers, device=self.device)

    def facts(self) -> dict[str, Any]:
        """What `run.json` holds."""
        packages = ("torch", "torchvision", "numpy", "pillow")
        return {
            "options": self.options.plain(),
            "class_table": self.table.to_dict(),
            "table_hash": self.table.hash,
            "class_weights": None if self.weights is None else self.weights.tolist(),
            "data": {
                "identity": self.prepared.identity,
                "train_images": len(self.train_pairs),
                "val_images": len(self.val_pairs),
            },
            "parameters": self.model.parameter_count(),
            "device": self.device.type,
            "versions": {"labelprep": __version__, "python": platform.python_version()}
            | {name: version(name) for name in packages},
        }

    def describe(self) -> str:
        """Layers, shapes and parameters, as torchinfo draws them."""
        size = self._seen_size()
        statistics = torchinfo.summary(
            self.model, input_size=(1, 3, *size), mode="eval", verbose=0, device=self.device, col_width=18
        )
        return f"{self.options.model}, {self.classes} classes, images of {size[0]} x {size[1]}\n{statistics}\n"

    def _seen_size(self) -> Size:
        height, width = self.options.crop or self.options.resize or self.train_pairs[0].size
        return min(height, SHOWN_SIDE), min(width, SHOWN_SIDE)

    def epoch(self, number: int, progress: Progress) -> tuple[Epoch, NDArray[np.int64]]:
        """Trains for one epoch and validates; also the confusion matrix of the validation split."""
        start = time.perf_counter()
        self.draws.epoch = number
        loss, confusion = self._train_pass(f"epoch {number}/{self.options.epochs}", progress)
        val_loss, val_confusion = self._validate(f"validating {number}/{self.options.epochs}", progress)
        figures = Epoch(
            epoch=number,
            train_loss=loss,
            val_loss=val_loss,
            train_accuracy=metrics.pixel_accuracy(confusion),
            val_accuracy=metrics.pixel_accuracy(val_confusion),
            val_miou=metrics.mean_iou(val_confusion),
            lr=self.optimizer.param_groups[0]["lr"],
            seconds=round(time.perf_counter() - start, 3),
        )
        return figures, val_confusion

    def _train_pass(self, what: str, progress: Progress) -> tuple[float, NDArray[np.int64]]:
        self.model.train()
        total, images, confusion = 0.0, 0, self._no_confusion()
        for step, (batch, inputs) in enumerate(self._on_device(self.train_data), 1):
            labels = torch.stack(batch.masks).to(self.device, torch.int64)
            logits = self.model(inputs)
            loss = self.loss(logits, labels).total
            value = self._finite(loss, batch)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            self.optimizer.step()
            confusion += self._confusion(logits.detach(), labels)
            total, images = total + value * len(inputs), images + len(inputs)
            progress(what, step, len(self.train_data), loss=round(total / images, 4))
        return total / images, confusion.cpu().numpy()

    @torch.inference_mode()
    def _validate(self, what: str, progress: Progress) -> tuple[float, NDArray[np.int64]]:
        self.model.eval()
        total, images, confusion = 0.0, 0, self._no_confusion()
        for step, (batch, inputs) in enumerate(self._on_device(self.val_data), 1):
            logits = self.model(inputs)
            masks = [mask.to(self.device, torch.int64) for mask in batch.masks]
            loss = self.loss(logits, nearest_labels(masks, inputs.shape[-2:])).total
            for one, mask in zip(logits.split(1), masks, strict=True):
                confusion += self._confusion(at_size(one, mask.shape), mask[None])
            total, images = total + float(loss) * len(inputs), images + len(inputs)
            progress(what, step, len(self.val_data), loss=round(total / images, 4))
        return total / images, confusion.cpu().numpy()

    def _on_device(self, loader: Loader) -> Iterator[tuple[Batch, Tensor]]:
        for batch in batches(loader):
            yield batch, normalized(batch.images.to(self.device, non_blocking=True))

    def _no_confusion(self) -> Tensor:
        return torch.zeros(self.classes, self.classes, dtype=torch.int64, device=self.device)

    def _confusion(self, logits: Tensor, labels: Tensor) -> Tensor:
        return confusion_matrix(logits.argmax(1), labels, self.classes, ignore_index=self.ignore_index)

    def _finite(self, loss: Tensor, batch: Batch) -> float:
        value = float(loss.detach())
        if not np.isfinite(value):
            keys = ", ".join(self.train_pairs[index].key for index in batch.indices)
            message = f"the loss became {value} in epoch {self.draws.epoch}, on the batch of: {keys}"
            hint = "lower --lr, or look at these images; the checkpoints hold the epochs before"
            raise UsageError(message, code="non-finite-loss", hint=hint)
        return value

    def checkpoint(self, epoch: Epoch) -> Checkpoint:
        """The model as it is now."""
        figures = {name: value for name, value in epoch.__dict__.items() if name not in ("epoch", "seconds")}
        return Checkpoint(
            model=self.options.model,
            state={name: value.detach().cpu().clone() for name, value in self.model.state_dict().items()},
            table=self.table,
            epoch=epoch.epoch,
            metrics=figures,
            options=self.options.plain() | {"exif_rotate": self.exif_rotate},
            train_counts=self.prepared.counts(self.options.train_split),
        )


def make_optimizer(model: Segmenter, options: TrainOptions) -> torch.optim.Optimizer:
    """Adam, AdamW or SGD over all parameters.

    Raises:
        UsageError: for another name.
    """
    shared: dict[str, Any] = {"lr": options.lr, "weight_decay": options.weight_decay}
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if options.optimizer == "adam":
        return torch.optim.Adam(parameters, **shared)
    if options.optimizer == "adamw":
        return torch.optim.AdamW(parameters, **shared)
    if options.optimizer == "sgd":
        return torch.optim.SGD(parameters, momentum=options.momentum, **shared)
    message = f"optimizer must be adam, adamw or sgd, but is {options.optimizer!r}"
    raise UsageError(message)


def make_loss(
    options: TrainOptions, weights: NDArray[np.float64] | None, ignore_index: int
) -> Callable[[Tensor, Tensor], LossValue]:
    """The loss that the options describe.

    Raises:
        UsageError: for words that make no loss.
    """
    names = ("dice_beta", "dice_reduction", "dice_absent", "focal_gamma", "focal_alpha", "compat")
    words = {name: getattr(options, name) for name in names}
    try:
        return parse_loss(options.loss, weights=weights, ignore_index=ignore_index, **words)
    except ValueError as error:
        raise UsageError(str(error)) from error

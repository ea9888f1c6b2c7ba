"""Model, optimizer and data of one training run: one epoch after the other, stopped and taken up at any step."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torchinfo
from numpy.typing import NDArray
from torch import Tensor

from labelprep import metrics
from labelprep.errors import UsageError
from labelprep.learning.arithmetic import Say
from labelprep.learning.checkpoint import Checkpoint
from labelprep.learning.confusion import confusion_matrix
from labelprep.learning.data.batches import Batch, batches
from labelprep.learning.data.feed import Feed
from labelprep.learning.data.train_data import normalized
from labelprep.learning.distributed import Group
from labelprep.learning.evaluation.full_size import at_size, nearest_labels
from labelprep.learning.losses import LossValue, parse_loss
from labelprep.learning.models import create_model
from labelprep.learning.options import Size, TrainOptions
from labelprep.learning.progress import Progress
from labelprep.learning.randomness import random_state, restore_random_state
from labelprep.learning.training.epoch import Epoch, Sums, peak_memory_mb
from labelprep.learning.training.facts import git_commit, versions
from labelprep.learning.training.optim import make_optimizer
from labelprep.learning.training.schedule import make_scheduler
from labelprep.learning.training.stepper import Stepper
from labelprep.prepared import Prepared
from labelprep.weights import weights_for_table

SHOWN_SIDE = 512  # the model summary needs no larger picture
AUX = "net.aux_classifier."  # no part of the finished model


class Trainer:
    """Model, optimizer and data of one run.

    Attributes:
        number: the epoch in progress, from 1.
        done: batches of it that are done.
        sums: over these batches.
    """

    def __init__(self, prepared: Prepared, options: TrainOptions, group: Group, say: Say) -> None:
        self.prepared, self.options, self.group = prepared, options, group
        self.device = group.device
        self.table = prepared.table
        self.classes, self.ignore_index = len(self.table), self.table.ignore_index
        self.weights = None if options.weights is None else weights_for_table(options.weights, self.table)
        loss = make_loss(options, self.weights, self.ignore_index, self.table.names)
        self.feed = Feed(prepared, options, group)
        self.model = create_model(options.model, self.classes, options.pretrained, aux=options.aux_weight > 0)
        self._refuse_small_batches()
        self._place_model()
        optimizer = make_optimizer(self.model, options)
        steps = math.ceil(self.feed.batches / options.accumulate)
        scheduler = make_scheduler(
            optimizer,
            schedule=options.schedule,
            steps=steps * options.epochs,
            warmup=min(round(steps * options.warmup), steps * options.epochs - 1),
            power=options.poly_power,
        )
        self.stepper = Stepper(self.model, loss, optimizer, scheduler, options, group, say)
        if group.rank:  # dropout draws apart in every process
            torch.manual_seed(torch.initial_seed() + group.rank)
        self.number, self.done = 1, 0
        self.sums = self._no_sums()

    def _refuse_small_batches(self) -> None:
        least = min(self.feed.draws.kept, self.options.batch_size)
        if least < self.model.least_batch:
            message = f"{self.options.model} normalises over the batch and cannot be trained on batches of {least}"
            raise UsageError(message, hint="give --batch-size 2 or more and as many images, or choose another model")

    def _place_model(self) -> None:
        if self.options.sync_bn:
            if self.device.type != "cuda":
                message = f"sync_bn works on GPUs alone, and this is {self.device.type}"
                raise UsageError(message, hint="leave --sync-bn out")
            convert = torch.nn.SyncBatchNorm.convert_sync_batchnorm
            self.model.net = convert(self.model.net)  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self.model.to(self.device)
        if self.options.channels_last:
            self.model.to(memory_format=torch.channels_last)

    def facts(self) -> dict[str, Any]:
        """What `run.json` holds."""
        return {
            "options": self.options.plain(),
            "class_table": self.table.to_dict(),
            "table_hash": self.table.hash,
            "class_weights": None if self.weights is None else self.weights.tolist(),
            "data": {
                "identity": self.prepared.identity,
                "train_images": len(self.feed.train_pairs),
                "val_images": len(self.feed.val_pairs),
            },
            "parameters": self.model.parameter_count(),
            "device": self.device.type,
            "processes": self.group.world,
            "precision": self.stepper.precision,
            "versions": versions(self.device),
            "git": git_commit(),
        }

    def identity(self) -> dict[str, Any]:
        """What must be the same for a run to go on."""
        return {
            "options": self.options.plain(),
            "class_table": self.table.hash,
            "prepared_set": self.prepared.identity,
            "class_weights": None if self.weights is None else self.weights.tolist(),
            "kind_of_device": self.device.type,
            "precision": self.stepper.precision,
            "number_of_processes": self.group.world,
        }

    def describe(self) -> str:
        """Layers, shapes and parameters, as torchinfo draws them."""
        height, width = self._seen_size()
        statistics = torchinfo.summary(
            self.model, input_size=(1, 3, height, width), mode="eval", verbose=0, device=self.device, col_width=18
        )
        return f"{self.options.model}, {self.classes} classes, images of {height} x {width}\n{statistics}\n"

    def _seen_size(self) -> Size:
        height, width = self.options.crop or self.options.resize or self.feed.train_pairs[0].size
        return min(height, SHOWN_SIDE), min(width, SHOWN_SIDE)

    def train_epoch(self, progress: Progress, at_step: Callable[[], None]) -> None:
        """The batches of the epoch in progress that are not done.

        Args:
            progress: is told of every batch.
            at_step: called behind every step of the optimizer, when the state is whole; what it raises goes through.
        """
        self.model.train()
        what, total = f"epoch {self.number}/{self.options.epochs}", self.feed.batches
        behind = time.perf_counter()
        for batch, waited in self.feed.train_pass(self.number, self.done):
            self._step(batch, total)
            now = time.perf_counter()
            self.sums.seconds, self.sums.waited = self.sums.seconds + now - behind, self.sums.waited + waited
            behind = now
            progress(what, self.done, total, loss=round(self.sums.loss / self.sums.images, 4))
            if self.done % self.options.accumulate == 0 or self.done == total:
                at_step()

    def _step(self, batch: Batch, total: int) -> None:
        accumulate = self.options.accumulate
        first = self.done - self.done % accumulate  # of the group of batches that make a step
        images, labels = self._images(batch), torch.stack(batch.masks).to(self.device, torch.int64)
        value, logits = self.stepper(
            images,
            labels,
            lambda loss: self._refuse_infinite(loss, batch),
            share=1 / min(accumulate, total - first),
            last=self.done + 1 == min(first + accumulate, total),
        )
        self.done += 1
        self.sums.add(value, len(images), self._confusion(logits, labels))

    @torch.inference_mode()
    def validate(self, progress: Progress) -> Sums:
        """The validation split in float32, over all processes; each takes its share of it, none twice."""
        model = self.stepper.shown.eval()
        self.group.follow(list(model.buffers()))
        sums, loader = self._no_sums(), self.feed.val_data
        for step, batch in enumerate(batches(loader), 1):
            images = self._images(batch)
            logits = model(images)
            masks = [mask.to(self.device, torch.int64) for mask in batch.masks]
            loss = self.stepper.loss(logits, nearest_labels(masks, images.shape[-2:])).total
            confusion = self._no_confusion()
            for one, mask in zip(logits.split(1), masks, strict=True):
                confusion += self._confusion(at_size(one, mask.shape), mask[None])
            sums.add(float(loss), len(images), confusion)
            what = f"validating {self.number}/{self.options.epochs}"
            progress(what, step, len(loader), loss=round(sums.loss / sums.images, 4))
        return sums.over(self.group)

    def close_epoch(self, validated: Sums | None, seconds: float) -> Epoch:
        """The figures of the epoch in progress, whose number goes up."""
        trained = self.sums.over(self.group)
        seen = None if validated is None else validated.confusion.cpu().numpy()
        figures = Epoch(
            epoch=self.number,
            train_loss=trained.loss / max(1, trained.images),
            val_loss=None if validated is None else validated.loss / max(1, validated.images),
            train_accuracy=metrics.pixel_accuracy(trained.confusion.cpu().numpy()),
            val_accuracy=None if seen is None else metrics.pixel_accuracy(seen),
            val_miou=None if seen is None else metrics.mean_iou(seen),
            lr=self.stepper.last_rate,
            seconds=round(trained.seconds + seconds, 3),
            images_per_second=round(trained.images / max(trained.seconds, 1e-9), 2),
            data_wait=round(trained.waited / max(trained.seconds, 1e-9), 4),
            peak_memory_mb=peak_memory_mb(self.device),
        )
        self.number, self.done, self.sums = self.number + 1, 0, self._no_sums()
        return figures

    def _images(self, batch: Batch) -> Tensor:
        images = normalized(batch.images.to(self.device, non_blocking=True))
        return images.contiguous(memory_format=torch.channels_last) if self.options.channels_last else images

    def _no_sums(self) -> Sums:
        return Sums(self._no_confusion())

    def _no_confusion(self) -> Tensor:
        return torch.zeros(self.classes, self.classes, dtype=torch.int64, device=self.device)

    def _confusion(self, logits: Tensor, labels: Tensor) -> Tensor:
        return confusion_matrix(logits.argmax(1), labels, self.classes, ignore_index=self.ignore_index)

    def _refuse_infinite(self, loss: float, batch: Batch) -> None:
        if not self.group.any(not math.isfinite(loss)):
            return
        pairs = [self.feed.train_pairs[index] for index in batch.indices]
        found = [] if math.isfinite(loss) else [(loss, [pair.key for pair in pairs], str(pairs[0].image))]
        value, keys, image = next(one for some in self.group.gathered(found) for one in some)
        message = f"the loss became {value} in epoch {self.number}, on the batch of: {', '.join(keys)}"
        hint = f"lower --lr, or look at these images ({image}, …); the checkpoints hold the epochs before"
        raise UsageError(message, code="non-finite-loss", hint=hint)

    def state(self) -> dict[str, Any]:
        """Everything that the rest of the training depends on; called in all processes at once."""
        mine = {"random": random_state(self.device), "sums": self.sums.plain()}
        place = {"epoch": self.number, "done": self.done, "processes": self.group.gathered(mine)}
        return {"identity": self.identity(), **place, **self.stepper.state()}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from what `state` gave."""
        self.stepper.restore(state)
        mine = state["processes"][self.group.rank]
        self.number, self.done = state["epoch"], state["done"]
        self.sums = Sums.of(mine["sums"], self.device)
        restore_random_state(mine["random"], self.device)

    def checkpoint(self, epoch: Epoch) -> Checkpoint:
        """The model as it is now."""
        state = self.stepper.shown.state_dict()
        return Checkpoint(
            model=self.options.model,
            state={name: value.detach().cpu().clone() for name, value in state.items() if not name.startswith(AUX)},
            table=self.table,
            epoch=epoch.epoch,
            metrics=epoch.figures(),
            options=self.options.plain() | {"exif_rotate": self.feed.exif_rotate},
            train_counts=self.prepared.counts(self.options.train_split),
        )


def make_loss(
    options: TrainOptions, weights: NDArray[np.float64] | None, ignore_index: int, names: Sequence[str] = ()
) -> Callable[[Tensor, Tensor], LossValue]:
    """The loss that the options describe.

    Raises:
        UsageError: for words that make no loss.
    """
    try:
        return parse_loss(options.loss, options, weights=weights, ignore_index=ignore_index, names=names)
    except ValueError as error:
        raise UsageError(str(error)) from error

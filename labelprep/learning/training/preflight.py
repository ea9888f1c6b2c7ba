"""What is looked at before the first step: labels, classes and weights, a sheet of samples, the speed of the data."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from labelprep.errors import UsageError
from labelprep.learning.arithmetic import Say
from labelprep.learning.data.batches import Batch
from labelprep.learning.training.sheet import Sample, overlay_sheet
from labelprep.learning.training.trainer import Trainer
from labelprep.storage.atomic import write_atomic

BATCHES, SECONDS = 16, 5.0  # at most, of the data alone


def preflight(trainer: Trainer, run: Path, say: Say) -> None:
    """Checks counts and weights, reads some batches, and writes `samples.png` and `preflight.json`.

    The ids of every mask are held against the class table on the host, here and in every later batch.

    Raises:
        UsageError: for counts of another number of classes, classes that weigh nothing, or data that cannot be read.
        EnvironmentFailure: disk full, no permission.
    """
    counted = _check_classes(trainer, say)
    drawn, images, seconds = _measure(trainer)
    write_atomic(run / "samples.png", overlay_sheet(drawn, trainer.table))
    speed = round(images / seconds, 1)
    values = {"images_per_second": speed, "images_read": images, "workers": trainer.options.workers, **counted}
    write_atomic(run / "preflight.json", (json.dumps(values, indent=1, ensure_ascii=False) + "\n").encode())
    say(f"data alone: {speed:g} images/s with {trainer.options.workers} workers; {run / 'samples.png'} shows samples")


def _check_classes(trainer: Trainer, say: Say) -> dict[str, Any]:
    names, feed = trainer.table.names, trainer.feed
    odd = [pair.key for pair in (*feed.train_pairs, *feed.val_pairs) if len(pair.pixels) != len(names)]
    if odd:
        message = f"the manifest counts another number of classes than {len(names)} for {len(odd)} masks: {odd[0]}, …"
        raise UsageError(message, path=trainer.prepared.root, hint="convert again with --overwrite")
    trained, held_out = (
        np.array([pair.pixels for pair in chosen]).sum(axis=0) for chosen in (feed.train_pairs, feed.val_pairs)
    )
    unseen = [name for name, t, v in zip(names, trained, held_out, strict=True) if v and not t]
    if unseen:
        say(f"validation holds classes that training does not: {', '.join(unseen)}")
    if trainer.weights is not None:
        muted = [name for name, t, w in zip(names, trained, trainer.weights, strict=True) if t and not w]
        if muted:
            say(f"classes of weight 0 that training holds, and that the loss will not see: {', '.join(muted)}")
    return {"train_pixels": trained.tolist(), "val_pixels": held_out.tolist(), "not_in_training": unseen}


def _measure(trainer: Trainer) -> tuple[list[Sample], int, float]:
    """Samples of the first batch, how many images were read, and in which time."""
    drawn: list[Sample] = []
    images, start = 0, time.perf_counter()
    for number, (batch, _) in enumerate(trainer.feed.train_pass(1, 0), 1):
        images += len(batch.images)
        if number == 1:
            drawn = _samples(batch, trainer)
            if trainer.feed.batches > 1:  # it also waited for processes and compiled loops to start
                images, start = 0, time.perf_counter()
        elif number >= BATCHES or time.perf_counter() - start > SECONDS:
            break
    return drawn, images, max(time.perf_counter() - start, 1e-9)


def _samples(batch: Batch, trainer: Trainer) -> list[Sample]:
    return [
        (trainer.feed.train_pairs[index].key, image.permute(1, 2, 0).numpy(), mask.numpy())
        for index, image, mask in zip(batch.indices, batch.images, batch.masks, strict=True)
    ]

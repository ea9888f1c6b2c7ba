"""Training from a prepared folder: epochs, history, the best and the last checkpoint."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from labelprep.atomic import write_atomic, write_lines
from labelprep.errors import UsageError
from labelprep.learning.device import choose_device
from labelprep.learning.options import TrainOptions
from labelprep.learning.progress import Progress, silent
from labelprep.learning.trainer import Epoch, Trainer
from labelprep.prepared import Prepared


@dataclass(frozen=True)
class TrainResult:
    """What a training run came to.

    Attributes:
        best: the epoch of the best validation mIoU; the first of equals.
        history: all epochs.
        confusion: (C, C) int64 of the validation split in the best epoch, rows truth, columns prediction.
        parameters: number of the model's parameters.
        identity: of the best checkpoint's weights.
    """

    best: Epoch
    history: tuple[Epoch, ...]
    confusion: NDArray[np.int64]
    parameters: int
    identity: str


def train(
    prepared: Prepared,
    run: Path,
    options: TrainOptions,
    *,
    progress: Progress = silent,
    on_epoch: Callable[[Epoch], None] = lambda _: None,
) -> TrainResult:
    """Trains a model and writes `run.json`, `model.txt`, `history.jsonl`, `best.pt` and `last.pt` into `run`.

    The best checkpoint is the one with the highest dataset-level mIoU on the validation split. All randomness
    comes from `options.seed`; torch's own generators are left as they were.

    Args:
        prepared: the prepared folder.
        run: the folder to write; files of an earlier run are replaced.
        options: how to train.
        progress: is told of every batch.
        on_epoch: is given every finished epoch.

    Raises:
        UsageError: for data or options that training cannot start with, and for a loss that is not finite.
        MismatchError: for class weights of another class table.
        EnvironmentFailure: for a device that is not there, weights that cannot be fetched, a full disk.
    """
    device = choose_device(options.device)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(options.seed)
        trainer = Trainer(prepared, options, device)
        for name in ("best.pt", "last.pt", "history.jsonl"):  # of an earlier run, not to be taken for this one's
            (run / name).unlink(missing_ok=True)
        write_atomic(run / "run.json", (json.dumps(trainer.facts(), indent=1, ensure_ascii=False) + "\n").encode())
        write_atomic(run / "model.txt", trainer.describe().encode())
        return _train(trainer, run, progress, on_epoch)


def _train(trainer: Trainer, run: Path, progress: Progress, on_epoch: Callable[[Epoch], None]) -> TrainResult:
    history: list[Epoch] = []
    best: tuple[Epoch, NDArray[np.int64], str] | None = None
    for number in range(1, trainer.options.epochs + 1):
        epoch, confusion = trainer.epoch(number, progress)
        history.append(epoch)
        checkpoint = trainer.checkpoint(epoch)
        if best is None or _rank(epoch) > _rank(best[0]):
            best = epoch, confusion, checkpoint.identity
            checkpoint.save(run / "best.pt")
        checkpoint.save(run / "last.pt")
        write_lines(run / "history.jsonl", (json.dumps(line.__dict__) for line in history))
        on_epoch(epoch)
    if best is None:
        message = f"epochs must be at least 1, but is {trainer.options.epochs}"
        raise UsageError(message)
    return TrainResult(best[0], tuple(history), best[1], trainer.model.parameter_count(), best[2])


def _rank(epoch: Epoch) -> float:
    return -1.0 if epoch.val_miou is None else epoch.val_miou

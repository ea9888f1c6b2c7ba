"""Training from a prepared folder: epochs, history, checkpoints, and a state to go on from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from labelprep.errors import UsageError
from labelprep.learning.arithmetic import Say, deterministic
from labelprep.learning.device import choose_device
from labelprep.learning.distributed import processes
from labelprep.learning.options import TrainOptions
from labelprep.learning.progress import Progress, silent
from labelprep.learning.randomness import own_randomness
from labelprep.learning.training.epoch import Epoch
from labelprep.learning.training.logs import require_tensorboard
from labelprep.learning.training.loop import Loop
from labelprep.learning.training.state import Existing, find_state
from labelprep.learning.training.trainer import Trainer
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
        stopped: `epochs`, `patience` or `time`: what ended it.
    """

    best: Epoch
    history: tuple[Epoch, ...]
    confusion: NDArray[np.int64]
    parameters: int
    identity: str
    stopped: str


def train(
    prepared: Prepared,
    run: Path,
    options: TrainOptions,
    *,
    existing: Existing = "refuse",
    progress: Progress = silent,
    on_epoch: Callable[[Epoch], None] = lambda _: None,
    say: Say = lambda _: None,
) -> TrainResult:
    """Trains a model into a run folder; an unfinished run with the same data and options goes on where it stopped.

    The best checkpoint is the one with the highest dataset-level mIoU on the validation split. All randomness comes
    from `options.seed`; the generators of Python, NumPy and torch are left as they were. docs/training.md lists the
    files. Under `torchrun` every process calls this; the first one writes.

    Args:
        prepared: the prepared folder.
        run: the folder to write.
        options: how to train.
        existing: what to do with another or a finished run in `run`: `refuse` or `replace` it; `anew` replaces an
            unfinished one too.
        progress: is told of every batch. A KeyboardInterrupt that it raises stops the run with its state saved.
        on_epoch: is given every finished epoch.
        say: is given a line on what a reader should know.

    Raises:
        UsageError: for data or options that training cannot start with, another run in `run`, and for a loss that is
            not finite.
        MismatchError: for class weights of another class table.
        EnvironmentFailure: for a device that is not there, weights that cannot be fetched, a full disk.
        KeyboardInterrupt: when `progress` raised it; the state is saved.
    """
    device = choose_device(options.device)
    if options.tensorboard:
        require_tensorboard()
    if options.epochs < 1:
        message = f"epochs must be at least 1, but is {options.epochs}"
        raise UsageError(message)
    with deterministic(options.deterministic), processes(device) as group:
        if not group.leads:  # their progress hears a wish to stop; all else is told by the first
            on_epoch, say = lambda _: None, lambda _: None
        with own_randomness(group.device, options.seed):
            trainer = Trainer(prepared, options, group, say)
            state = find_state(run, trainer.identity(), existing)
            group.any(False)  # nobody writes before all have read
            trainer.feed.pack(progress)
            loop = Loop(trainer, run, progress, on_epoch, say)
            loop.start(state)
            stopped = loop.run_epochs()
    best = loop.best
    if best is None:
        message = "no epoch was validated"
        raise UsageError(message)
    parameters = trainer.model.parameter_count()
    return TrainResult(best.epoch, tuple(loop.history), best.confusion, parameters, best.identity, stopped)

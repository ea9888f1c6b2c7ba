"""The epochs of a run: when to validate, save, stop; and the files that this leaves."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from labelprep.learning.arithmetic import Say
from labelprep.learning.checkpoint import Checkpoint
from labelprep.learning.distributed import Group
from labelprep.learning.options import TrainOptions
from labelprep.learning.progress import Progress
from labelprep.learning.training.epoch import Epoch, Sums
from labelprep.learning.training.logs import write_events, write_history
from labelprep.learning.training.preflight import preflight
from labelprep.learning.training.state import NAME, save_state
from labelprep.learning.training.trainer import Trainer
from labelprep.storage.atomic import write_atomic

SAVED_AFTER = 600.0  # seconds: the most that a killed run loses


@dataclass
class Best:
    """The best epoch so far.

    Attributes:
        epoch: its figures.
        confusion: (C, C) int64 of the validation split.
        identity: of its checkpoint's weights.
    """

    epoch: Epoch
    confusion: NDArray[np.int64]
    identity: str


@dataclass
class Loop:
    """The epochs of a run, and its files.

    Attributes:
        trainer: what is trained.
        run: the run folder.
        progress: is told of every batch; its KeyboardInterrupt is a wish to stop.
        on_epoch: is given every finished epoch.
        say: is given a line on what a reader should know.
        history: the epochs so far.
        best: the best one.
        stale: validations since then.
        earlier: seconds that earlier parts of the run took.
        began: when this part began.
        saved: when the state was last written.
        wish: a wish to stop that waits until the state is whole.
    """

    trainer: Trainer
    run: Path
    progress: Progress
    on_epoch: Callable[[Epoch], None]
    say: Say
    history: list[Epoch] = field(default_factory=list)
    best: Best | None = None
    stale: int = 0
    earlier: float = 0.0
    began: float = field(default_factory=time.monotonic)
    saved: float = field(default_factory=time.monotonic)
    wish: KeyboardInterrupt | None = None

    @property
    def options(self) -> TrainOptions:
        """How to train."""
        return self.trainer.options

    @property
    def group(self) -> Group:
        """The processes that train."""
        return self.trainer.group

    def start(self, state: dict[str, Any] | None) -> None:
        """Writes what is known before the first step, or goes on from a state."""
        trainer, run = self.trainer, self.run
        if self.group.leads and state is None:
            for path in (run / NAME, *(run / f"history.{ending}" for ending in ("jsonl", "csv")), *_checkpoints(run)):
                path.unlink(missing_ok=True)  # of an earlier run, not to be taken for this one's
        if self.group.leads:
            write_atomic(run / "model.txt", trainer.describe().encode())
            write_atomic(run / "train.yaml", self.options.spec(str(trainer.prepared.root)).encode())
            write_atomic(run / "run.json", (json.dumps(trainer.facts(), indent=1, ensure_ascii=False) + "\n").encode())
            if state is None:
                preflight(trainer, run, self.say)
        if state is not None:  # last: torchinfo draws an image
            self._restore(state)
            self.say(f"goes on in epoch {trainer.number}, behind batch {trainer.done} of {trainer.feed.batches}")

    def run_epochs(self) -> str:
        """Trains until `epochs`, `patience` or `time` ends it; which one it was.

        Raises:
            KeyboardInterrupt: where `progress` asked for it; the state is saved.
        """
        stopped = "epochs"
        while self.trainer.number <= self.options.epochs:
            try:
                self.trainer.train_epoch(self._heard, self._at_step)
                self._end_epoch(partial=False)
            except _TimeUpError:
                self._save()
                self._end_epoch(partial=True)
                stopped = "time"
                break
            if self.options.patience and self.stale >= self.options.patience:
                stopped = "patience"
                break
        self._finish()
        return stopped

    def _heard(self, what: str, done: int, total: int | None, **figures: float | str) -> None:
        """Keeps a wish to stop until the state is whole."""
        try:
            self.progress(what, done, total, **figures)
        except KeyboardInterrupt as wish:
            self.wish = wish

    def _at_step(self) -> None:
        if self.group.any(self.wish is not None):
            self._save()
            raise self.wish or KeyboardInterrupt
        limit, now = self.options.max_minutes, time.monotonic()
        if self.group.any(limit is not None and self._spent() >= 60 * limit):
            raise _TimeUpError
        if self.group.any(now - self.saved >= SAVED_AFTER):
            self._save()

    def _spent(self) -> float:
        return self.earlier + time.monotonic() - self.began

    def _end_epoch(self, *, partial: bool) -> None:
        """Validates where it is due, writes checkpoints and history, and the state behind a whole epoch."""
        trainer, options = self.trainer, self.options
        due = partial or trainer.number % options.val_every == 0 or trainer.number == options.epochs
        start = time.perf_counter()
        validated = self._validate() if due else None
        epoch = trainer.close_epoch(validated, time.perf_counter() - start)
        self.history.append(epoch)
        checkpoint = trainer.checkpoint(epoch)
        if validated is not None:
            self._rank(epoch, validated, checkpoint)
        if self.group.leads:
            checkpoint.save(self.run / "last.pt")
            self._keep(checkpoint)
            write_history(self.run, self.history)
            if options.tensorboard:
                write_events(self.run, epoch)
        if not partial:
            self._save()
        self.on_epoch(epoch)

    def _validate(self) -> Sums:
        validated = self.trainer.validate(self._heard)
        if self.group.any(self.wish is not None):  # validated again when the run goes on
            self._save()
            raise self.wish or KeyboardInterrupt
        return validated

    def _rank(self, epoch: Epoch, validated: Sums, checkpoint: Checkpoint) -> None:
        if self.best is not None and _score(epoch) <= _score(self.best.epoch):
            self.stale += 1
            return
        self.stale = 0
        self.best = Best(epoch, validated.confusion.cpu().numpy(), checkpoint.identity)
        if self.group.leads:
            checkpoint.save(self.run / "best.pt")

    def _keep(self, checkpoint: Checkpoint) -> None:
        if self.options.keep:
            checkpoint.save(self.run / f"epoch-{checkpoint.epoch:04}.pt")
            for path in sorted(self.run.glob("epoch-*.pt"))[: -self.options.keep]:
                path.unlink()

    def _save(self) -> None:
        state = self.trainer.state()  # all processes take part
        best = self.best and {"epoch": self.best.epoch.epoch, "confusion": torch.from_numpy(self.best.confusion)}
        own = {
            "history": [epoch.__dict__ for epoch in self.history],
            "best": best and {**best, "identity": self.best.identity if self.best else ""},
            "stale": self.stale,
            "seconds": self._spent(),
            "stopped": "patience" if 0 < self.options.patience <= self.stale else "",
        }
        self.saved = time.monotonic()
        if self.group.leads:
            save_state(self.run, state | own)

    def _restore(self, state: dict[str, Any]) -> None:
        self.trainer.restore(state)
        self.history = [Epoch(**line) for line in state["history"]]
        self.stale, self.earlier = state["stale"], state["seconds"]
        if state["best"]:
            best = state["best"]
            epoch = next(line for line in self.history if line.epoch == best["epoch"])
            self.best = Best(epoch, best["confusion"].numpy(), best["identity"])

    def _finish(self) -> None:
        """Writes the finished weights for other programs."""
        if self.group.leads:
            for name in ("best", "last"):
                Checkpoint.load(self.run / f"{name}.pt").save_safetensors(self.run / f"{name}.safetensors")


class _TimeUpError(Exception):
    """`max_minutes` are over."""


def _checkpoints(run: Path) -> list[Path]:
    named = [run / f"{name}.{ending}" for name in ("best", "last") for ending in ("pt", "safetensors")]
    return [*named, *run.glob("epoch-*.pt")]


def _score(epoch: Epoch) -> float:
    return -math.inf if epoch.val_miou is None else epoch.val_miou

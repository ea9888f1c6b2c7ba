"""The curves of a run: `history.jsonl` and `history.csv` always, TensorBoard's events by choice."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path

from labelprep.errors import MissingExtraError
from labelprep.learning.training.epoch import Epoch
from labelprep.storage.atomic import write_atomic, write_lines

COLUMNS = tuple(field.name for field in fields(Epoch))


def write_history(run: Path, history: Sequence[Epoch]) -> None:
    """Writes `history.jsonl` and `history.csv`.

    Raises:
        EnvironmentFailure: disk full, no permission.
    """
    write_lines(run / "history.jsonl", (json.dumps(epoch.__dict__) for epoch in history))
    text = io.StringIO(newline="")
    rows = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    rows.writeheader()
    rows.writerows(epoch.__dict__ for epoch in history)
    write_atomic(run / "history.csv", text.getvalue().encode())


def require_tensorboard() -> None:
    """Refuses `tensorboard` where it is not installed.

    Raises:
        MissingExtraError: naming it.
    """
    if find_spec("tensorboard") is None:
        package = extra = "tensorboard"
        raise MissingExtraError(package, extra)


def write_events(run: Path, epoch: Epoch) -> None:
    """Adds an epoch's figures to the events below `tensorboard/`.

    Raises:
        MissingExtraError: without tensorboard.
    """
    require_tensorboard()
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(run / "tensorboard")) as writer:
        for name, value in epoch.__dict__.items():
            if name != "epoch" and value is not None:
                writer.add_scalar(name, value, epoch.epoch)

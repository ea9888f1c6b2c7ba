"""A run that can go on: everything that training depends on, in one file that is exchanged whole."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch

from labelprep.errors import UsageError
from labelprep.storage.atomic import write_atomic

FORMAT = 1
NAME = "state.pt"
Existing = Literal["refuse", "replace", "anew"]
HINT = "--overwrite trains anew, or name another folder with -o"


def save_state(run: Path, values: Mapping[str, Any]) -> None:
    """Writes `state.pt`; `torch.load(path, weights_only=True)` reads it back.

    Raises:
        EnvironmentFailure: disk full, no permission.
    """
    buffer = io.BytesIO()
    torch.save({"labelprep_state": FORMAT, **values}, buffer)
    write_atomic(run / NAME, buffer.getvalue())


def find_state(run: Path, identity: Mapping[str, Any], existing: Existing) -> dict[str, Any] | None:
    """The state that a run can go on from; None where it starts anew.

    Args:
        run: the run folder.
        identity: what must be the same (`Trainer.identity`).
        existing: what to do with a run that is finished or another one: refuse it, or replace it; `anew` replaces
            unfinished ones too.

    Raises:
        UsageError: for such a run, saying what differs.
    """
    if existing == "anew" or not (run / "run.json").is_file():
        return None
    state = _load(run)
    reason = "it has no state to go on from" if state is None else _reason(state, identity)
    if not reason:
        return state
    if existing == "replace":
        return None
    message = f"holds an earlier training run: {reason}"
    raise UsageError(message, path=run, hint=HINT)


def _load(run: Path) -> dict[str, Any] | None:
    if not (run / NAME).is_file():
        return None
    try:
        state: dict[str, Any] = torch.load(run / NAME, map_location="cpu", weights_only=True)
        known = state["labelprep_state"] == FORMAT
    except Exception as error:
        message = "the state of the run is damaged"
        raise UsageError(message, path=run / NAME, hint=HINT) from error
    return state if known else None


def _reason(state: Mapping[str, Any], identity: Mapping[str, Any]) -> str:
    """Why a run cannot go on from a state, or nothing."""
    before, now = dict(state["identity"]), dict(identity)
    old, new = before.pop("options"), now.pop("options")
    if new["schedule"] == "constant":  # otherwise the rates of the epochs so far would have been others
        old, new = old | {"epochs": 0}, new | {"epochs": 0}
    words = [f"{name} {old.get(name)!r} there and {new[name]!r} here" for name in new if old.get(name) != new[name]]
    words += [f"another {name.replace('_', ' ')}" for name in now if before.get(name) != now[name]]
    if words:
        return "; ".join(words)
    if state["stopped"] == "patience":
        return "it stopped as its mIoU rose no more"
    return "" if state["epoch"] <= identity["options"]["epochs"] else f"its {state['epoch'] - 1} epochs are done"

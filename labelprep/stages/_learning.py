"""What the stages of the learning half share. Imports no torch."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

from labelprep.errors import MissingExtraError, UsageError
from labelprep.execution import Watch
from labelprep.spec import Stage
from labelprep.stages import RunContext
from labelprep.storage.place import on_disk

Options = TypeVar("Options")
Progress = Callable[..., None]


@contextmanager
def heeding(context: RunContext) -> Iterator[Progress]:
    """What a stage tells its progress to; it ends the work between two batches where the user wants to stop.

    Raises:
        KeyboardInterrupt: then; at once at the second wish.
    """
    watch = Watch(say=context.reporter.message)

    def progress(what: str, done: int, total: int | None, **figures: float | str) -> None:
        context.reporter.progress(what, done, total, **figures)
        if not watch.go_on():
            watch.end_if_asked()

    with watch.interrupts():
        yield progress


def follows() -> bool:
    """Whether this is one of several processes of `torchrun`, and not the first one, which tells and writes."""
    return os.environ.get("RANK", "0") != "0"


def require_torch() -> None:
    """Says which extra to install where a package of the learning half is missing, and sets the stage for torch.

    Raises:
        MissingExtraError: naming the package.
    """
    for package in ("torch", "torchvision", "torchinfo", "safetensors", "scipy"):
        if find_spec(package) is None:
            raise MissingExtraError(package, "train")
    # Threads that wait for each other in a loop take the cores that they wait for. On two cores under a load of 10 to
    # 20, two epochs of the quickstart took 30 to 40 s on one thread, over 100 s on two, and 67 s with this.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # heard when torch is first imported


def options_of(kind: type[Options], params: Stage, **more: Any) -> Options:
    """A stage's parameters as options of the learning half, which have the same names."""
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]  # all of them are dataclasses
    return kind(**({name: getattr(params, name) for name in names} | more))


def out_of(params: Stage) -> Path | None:
    """The folder on disk that a stage writes, where one was given.

    Raises:
        UsageError: for a URL.
    """
    return None if params.out is None else on_disk(params.out, "what the learning half writes")


def required_out(params: Stage, what: str) -> Path:
    """The folder that a stage writes.

    Raises:
        UsageError: where none was given.
    """
    if params.out is None:
        message = f"{what} needs a folder to write to"
        raise UsageError(message, hint="give -o DIR, or out: in a spec")
    return on_disk(params.out, f"what {what} writes")

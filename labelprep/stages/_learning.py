"""What the stages of the learning half share. Imports no torch."""

from __future__ import annotations

from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

from labelprep.errors import MissingExtraError, UsageError
from labelprep.spec import Stage

Options = TypeVar("Options")


def require_torch() -> None:
    """Says which extra to install where a package of the learning half is missing.

    Raises:
        MissingExtraError: naming the package.
    """
    for package in ("torch", "torchvision", "torchinfo"):
        if find_spec(package) is None:
            raise MissingExtraError(package, "train")


def options_of(kind: type[Options], params: Stage, **more: Any) -> Options:
    """A stage's parameters as options of the learning half, which have the same names."""
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]  # all of them are dataclasses
    return kind(**({name: getattr(params, name) for name in names} | more))


def required_out(params: Stage, what: str) -> Path:
    """The folder that a stage writes.

    Raises:
        UsageError: where none was given.
    """
    if params.out is None:
        message = f"{what} needs a folder to write to"
        raise UsageError(message, hint="give -o DIR, or out: in a spec")
    return params.out

"""Where the learning half tells how it gets on; it prints nothing itself."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Takes `done` of `total` units of something, with figures such as `loss=0.5`."""

    def __call__(self, what: str, done: int, total: int | None, **figures: int | float | str) -> None:
        """Shows it, or not."""


def silent(what: str, done: int, total: int | None, **figures: int | float | str) -> None:
    """Shows nothing."""

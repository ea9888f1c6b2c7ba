"""A batch in pieces, so that whoever works on it can stop after a while and give the rest back.

How long a mask takes is guessed before anybody opens it. A guess that is too low costs nothing this way: the rest
goes to whoever has time, and results come in every second or two whatever the masks are.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from labelprep import batch as batches

LONG = 1.5  # seconds after which the rest of a batch goes back
PIECE = 0.5  # seconds of work that a piece should take
FIRST = 8  # samples in the first piece, which tells how long one takes


class Runner(Protocol):
    """Whatever works on a batch: a guard, or this process."""

    def run(self, batch: bytes, go_on: Callable[[], bool] = ...) -> tuple[bytes, bytes | None]:
        """The answers, and the rest of the batch where it was not worked on to its end."""

    def close(self) -> None:
        """Lets go of everything."""


def for_a_while(runner: Runner, batch: bytes, go_on: Callable[[], bool] = lambda: True) -> tuple[bytes, bytes | None]:
    """As `runner.run`, but gives the rest of the batch back after a second or two."""
    began = time.monotonic()
    answers: list[bytes] = []
    done, size = 0, FIRST
    while True:
        piece, behind = batches.part(batch, 0, size) or batch, batches.part(batch, size)
        more, rest = runner.run(piece, go_on)
        answers.append(more)
        if rest is not None:
            return batches.merge(answers), batches.together(rest, behind)
        elapsed = time.monotonic() - began
        if behind is None or elapsed > LONG or not go_on():
            return batches.merge(answers), behind
        batch = behind
        done += size
        size = max(1, int(PIECE * done / max(elapsed, 1e-3)))

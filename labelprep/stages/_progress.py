"""Progress of work that is mostly over before anybody looks: nothing is said of it unless it takes a while."""

from __future__ import annotations

import time
from collections.abc import Callable

from labelprep.stages import Reporter

AFTER = 0.5  # seconds, and as many between reports, which come from tight loops


class Late:
    """Reports how far work has got, from half a second on.

    Args:
        reporter: where to.
        what: the work's name.
        total: units in all, or None where nobody knows.
        clock: seconds, for tests.
    """

    def __init__(
        self, reporter: Reporter, what: str, total: int | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._reporter, self._what, self._total, self._clock = reporter, what, total, clock
        self._done, self._told, self._next = 0, False, clock() + AFTER

    def __call__(self, units: int = 1) -> None:
        """Takes note of units that were done since the last call; 0 is a sign of life. That all is done, `end` says."""
        self._done += units
        now = self._clock()
        if now >= self._next and self._done != self._total:
            self._next, self._told = now + AFTER, True
            self._reporter.progress(self._what, self._done, self._total)

    def end(self) -> None:
        """All is done; says so where anything was said before."""
        if self._told:
            total = self._done if self._total is None else self._total
            self._reporter.progress(self._what, total, total)

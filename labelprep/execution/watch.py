"""What a run looks at while it waits: whether the user wants to stop, and that something is said now and then."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from labelprep import interrupts

EVERY = 1.0  # seconds between signs of life


class Watch:
    """Asked by every backend about every second and after every piece of work.

    Args:
        on_wait: called about every second, also while nothing is finished, so that a reader sees that the run lives.
        say: one line for the reader.
    """

    def __init__(self, on_wait: Callable[[], None] = lambda: None, say: Callable[[str], None] = lambda _: None) -> None:
        self.on_wait, self.say = on_wait, say
        self.stopping = self._told = self._ending = False
        self._number = int(signal.SIGINT)
        self._waited = time.monotonic()

    def go_on(self) -> bool:
        """Whether to begin further work; gives a sign of life where the last one was long ago."""
        if self.stopping and not self._told:
            self._told = True
            self.say("stopping when the work under way is done; Ctrl-C again stops at once")
        now = time.monotonic()
        if now - self._waited >= EVERY:
            self._waited = now
            self.on_wait()
        return not self.stopping

    def end_if_asked(self) -> None:
        """Ends the run where the user asked for it and nothing is under way any more.

        Raises:
            KeyboardInterrupt: then, with the number of the signal.
        """
        if self.stopping:
            self._ending = True
            raise KeyboardInterrupt(self._number)

    @contextmanager
    def interrupts(self) -> Iterator[None]:
        """Makes of the first Ctrl-C, SIGTERM or SIGHUP a wish to stop, and of the second one an interrupt as ever.

        Only in the main thread, and only of those that nobody else has taken.
        """

        def stop(number: int, frame: FrameType | None) -> None:
            if self._ending:  # a further one would strike while everything is being put away
                return
            self._ending = self.stopping
            self.stopping, self._number = True, number
            if self._ending:
                interrupts.interrupt(number, frame)

        before = {number: signal.signal(number, stop) for number in interrupts.heard()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        self.end_if_asked()  # it came after the last batch

"""What a run looks at while it waits: whether the user wants to stop, and that something is said now and then."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

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
            KeyboardInterrupt: then.
        """
        if self.stopping:
            self._ending = True
            raise KeyboardInterrupt

    @contextmanager
    def interrupts(self) -> Iterator[None]:
        """Makes of the first Ctrl-C a wish to stop, and of the second one an interrupt as ever.

        Only in the main thread, and where nobody else has taken Ctrl-C.
        """
        if threading.current_thread() is not threading.main_thread() or (
            signal.getsignal(signal.SIGINT) is not signal.default_int_handler
        ):
            yield
            return

        def stop(number: int, frame: FrameType | None) -> None:
            if self._ending:  # a further one would strike while everything is being put away
                return
            self._ending = self.stopping
            self.stopping = True
            if self._ending:
                signal.default_int_handler(number, frame)

        signal.signal(signal.SIGINT, stop)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        self.end_if_asked()  # it came after the last batch

"""Ctrl-C, and the signals with which a system asks a process to end: all of them mean "stop, and put things away"."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

# Windows has no SIGHUP
SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


def interrupt(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 - Python's signature
    """The handler of all of them.

    Raises:
        KeyboardInterrupt: with the signal's number.
    """
    raise KeyboardInterrupt(number)


def listen() -> None:
    """Makes SIGTERM and SIGHUP strike as Ctrl-C does; one that is ignored, as under `nohup`, stays ignored."""
    for number in SIGNALS:
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, interrupt)


def ignore() -> None:
    """Leaves this process alone; its parent decides when it ends."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def struck_by(error: BaseException | None) -> int:
    """The number of the signal behind a KeyboardInterrupt, or behind what it caused; SIGINT where none is told.

    >>> struck_by(KeyboardInterrupt(15)), struck_by(KeyboardInterrupt())
    (15, 2)
    """
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__
    return error.args[0] if error is not None and error.args and error.args[0] in SIGNALS else int(signal.SIGINT)


def heard() -> list[int]:
    """The signals that nobody else has taken or ignores; none outside of the main thread."""
    if threading.current_thread() is not threading.main_thread():
        return []
    return [n for n in SIGNALS if signal.getsignal(n) in (interrupt, signal.default_int_handler)]


@contextmanager
def deferred() -> Iterator[None]:
    """Lets these signals wait for the end of what must not be left half done."""
    waiting: list[int] = []
    before = {number: signal.signal(number, lambda n, _: waiting.append(n)) for number in heard()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if waiting:
        signal.raise_signal(waiting[0])

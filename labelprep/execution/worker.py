"""What happens inside a worker process: the guard that it drives, and what it does first."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from typing import Any

from isal import isal_zlib

from labelprep import interrupts
from labelprep.execution.child import load
from labelprep.execution.guard import Guard, Limits
from labelprep.execution.inline import Here
from labelprep.execution.pieces import Runner, for_a_while
from labelprep.execution.quiet import LOGGERS

LAST_WORDS = 0.1  # seconds that a worker has to end by itself
_mine = threading.local()  # a guard for each thread, that lives as long as the worker


def compute(work: str, limits: Limits | None, door: str | None, batch: bytes) -> tuple[bytes, bytes | None, float]:
    """Works on a batch.

    Args:
        work: `module:name` of the work.
        limits: what one file may take; None works in this process.
        door: of this machine's nursery, where it has one.
        batch: as `labelprep.batch.pack` makes it, deflated.

    Returns:
        The answers, the rest of the batch where it was not worked on to its end, both deflated, and the seconds taken.
    """
    began = time.monotonic()
    answers, rest = for_a_while(_runner(work, limits, door), isal_zlib.decompress(batch))
    deflated = None if rest is None else isal_zlib.compress(rest, 1)
    return isal_zlib.compress(answers, 1), deflated, time.monotonic() - began


def _runner(work: str, limits: Limits | None, door: str | None) -> Runner:
    if getattr(_mine, "order", None) != (work, limits, door):
        if hasattr(_mine, "runner"):
            _mine.runner.close()
        _mine.order = (work, limits, door)
        _mine.runner = Here(load(work)) if limits is None else Guard(work, limits, door)
        atexit.register(_mine.runner.close)
    runner: Runner = _mine.runner
    return runner


def dask_setup(worker: Any) -> None:  # noqa: ARG001 - Dask's signature
    """Leaves Ctrl-C, SIGTERM and messages to the driver.

    A terminal sends Ctrl-C to all processes at once, and a job system SIGTERM; a worker that died of it would print
    its traceback over the driver's last words, or take the work under way along. Dask calls this by name in the
    workers that it starts.
    """
    interrupts.ignore()
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)


def dask_teardown(worker: Any) -> None:  # noqa: ARG001 - Dask's signature
    """Ends a worker that leaves without waiting for its thread: somebody else gets the batch under way.

    Dask would wait for the thread, and two seconds more for another. Guards notice that their worker is gone.
    """
    last_words = threading.Timer(LAST_WORDS, os._exit, [0])
    last_words.daemon = True
    last_words.start()

"""The guard child: works on one sample after another, so that whoever feeds it sees which one it did not survive."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from typing import BinaryIO

from labelprep import interrupts
from labelprep.errors import LabelprepError
from labelprep.execution.frames import ANSWER, END, ERROR, NO_MEMORY, READY, read_frame, write_frame


def main() -> None:
    """Serves batches from stdin until it closes; answers go where stdout was."""
    requests = sys.stdin.buffer
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not be taken for an answer
    interrupts.ignore()  # a terminal sends Ctrl-C to everybody, a job system SIGTERM; the driver decides
    die_with_parent()
    first = read_frame(requests)
    if first is None:
        return
    order = json.loads(first[1])
    work = load(order["work"])
    warm_up(order["work"])
    limit_memory(order["memory"])
    write_frame(answers, READY)
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - decoders complain there; what matters is in the answers
        os.dup2(nowhere.fileno(), 2)
    while (request := read_frame(requests)) is not None:
        serve(work, request[1], answers)


def serve(work: Callable[[bytes], Iterator[bytes]], batch: bytes, answers: BinaryIO) -> None:
    """Writes one answer a sample and an end; or what went wrong."""
    try:
        for answer in work(batch):
            write_frame(answers, ANSWER, answer)
    except MemoryError:
        write_frame(answers, NO_MEMORY)
    except LabelprepError as error:
        write_frame(answers, ERROR, json.dumps(described(error)).encode())
    except Exception as error:  # noqa: BLE001 - it is told to the driver, which raises it
        text = f"{type(error).__name__}: {error}"
        message = {"type": "", "message": text, "traceback": traceback.format_exc()}
        write_frame(answers, ERROR, json.dumps(message).encode())
    else:
        write_frame(answers, END)


def described(error: LabelprepError) -> dict[str, str | None]:
    """An error as plain values; `guard.raised` is the way back."""
    kind, code = type(error).__name__, error.code
    return {"type": kind, "message": error.message, "code": code, "path": error.path, "hint": error.hint}


def load(name: str) -> Callable[[bytes], Iterator[bytes]]:
    """The function `module:name`."""
    module_name, _, attribute = name.partition(":")
    module = importlib.import_module(module_name)
    work: Callable[[bytes], Iterator[bytes]] = getattr(module, attribute)
    return work


def warm_up(name: str) -> None:
    """Calls `warm_up` of the work's module, where it has one."""
    ready: Callable[[], None] = getattr(importlib.import_module(name.partition(":")[0]), "warm_up", lambda: None)
    ready()


def limit_memory(limit: int | None) -> None:
    """Lets this process have no more than `limit` bytes of data; None for three quarters of the machine's memory.

    Only where the system has such limits; a crash leaves no core file.
    """
    try:
        import resource
    except ImportError:  # Windows
        return
    if limit is None:
        limit = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * 3 // 4
    for what, bound in ((resource.RLIMIT_DATA, limit), (resource.RLIMIT_CORE, 0)):
        _, most = resource.getrlimit(what)
        if most == resource.RLIM_INFINITY or most > bound:
            with contextlib.suppress(ValueError, OSError):  # macOS refuses some
                resource.setrlimit(what, (bound, most))


def die_with_parent() -> None:
    """Ends this process when its parent does, also in the middle of a file that never ends."""
    if sys.platform == "linux":
        import ctypes

        kill_me_too = 1  # PR_SET_PDEATHSIG
        ctypes.CDLL(None).prctl(kill_me_too, signal.SIGKILL)
        return
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()

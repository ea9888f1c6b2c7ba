"""The nursery: a process that has loaded what guard children need, and forks one in milliseconds for whoever asks.

A child that starts by itself imports and loads compiled loops for a second of processor time, which is half the life of
a worker that lives for two. The nursery belongs to a run with local workers and stays when those die. Whoever gets
no child from it starts one by itself, as workers of a cluster do.

It listens in the run's own folder, which nobody else may enter. A guard sends the files of its child along, keeps the
connection for as long as it wants the child, and hears over it how the child ended:

    guard -> nursery: {"work": "module:name"}, and three files: stdin, stdout, stderr
    nursery -> guard: the child's id; at its end the exit status, negative for a signal
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

from labelprep import interrupts

PATIENCE = 120.0  # seconds for loading the work; its loops may have to be compiled
NUMBER = 4  # bytes of a number that it says
WAITING = 128  # guards that may ask while it loads

# Dask's nannies let malloc give back every 64 kB at once; a child that takes and gives megabytes for each mask then
# spends more time on pages than on masks: 2.7 ms a mask of 960x720 in place of 1.1.
TRIM = "MALLOC_TRIM_THRESHOLD_"

# A nursery must have one thread when it forks
ALONE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

PROGRAM = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from labelprep.execution.forks import main; main()"


@contextmanager
def nursery(folder: Path) -> Iterator[str | None]:
    """Starts a nursery without waiting for it, and ends it afterwards together with its children.

    Args:
        folder: where it listens; of this run alone.

    Yields:
        Its door, by which `Forked` finds it; None where it cannot be had, as on systems other than Linux.
    """
    door = str(folder / "nursery")
    process = None
    if sys.platform == "linux":
        with suppress(OSError):  # no room for a process, or a path that is too long for a socket
            process = _started(door)
    try:
        yield None if process is None else door
    finally:
        if process is not None:
            with interrupts.deferred():
                process.kill()
                process.wait()


def environment() -> dict[str, str]:
    """The environment for guard children: this process's, but memory as malloc likes to keep it."""
    return {name: value for name, value in os.environ.items() if name != TRIM}


def _started(door: str) -> subprocess.Popen[bytes]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(door)
        listener.listen(WAITING)
        words = [json.dumps(sys.path), str(listener.fileno()), str(os.getpid())]
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,  # each child has its own
            env=environment() | ALONE,
            pass_fds=[listener.fileno()],
        )


class Forked:
    """A child of the nursery, with as much of `subprocess.Popen` as a guard needs.

    Args:
        door: of the nursery.
        work: `module:name`, to be loaded before the child is forked.
        log: what becomes the child's stderr.

    Raises:
        OSError: where it has none to give.
    """

    def __init__(self, door: str, work: str, log: IO[bytes]) -> None:
        self._work = work
        self._status: int | None = None
        with ExitStack() as unless_born:
            self._nursery = unless_born.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
            self._nursery.settimeout(PATIENCE)
            self._nursery.connect(door)
            reads, writes = os.pipe()
            self.stdin = unless_born.enter_context(os.fdopen(writes, "wb"))
            with os.fdopen(reads, "rb") as stdin:
                reads, writes = os.pipe()
                self.stdout = unless_born.enter_context(os.fdopen(reads, "rb"))
                with os.fdopen(writes, "wb") as stdout:
                    files = [each.fileno() for each in (stdin, stdout, log)]
                    socket.send_fds(self._nursery, [json.dumps({"work": work}).encode()], files)
                    pid = self._number()
            if pid is None:
                message = "the nursery has no child to give"
                raise OSError(message)
            self.pid = pid
            unless_born.pop_all()

    def kill(self) -> None:
        """Has it killed."""
        with suppress(OSError):
            self._nursery.shutdown(socket.SHUT_WR)

    def wait(self, timeout: float | None = None) -> int:
        """The exit status, negative for a signal.

        Raises:
            subprocess.TimeoutExpired: where it does not end in time.
        """
        if self._status is None:
            self._nursery.settimeout(timeout)
            try:
                status = self._number()
            except TimeoutError:
                raise subprocess.TimeoutExpired(self._work, timeout or 0.0) from None
            self._status = -signal.SIGKILL if status is None else status  # it dies when the nursery does
            self._nursery.close()
        return self._status

    def _number(self) -> int | None:
        try:
            said = self._nursery.recv(NUMBER)
        except ConnectionError:
            return None
        return int.from_bytes(said, "big", signed=True) if said else None

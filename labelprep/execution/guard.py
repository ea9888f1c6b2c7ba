"""The guard: lets a child process do the work, and names the file that the child crashed on, hung on or starved on.

Only one process is at risk, and it works on one sample after another, so it is always known which one it did not
survive. Everything else of the batch is worked on by the next child.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any, BinaryIO, NoReturn, cast

import labelprep.errors
from labelprep import batch as batches
from labelprep.errors import EnvironmentFailure, LabelprepError
from labelprep.execution.batches import pixels_of
from labelprep.execution.frames import ANSWER, END, ERROR, NO_MEMORY, READY, split_frames, write_frame
from labelprep.execution.nursery import Forked, environment
from labelprep.storage.fetch import PATIENCE
from labelprep.storage.place import Remote

SLICE = 1.0  # seconds of one wait: a driver that was stopped for an hour has waited no longer than this
PIXELS_PER_SECOND = 4_000_000  # far below what any decoder does; a large mask may take longer than a small one
PIPE = 1 << 16  # bytes that a pipe holds
REST = 0.05  # seconds at most between two looks for answers
START_SECONDS = 120.0  # for loading the work; its loops may have to be compiled
STRIKES = 2  # a sample that a child died on gets a second child: the first may have died of something else

PROGRAM = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from labelprep.execution.child import main; main()"


@dataclass(frozen=True)
class Limits:
    """What one file may take.

    Attributes:
        seconds: without an answer, and a second more for every four million pixels of its mask.
        memory: bytes of data of the process that works on it; None for three quarters of the machine's memory.
    """

    seconds: float = 60.0
    memory: int | None = None


@dataclass(frozen=True)
class _Fault:
    """Why a child gave no further answer: the finding's code and message, and whether a second child may try."""

    code: str
    message: str
    again: bool = True


class Guard:
    """One child process at a time, started again whenever it is lost.

    Args:
        work: `module:name` of the function that gives the answers of a batch, one after another.
        limits: what one file may take.
        door: of a nursery, from which children come sooner.
    """

    def __init__(self, work: str, limits: Limits, door: str | None = None) -> None:
        self.work, self.limits, self.door = work, limits, door
        self._child: _Child | None = None

    def start(self) -> None:
        """Starts the child without waiting for it, unless there is one."""
        if self._child is None:
            self._child = _Child(self.work, self.limits.memory, self.door)

    def close(self) -> None:
        """Ends the child at once."""
        if self._child is not None:
            self._child.kill()
            self._child = None

    def run(self, batch: bytes, go_on: Callable[[], bool] = lambda: True) -> tuple[bytes, bytes | None]:
        """The answers of a batch, and the rest of it where it was not worked on to its end.

        There is a rest after a file that hung, so that no batch takes long, and where `go_on` said no.

        Args:
            batch: as `labelprep.batch.pack` makes it.
            go_on: asked about every second, and after every sample.

        Raises:
            EnvironmentFailure: where no child can be started.
            LabelprepError: what the work raised.
        """
        answers: list[bytes] = []
        strikes, size = 0, batches.size(batch)
        while len(answers) < size:
            before = len(answers)
            fault = self._attempt(batch, size, answers, go_on)
            if fault is None:
                break
            self.close()
            strikes = 1 if len(answers) > before else strikes + 1
            if fault.again and strikes < STRIKES:
                continue
            answers.append(batches.answer_for(batch, len(answers), fault.code, fault.message))
            strikes = 0
            if not fault.again:
                break
        return batches.join(answers), batches.part(batch, len(answers))

    def _attempt(self, batch: bytes, size: int, answers: list[bytes], go_on: Callable[[], bool]) -> _Fault | None:
        """Lets one child work until it is done, is told to stop (both None), or is lost."""
        self.start()
        child = cast("_Child", self._child)
        child.wait_ready(go_on)
        rest = batches.part(batch, len(answers)) if answers else batch
        if not child.send(cast("bytes", rest), size - len(answers)):
            return child.fault()
        waited = 0.0
        while True:
            began = time.monotonic()
            frame = child.receive(SLICE)
            waited += min(time.monotonic() - began, 2 * SLICE)
            if frame is None:
                if waited > self._allowed(batch, len(answers), waited):
                    return _Fault("hung-decoder", f"no result after {waited:.0f} s", again=False)
                if not go_on():
                    self.close()
                    return None
                continue
            kind, content = frame
            if kind == END:
                return None
            if kind == ERROR:
                raised(json.loads(content))
            if kind != ANSWER:
                return self._starved() if kind == NO_MEMORY else child.fault()
            answers.append(content)
            waited = 0.0
            if not go_on():
                self.close()
                return None

    def _allowed(self, batch: bytes, place: int, waited: float) -> float:
        if waited <= self.limits.seconds:
            return self.limits.seconds
        mask = batches.mask_of(batch, place)
        network = PATIENCE if isinstance(getattr(mask, "container", mask), Remote) else 0.0
        return self.limits.seconds + network + pixels_of(mask) / PIXELS_PER_SECOND

    def _starved(self) -> _Fault:
        limit = "the limit of three quarters of this machine's memory"
        if self.limits.memory is not None:
            limit = f"the limit of {self.limits.memory / 2**20:,.0f} MiB"
        return _Fault("out-of-memory", f"needs more memory than {limit}")


class _Child:
    """A process that does the work, and the thread that reads what it answers."""

    def __init__(self, work: str, memory: int | None, door: str | None) -> None:
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - what it says before it is ready
        self._ready = False
        try:
            self._process = _process(work, self._log, door)
        except OSError as error:
            self._log.close()
            message = f"cannot start a guard process: {error.strerror or error}"
            raise EnvironmentFailure(message, code="guard", hint="make room, or use --no-guard") from error
        self._frames: queue.SimpleQueue[list[tuple[bytes, bytes]]] = queue.SimpleQueue()
        self._received: deque[tuple[bytes, bytes]] = deque()
        self._pace = _Pace(0)
        threading.Thread(target=self._read, daemon=True).start()
        self.send(json.dumps({"work": work, "memory": memory}).encode())

    def wait_ready(self, go_on: Callable[[], bool]) -> None:
        """Waits until the child has loaded the work.

        Raises:
            EnvironmentFailure: where it does not.
        """
        waited = 0.0
        while not self._ready:
            began = time.monotonic()
            frame = self.receive(SLICE)
            waited += min(time.monotonic() - began, 2 * SLICE)
            go_on()
            if frame is not None and frame[0] == READY:
                self._ready = True
            elif frame is not None or waited > START_SECONDS:
                self._log.seek(0)
                said = self._log.read()[-300:].decode("utf-8", "replace").strip().rpartition("\n")[2]
                self.kill()
                message = f"a guard process does not start: {said or 'it says nothing'}"
                raise EnvironmentFailure(message, code="guard", hint="--no-guard works without")

    def send(self, content: bytes, size: int = 0) -> bool:
        """Sends a batch of that many samples; whether there was anybody to take it."""
        self._pace = _Pace(size)
        try:
            write_frame(cast("BinaryIO", self._process.stdin), ANSWER, content)
        except OSError:
            return False
        return True

    def receive(self, seconds: float) -> tuple[bytes, bytes] | None:
        """The next frame, or None when the time is over; of an unknown kind where the child has gone."""
        if not self._received:
            try:
                self._received.extend(self._frames.get(timeout=seconds))
            except queue.Empty:
                return None
        return self._received.popleft()

    def fault(self) -> _Fault:
        """What the child died of."""
        try:
            status = self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            return _Fault("crashed-decoder", "the process that read it closed its pipe")
        if status == -signal.SIGKILL:
            return _Fault(
                "out-of-memory", "the process that read it was killed (SIGKILL), as systems do when memory ends"
            )
        return _Fault("crashed-decoder", f"the process that read it {_ending(status)}")

    def kill(self) -> None:
        """Ends the process and lets go of its pipes."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._log):
            with contextlib.suppress(OSError):  # a batch that nobody took
                cast("IO[bytes]", stream).close()

    def _read(self) -> None:
        """Hands frames on; rests between answers, as being woken for each costs a tenth of a mask."""
        behind = b""
        with cast("BinaryIO", self._process.stdout) as stream:
            while received := os.read(stream.fileno(), PIPE):
                frames, behind = split_frames(behind + received)
                if frames:
                    self._frames.put(frames)
                time.sleep(self._pace.rest(len(frames), len(received)))
        self._frames.put([(b"", b"")])


class _Pace:
    """How long nobody need look for answers to a batch: not past its end, nor until the pipe is full."""

    def __init__(self, size: int) -> None:
        self._due, self._bytes, self._began = size, 0, time.monotonic()
        self._answers = 0

    def rest(self, answers: int, received: int) -> float:
        """Seconds to wait after so many answers more, and so many bytes."""
        self._answers += answers
        self._bytes += received
        if not 0 < self._answers < self._due:
            return 0.0
        elapsed = time.monotonic() - self._began
        left = elapsed / self._answers * (self._due - self._answers)
        return min(REST, left / 2, elapsed * PIPE / 2 / self._bytes)


def _process(work: str, log: IO[bytes], door: str | None) -> subprocess.Popen[bytes] | Forked:
    if door is not None:
        with contextlib.suppress(OSError):  # it has gone, or cannot fork
            return Forked(door, work, log)
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, json.dumps(sys.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        env=environment(),
    )


def _ending(status: int) -> str:
    if status >= 0:
        return f"ended with exit code {status}"
    try:
        return f"died of {signal.Signals(-status).name}"
    except ValueError:
        return f"died of signal {-status}"


def raised(error: dict[str, Any]) -> NoReturn:
    """Raises the error that a child described.

    Raises:
        LabelprepError: as the work raised it.
        RuntimeError: for any other; its note holds the child's traceback.
    """
    kind = getattr(labelprep.errors, error["type"], None)
    if isinstance(kind, type) and issubclass(kind, LabelprepError):
        failure = LabelprepError.__new__(kind)
        LabelprepError.__init__(failure, error["message"], code=error["code"], path=error["path"], hint=error["hint"])
        raise failure
    mistake = RuntimeError(error["message"])
    mistake.add_note(error["traceback"])
    raise mistake

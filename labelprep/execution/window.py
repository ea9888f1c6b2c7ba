"""The one loop that feeds workers: a few batches under way per thread, refilled as results come in.

Whatever the size of the run, driver and scheduler hold one window of batches; a result is released as soon as it
is handed on. Batches travel as bytes, because Dask replaces a text argument that equals a key by that key's
result, and under a fresh key each, because Dask gives an old key's result again; deflated, to a tenth, because a
scheduler keeps the last messages to every worker, a thousand unless `distributed.admin.low-level-log-length` says less.

Workers may be lost at any time. That never says anything about a file: the batch is sent again, in two halves
where it lost its worker several times. What is sent twice is harmless, as outputs are the same and written whole.
"""

from __future__ import annotations

import time
import uuid
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import CancelledError
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from distributed import Client, Future, KilledWorker, as_completed
from distributed.comm.core import CommClosedError
from distributed.scheduler import NoValidWorkerError
from isal import isal_zlib

from labelprep import batch as batches
from labelprep.errors import EnvironmentFailure
from labelprep.execution.guard import Limits
from labelprep.execution.inline import NOTHING, Mapper, Work, name_of
from labelprep.execution.watch import Watch
from labelprep.execution.worker import compute

# Measured with batches of 64 ms: 1 per thread keeps workers 86 % busy, 2 keep them 98 %, 4 no more.
PER_THREAD = 3
RECOUNT = 5.0  # seconds between looks at how many workers there are: a cluster may grow
OWN_RECOUNT = 1.0  # the same for own workers, which are asked in this process
ANSWERS_WITHIN = 10.0  # seconds that a scheduler has to say how many
SILENT = 30.0  # seconds without such an answer, after which the scheduler is lost
LONELY = 10.0  # seconds without any worker, after which own workers are started anew
DESERTED = 60.0  # the same on a cluster, whose workers may come back by themselves
PATIENCE = 120.0  # the least number of seconds without a result that make a stall
ATTEMPTS = 12  # of a batch whose worker dies; halved each time, 2048 samples are one by then
GIVE_UP = 300.0  # seconds without a result in which own workers were started anew again and again

GO_ON = "run the same command again: what is finished is kept"
LOST = (NoValidWorkerError, CancelledError, CommClosedError)


class Workers(Protocol):
    """Where batches go."""

    @property
    def client(self) -> Client:
        """How to reach them."""

    @property
    def own(self) -> bool:
        """Whether this run started them, and may start them anew."""

    def replace(self) -> None:
        """Starts others in place of those that are gone, where that is this run's to do; does not wait for them."""

    def renew(self) -> None:
        """Starts all workers anew."""


@dataclass(frozen=True)
class _Sent:
    """A batch, deflated, and how often it lost its workers so far."""

    blob: bytes
    losses: int = 0


def map_in_window(workers: Workers, limits: Limits | None, watch: Watch, door: str | None = None) -> Mapper:
    """The mapper that computes on workers; `door` is that of their nursery, where they have one."""

    def mapper(work: Work, blobs: Iterable[bytes]) -> Iterator[bytes]:
        return _Window(workers, partial(compute, name_of(work), limits, door), iter(blobs), limits, watch).results()

    return mapper


class _Window:
    """One pass over the batches; `under_way` never holds more than `PER_THREAD` batches per worker thread."""

    def __init__(
        self, workers: Workers, run: partial[Any], blobs: Iterator[bytes], limits: Limits | None, watch: Watch
    ) -> None:
        self.workers, self.run, self.blobs, self.limits, self.watch = workers, run, blobs, limits, watch
        self.name, self.submitted = uuid.uuid4().hex, 0
        self.again: deque[_Sent] = deque()  # batches that come back
        self.under_way: dict[Future[Any], _Sent] = {}
        self.completed = as_completed(loop=workers.client.loop, with_results=True, raise_errors=False)
        self.width, self.counted, self.answered, self.peopled = PER_THREAD, 0.0, time.monotonic(), time.monotonic()
        self.slowest = self.quiet = 0.0  # seconds: of a batch, and since the last result
        self.stalls, self.fruitful = 0, time.monotonic()  # stalls, and the time of the last result
        self.free: list[str] | None = None  # workers that did not stall, where others did

    def results(self) -> Iterator[bytes]:
        """Joined answers in the order in which they come in."""
        try:
            while self.refill():
                for answers in self.collect():
                    if answers != NOTHING:
                        yield answers
            self.watch.end_if_asked()
        finally:
            self.drop()

    def refill(self) -> bool:
        """Submits batches until the window is full or there are no more; whether any is under way."""
        going = self.watch.go_on()
        self.workers.replace()
        if time.monotonic() > self.counted + (OWN_RECOUNT if self.workers.own else RECOUNT):
            self.count()
        while going and len(self.under_way) < self.width:
            blob = None if self.again else next(self.blobs, None)
            if not self.again and blob is None:
                break
            self.submit(self.again.popleft() if blob is None else _Sent(isal_zlib.compress(blob, 1)))
        return bool(self.under_way) or (going and bool(self.again))

    def submit(self, sent: _Sent) -> None:
        """Sends a batch to the workers."""
        key = f"labelprep-{self.name}-{self.submitted}"
        self.submitted += 1
        where = {"workers": self.free, "allow_other_workers": True} if self.free else {}
        future = self.workers.client.submit(self.run, sent.blob, key=key, pure=False, retries=0, **where)
        self.under_way[future] = sent
        self.completed.add(future)

    def collect(self) -> list[bytes]:
        """Answers that have come in; waits a moment where there are none."""
        ready = self.completed.next_batch(block=False)
        if not ready:
            began = time.monotonic()
            with self.completed.thread_condition:
                self.completed.thread_condition.wait(timeout=0.05)
            self.quiet += min(time.monotonic() - began, 1.0)  # a driver that was stopped did not wait
            self.look_for_stall()
            return []
        answers: list[bytes] = []
        for future, result in ready:
            sent = self.under_way.pop(future, None)
            future.release()
            if sent is not None:  # else an answer from before all workers were started anew
                answers.append(self.take(sent, result))
        return answers

    def take(self, sent: _Sent, result: Any) -> bytes:
        """The answers in a result; what is not done yet will be sent again.

        Raises:
            EnvironmentFailure: where workers or the scheduler are lost for good.
            Exception: what the work raised.
        """
        if isinstance(result, tuple) and isinstance(result[0], bytes):
            answers: bytes = isal_zlib.decompress(result[0])
            _, rest, seconds = result
            self.slowest, self.quiet = max(self.slowest, seconds), 0.0
            self.stalls, self.fruitful = 0, time.monotonic()
            if rest is not None:
                self.again.extend(_Sent(half) for half in _in_two(rest))  # so that it is nobody's alone
            return answers
        error = result[1] if isinstance(result, tuple) else result
        if isinstance(error, KilledWorker):
            self.again.extend(_halves(sent, error))
        elif isinstance(error, LOST) or not isinstance(error, BaseException):
            self.again.append(sent)
            self.renew(f"the scheduler or its workers went away ({type(error).__name__})")
        else:
            raise error
        return NOTHING

    def ask(self, what: str) -> dict[str, Any]:
        """The scheduler's answer about its workers, by their address; an error where it gives none in time."""
        client: Any = self.workers.client
        return dict(client.sync(getattr(client.scheduler, what), workers=None, callback_timeout=ANSWERS_WITHIN))

    def count(self) -> None:
        """Looks how many threads there are, and whether anybody is there at all."""
        try:
            threads = sum(self.ask("ncores").values())
        except (OSError, TimeoutError, CancelledError, RuntimeError) as error:
            if time.monotonic() - self.answered > SILENT:
                self.renew(f"the scheduler does not answer ({type(error).__name__})")
            return
        finally:
            self.counted = time.monotonic()
        self.answered = time.monotonic()
        self.width = PER_THREAD * max(threads, 1)
        if threads:
            self.peopled = time.monotonic()
        elif time.monotonic() - self.peopled > (LONELY if self.workers.own else DESERTED):
            self.renew("no worker is left")

    def renew(self, why: str) -> None:
        """Starts all workers anew and sends them what was under way.

        Raises:
            EnvironmentFailure: where they are somebody else's, or that has not helped for long.
        """
        if not self.workers.own or time.monotonic() - self.fruitful > GIVE_UP:
            raise EnvironmentFailure(why, code="workers-lost", hint=GO_ON)
        self.again.extend(self.under_way.values())
        self.drop()
        self.workers.renew()
        self.watch.say(f"{why}; workers were started anew")
        self.completed = as_completed(loop=self.workers.client.loop, with_results=True, raise_errors=False)
        self.counted, self.answered, self.peopled, self.quiet = 0.0, time.monotonic(), time.monotonic(), 0.0

    def look_for_stall(self) -> None:
        """Sends again what has not come back for too long, but once: to new workers, or to others of the cluster.

        Raises:
            EnvironmentFailure: where that did not help.
        """
        allowed = 2 * self.limits.seconds + 60 if self.limits else 0.0
        if self.quiet < max(PATIENCE, 10 * self.slowest, allowed) or not self.under_way:
            return
        why = f"no result for {self.quiet:.0f} s"
        self.stalls, self.quiet = self.stalls + 1, 0.0
        if self.stalls > 1:
            raise EnvironmentFailure(why, code="stalled", hint=GO_ON)
        if self.workers.own:
            self.renew(why)
            return
        self.watch.say(f"{why}; what is under way is sent again")
        self.free = self.idle_workers()
        stalled, self.under_way = self.under_way, {}
        for future, sent in stalled.items():
            future.release()
            self.submit(sent)

    def idle_workers(self) -> list[str] | None:
        """Addresses of workers that have none of the batches under way; None where there is none or nobody knows."""
        mine = {future.key for future in self.under_way}
        try:
            at = self.ask("processing")
        except (OSError, TimeoutError, CancelledError, RuntimeError):
            return None
        return [address for address, keys in at.items() if not mine & set(keys)] or None

    def drop(self) -> None:
        """Lets go of everything under way."""
        self.completed.clear()
        for future in self.under_way:
            future.release()
        self.under_way.clear()


def _halves(sent: _Sent, error: KilledWorker) -> list[_Sent]:
    """A batch whose workers died, in two; only a guard says that a file is to blame.

    Raises:
        EnvironmentFailure: where that happened too often.
    """
    if sent.losses >= ATTEMPTS:
        times = sent.losses * (error.allowed_failures + 1)
        message = f"worker processes died {times} times during the same batch (killed, or out of memory)"
        raise EnvironmentFailure(message, code="workers-lost", hint=GO_ON)
    return [_Sent(half, sent.losses + 1) for half in _in_two(sent.blob)]


def _in_two(deflated: bytes) -> list[bytes]:
    blob = isal_zlib.decompress(deflated)
    middle = (batches.size(blob) + 1) // 2
    halves = batches.part(blob, 0, middle), batches.part(blob, middle)
    return [isal_zlib.compress(half, 1) for half in halves if half is not None]

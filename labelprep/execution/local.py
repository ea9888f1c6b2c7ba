"""Worker processes on this machine: a Dask cluster that starts and goes with the run, on loopback alone."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress

import dask
from dask.system import CPU_COUNT
from distributed import Client, LocalCluster, Status

from labelprep import interrupts
from labelprep.errors import EnvironmentFailure
from labelprep.execution.guard import Limits
from labelprep.execution.inline import Mapper
from labelprep.execution.quiet import quiet
from labelprep.execution.watch import Watch
from labelprep.execution.window import map_in_window

# Dask keeps the last thousand messages of every connection for debugging, batches among them
FORGETFUL: Mapping[str, object] = {"distributed.admin.low-level-log-length": 10}

CONFIG: Mapping[str, object] = {
    **FORGETFUL,
    "distributed.scheduler.no-workers-timeout": "60s",  # without it, a run that lost all workers waits for ever
    # `Local.replace` sees to workers that are gone; Dask would end those that its nannies are just starting anew
    "distributed.deploy.lost-worker-timeout": "365 days",
    "distributed.worker.preload": ["labelprep.execution.worker"],
    "distributed.worker.profile.enabled": False,
    "distributed.admin.system-monitor.gil.enabled": False,
    "distributed.diagnostics.nvml": False,
    # Looking at themselves fifty times a second took driver and two workers 7 % of a core, and takes 1 % this way
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.tick.cycle": "5s",
    "distributed.admin.system-monitor.interval": "5s",
}

GONE = (Status.closed, Status.failed)
STARTS = 3  # times that a start is tried; a worker may die while it starts
LAST_WORDS = 0.5  # seconds that a worker has to end by itself


class Local:
    """Worker processes of this run's own.

    Args:
        workers: how many.
        scratch: folder for their files.

    Raises:
        EnvironmentFailure: where they do not start.
    """

    own = True

    def __init__(self, workers: int, scratch: str) -> None:
        self.workers, self.scratch = workers, scratch
        self._start()

    def replace(self) -> None:
        """Starts others in place of workers that have gone with their nannies, as those do that end in good order."""
        if any(nanny.status in GONE for nanny in list(self.cluster.workers.values())):
            self.cluster.sync(_forget_gone, self.cluster)
        if len(self.cluster.workers) < self.workers:
            self.cluster.scale(self.workers)

    def renew(self) -> None:
        """Starts other workers in place of these, which may be dead or deaf."""
        self.close()
        self._start()

    def close(self) -> None:
        """Ends the workers, at once those that are still busy: whoever wants their results has taken them before."""
        pids = [pid for nanny in list(self.cluster.workers.values()) if (pid := nanny.pid)]
        last_words = threading.Timer(LAST_WORDS, _kill, [pids])
        with interrupts_held():
            last_words.start()
            self.client.close()
            self.cluster.close()
            last_words.cancel()

    def _start(self) -> None:
        with interrupts_held():
            for chance in reversed(range(STARTS)):
                try:
                    self.cluster = _started(self.workers, self.scratch)
                    break
                except EnvironmentFailure:
                    if not chance:
                        raise
            self.client = Client(self.cluster, set_as_default=False)


async def _forget_gone(cluster: LocalCluster) -> None:
    for name, nanny in list(cluster.workers.items()):
        if nanny.status in GONE:
            del cluster.workers[name]


def _kill(pids: list[int]) -> None:
    for pid in pids:
        with suppress(OSError):
            os.kill(pid, signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)


@contextmanager
def local_cluster(
    jobs: int | None, limits: Limits | None, watch: Watch, folder: str, door: str | None
) -> Iterator[Mapper]:
    """Starts `jobs` worker processes with one thread each, or one per core, and stops them afterwards.

    Args:
        jobs: how many.
        limits: what one file may take.
        watch: is asked whether to go on, and told what to say.
        folder: for files of the workers.
        door: of the nursery that their guards get children from; None where each starts its own.

    Raises:
        EnvironmentFailure: where they do not start.
    """
    with (
        dask.config.set({**CONFIG, "temporary-directory": folder}),
        environment_kept(),
        quiet(),
        closing(Local(jobs or CPU_COUNT, folder)) as workers,
    ):
        yield map_in_window(workers, limits, watch, door)


def _started(workers: int, scratch: str) -> LocalCluster:
    try:
        return LocalCluster(
            n_workers=workers,
            threads_per_worker=1,  # a crash takes one batch with it, not its neighbours
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",  # None would warn where another run has port 8787
            scheduler_kwargs={"dashboard": False},
            memory_limit=None,  # an even share of the memory would kill a worker over one large mask
            silence_logs=logging.CRITICAL,
            local_directory=scratch,
        )
    except (OSError, RuntimeError, TimeoutError) as error:
        message = f"cannot start {workers} worker processes: {error}"
        hint = 'use --scheduler inline; a Python script must start work under `if __name__ == "__main__":`'
        raise EnvironmentFailure(message, code="workers", hint=hint) from error


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Lets Ctrl-C wait until workers have started, or stopped; half started, they would not go away cleanly.

    Threads and processes that begin meanwhile never get Ctrl-C, so that a worker does not die of it with a traceback.
    Windows has no such thing; there a worker ignores Ctrl-C once it runs. SIGTERM is not blocked, as that would be
    handed down to processes that are ended by it; it waits.
    """
    with interrupts.deferred(), _ctrl_c_blocked():
        yield


@contextmanager
def _ctrl_c_blocked() -> Iterator[None]:
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import resource_tracker  # not on every system

    resource_tracker.ensure_running()  # started later, by the thread that spawns a worker, it would let Ctrl-C in again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def environment_kept() -> Iterator[None]:
    """Puts environment variables back: Dask leaves its workers' OMP_NUM_THREADS=1 and others in this process.

    Training in the same process would run on one core.
    """
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)

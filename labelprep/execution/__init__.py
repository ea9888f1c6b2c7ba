"""Where batches are computed: in this process, in local worker processes or on a Dask cluster.

Every backend is a `Mapper`: it takes `work(batch) -> answers` and an iterable of batches and gives the answers,
lazily and in any order, with a bounded number of batches under way. The work knows nothing of Dask or guards, and
nothing outside this folder does either.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from labelprep.errors import UsageError
from labelprep.execution.batches import Weigher, batches
from labelprep.execution.guard import Limits
from labelprep.execution.inline import Mapper, Work, map_inline
from labelprep.execution.keys import TLS
from labelprep.execution.nursery import nursery
from labelprep.execution.watch import Watch
from labelprep.storage.scratch import scratch

__all__ = ["FEW_MASKS", "TLS", "Limits", "Mapper", "Watch", "Weigher", "Work", "backend", "batches", "map_inline"]

# Workers take about 1.5 s to import and start; one process converts some hundred masks in that time.
FEW_MASKS = 300
LIMITS = Limits()


def backend(
    scheduler: str = "auto",
    jobs: int | None = None,
    masks: int = 0,
    *,
    limits: Limits | None = LIMITS,
    tls: TLS | None = None,
    watch: Watch | None = None,
) -> AbstractContextManager[Mapper]:
    """The mapper for a run; workers live while the context does, and Ctrl-C lets them finish what is under way.

    Args:
        scheduler: `inline` (this machine, one file after another), `local` (worker processes on this machine), the
            `tcp://host:port` or `tls://host:port` of a Dask scheduler that runs, or `auto`: `inline` below 300 masks
            unless more than one job is asked for, else `local`.
        jobs: worker processes; None for one per core.
        masks: how many masks there are.
        limits: what one file may take before its guard ends it; None works without guards, where a file that crashes
            takes its worker along, or this process.
        tls: keys for a `tls://` address.
        watch: is asked whether to go on, and told what to say.

    Raises:
        UsageError: for a scheduler that does not exist, or jobs or keys that it cannot have.
        EnvironmentFailure: on entering, where workers cannot be started or the cluster not be reached.

    >>> with backend("inline", limits=None) as mapper:
    ...     list(mapper(lambda batch: iter([b"1"]), [b'{"context": "", "samples": [[0, {}]]}']))
    [b'1']
    """
    if jobs is not None and jobs < 1:
        message = f"jobs must be 1 or more, got {jobs}"
        raise UsageError(message)
    if scheduler == "auto":
        scheduler = "inline" if masks < FEW_MASKS and (jobs or 1) == 1 else "local"
    remote = scheduler.startswith(("tcp://", "tls://"))
    if scheduler not in ("inline", "local") and not remote:
        message = f"no scheduler {scheduler!r}; expected auto, inline, local or tcp://HOST:PORT"
        raise UsageError(message)
    if (jobs or 1) > 1 and scheduler != "local":
        whose = "brings its own workers" if remote else "works on one file after another"
        message = f"scheduler {scheduler} {whose}, so it cannot have {jobs} jobs"
        raise UsageError(message, hint="for worker processes on this machine: --scheduler local")
    if tls is not None and not scheduler.startswith("tls://"):
        message = f"keys were given, but scheduler {scheduler} is not encrypted"
        raise UsageError(message, hint="--scheduler tls://HOST:PORT")
    watch = watch or Watch()
    return _heeding(watch, _open(scheduler, jobs, limits, tls, watch))


@contextmanager
def _heeding(watch: Watch, opened: AbstractContextManager[Mapper]) -> Iterator[Mapper]:
    with opened as mapper, watch.interrupts():
        yield mapper


def _open(
    scheduler: str, jobs: int | None, limits: Limits | None, tls: TLS | None, watch: Watch
) -> AbstractContextManager[Mapper]:
    if scheduler == "inline":
        return nullcontext(map_inline(limits, watch))
    if scheduler == "local":
        return _open_local(jobs, limits, watch)
    from labelprep.execution.cluster import remote_cluster

    return remote_cluster(scheduler, limits, watch, tls=tls)


@contextmanager
def _open_local(jobs: int | None, limits: Limits | None, watch: Watch) -> Iterator[Mapper]:
    with scratch() as folder, nullcontext() if limits is None else nursery(folder) as door:  # loads while Dask does
        from labelprep.execution.local import local_cluster

        with local_cluster(jobs, limits, watch, str(folder), door) as mapper:
            yield mapper

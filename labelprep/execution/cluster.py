"""Workers that are there already: a Dask cluster, reached at the address of its scheduler."""

from __future__ import annotations

import gc
import platform
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from urllib.request import urlopen

import dask
from distributed import Client, Security
from distributed.comm.core import CommClosedError

from labelprep.errors import EnvironmentFailure, UsageError
from labelprep.execution.guard import Limits
from labelprep.execution.inline import Mapper
from labelprep.execution.keys import TLS
from labelprep.execution.local import FORGETFUL
from labelprep.execution.quiet import quiet
from labelprep.execution.watch import Watch
from labelprep.execution.window import map_in_window

PATIENCE = 10.0  # seconds to wait for the scheduler, and again for its first worker
SHAPING = ("labelprep", "numpy", "pillow", "zlib-ng")  # libraries whose versions decide what is written


@dataclass(frozen=True)
class Remote:
    """Workers that somebody else runs."""

    client: Client
    own: bool = False

    def replace(self) -> None:
        """Leaves that to whoever runs them."""

    def renew(self) -> None:
        """Is never asked to."""


@contextmanager
def remote_cluster(
    address: str, limits: Limits | None, watch: Watch, *, tls: TLS | None = None, patience: float = PATIENCE
) -> Iterator[Mapper]:
    """Joins the cluster whose scheduler listens at `address`; leaves it running afterwards.

    Args:
        address: `tcp://host:port` or `tls://host:port`.
        limits: what one file may take.
        watch: is told where the dashboard is.
        tls: keys for a `tls://` address; None for those of Dask's own configuration.
        patience: seconds to wait for the scheduler, and again for a first worker.

    Raises:
        EnvironmentFailure: where nobody answers, no worker comes, or a worker has other versions than this process.
    """
    settings = {"distributed.comm.timeouts.connect": f"{patience}s", **FORGETFUL}
    with dask.config.set(settings), quiet():
        client = _connected(address, tls, patience)
        try:
            _check_workers(client, address, patience)
            if _answers(client.dashboard_link):
                watch.say(f"dashboard: {client.dashboard_link}")
            yield map_in_window(Remote(client), limits, watch)
        finally:
            client.close()


def _connected(address: str, tls: TLS | None, patience: float) -> Client:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about versions: `_check_workers` compares those that matter
            security = None if tls is None else _security(tls)
            return Client(address, timeout=patience, set_as_default=False, security=security)
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        why = type(error).__name__
    # A client that failed half-way closes itself when it is collected: here, as in the thread that starts the next
    # client's loop it would wait for a lock that the starter holds.
    gc.collect()
    message = f"no Dask scheduler answers at {address} within {patience:g} s ({why})"
    hint = "start one: dask scheduler, and dask worker ADDRESS; or use --scheduler local"
    if address.startswith("tls://"):
        hint = "compare --tls-ca, --tls-cert and --tls-key with those of the scheduler"
    raise EnvironmentFailure(message, code="cluster-unreachable", hint=hint)


def _answers(link: str) -> bool:
    """Whether there is a dashboard: the scheduler names an address also where it has none."""
    try:
        with urlopen(link, timeout=PATIENCE / 5) as answer:
            return bool(answer.status == 200)
    except (OSError, ValueError):
        return False


def _security(tls: TLS) -> Security:
    for path in (tls.ca, tls.cert, tls.key):
        if not path.is_file():
            message = "no such file"
            raise UsageError(message, path=path)
    return Security(
        tls_ca_file=str(tls.ca), tls_client_cert=str(tls.cert), tls_client_key=str(tls.key), require_encryption=True
    )


def _check_workers(client: Client, address: str, patience: float) -> None:
    try:
        client.wait_for_workers(1, timeout=patience)
        found = client.run(versions)
    except TimeoutError as error:
        message = f"the scheduler at {address} has no worker after {patience:g} s"
        hint = f"start some: dask worker {address} --nthreads 1"
        raise EnvironmentFailure(message, code="no-workers", hint=hint) from error
    except (ImportError, AttributeError) as error:
        message = f"a worker of {address} has another labelprep or none: {error}"
        hint = "install this version there: python -m pip install labelprep==" + versions()["labelprep"]
        raise EnvironmentFailure(message, code="worker-versions", hint=hint) from error
    except CommClosedError as error:
        message = f"the cluster at {address} went away while it was asked for its versions"
        raise EnvironmentFailure(message, code="cluster-unreachable", hint="start it again") from error
    here = versions()
    for worker, there in found.items():
        for name, version in here.items():
            if there.get(name) != version:
                message = f"worker {worker} has {name} {there.get(name)}, this process {version}; outputs would differ"
                raise EnvironmentFailure(message, code="worker-versions", hint="install the same versions everywhere")


def versions() -> dict[str, str]:
    """Versions, in the process that calls it, of Python (major.minor) and the libraries that shape outputs."""
    python = ".".join(platform.python_version_tuple()[:2])
    return {"python": python} | {name: metadata.version(name) for name in SHAPING}

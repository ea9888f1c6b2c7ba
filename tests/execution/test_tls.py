"""A cluster that talks encrypted: joined with keys, refused without."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from labelprep.errors import EnvironmentFailure, UsageError
from labelprep.execution import TLS, Limits, Watch, backend
from labelprep.execution.cluster import remote_cluster
from tests.execution import work
from tests.execution.test_cluster import free_port, started, stopped, wait_for
from tests.execution.work import batch, keys_of

pytestmark = pytest.mark.skipif(not shutil.which("openssl") or sys.platform == "win32", reason="openssl makes the keys")


def keys(folder):
    """A key pair that is its own authority."""
    ours = TLS(folder / "cert.pem", folder / "cert.pem", folder / "key.pem")
    command = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test -keyout {ours.key} -out {ours.cert}"
    subprocess.run(command.split(), check=True, capture_output=True)
    return ours


def options(tls):
    return "--tls-ca-file", str(tls.ca), "--tls-cert", str(tls.cert), "--tls-key", str(tls.key)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    tls = keys(folder)
    address = f"tls://127.0.0.1:{free_port()}"
    plain = ("--host", "127.0.0.1", "--no-dashboard", "--dashboard-address", "127.0.0.1:0", *options(tls))
    port = address.rpartition(":")[2]
    processes = [
        started("dask_scheduler", "--protocol", "tls", "--port", port, *plain, folder=folder),
        started(
            "dask_worker", address, "--nthreads", "1", "--no-nanny", "--local-directory", str(folder),
            "--host", "127.0.0.1", "--no-dashboard", *options(tls), folder=folder,
        ),
    ]  # fmt: skip
    wait_for(address)
    yield address, tls
    stopped(*processes)


def test_work_goes_through_an_encrypted_cluster(cluster):
    address, tls = cluster
    with backend(address, limits=Limits(), tls=tls) as mapper:
        assert keys_of(mapper(work.echo, [batch("a"), batch("b")])) in (["a", "b"], ["b", "a"])


def test_strange_keys_are_refused_with_the_options_to_compare(cluster, tmp_path):
    address, _ = cluster
    with pytest.raises(EnvironmentFailure, match="no Dask scheduler answers") as caught:
        remote_cluster(address, None, Watch(), tls=keys(tmp_path), patience=2).__enter__()
    assert (caught.value.exit_code, caught.value.code) == (4, "cluster-unreachable")
    assert "--tls-ca" in (caught.value.hint or "")


def test_keys_that_are_not_there_and_keys_for_an_open_cluster_are_refused(tmp_path):
    nothing = TLS(tmp_path / "ca", tmp_path / "cert", tmp_path / "key")
    with pytest.raises(UsageError, match="no such file") as caught:
        backend("tls://127.0.0.1:1", tls=nothing).__enter__()
    assert caught.value.path == str(tmp_path / "ca")
    with pytest.raises(UsageError, match="not encrypted"):
        backend("tcp://127.0.0.1:1", tls=nothing)

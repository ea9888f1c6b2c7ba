"""A Dask cluster that somebody else runs: a scheduler and a worker, each a process of its own, on loopback."""

from __future__ import annotations

import gc
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from distributed import Client

import labelprep.execution.cluster as cluster
from labelprep.errors import EnvironmentFailure
from labelprep.execution import Watch, backend
from tests.execution import work
from tests.execution.work import batch, keys_of

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def started(*words: str, folder: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([os.environ.get("PYTHONPATH", ""), str(ROOT)])}
    program = [sys.executable, "-m", "distributed.cli." + words[0], *words[1:]]
    return subprocess.Popen(program, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def scheduler_at(address: str, folder: Path) -> subprocess.Popen[bytes]:
    port = address.rpartition(":")[2]
    return started(
        "dask_scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard", "--dashboard-address", "127.0.0.1:0",
        folder=folder,
    )  # fmt: skip


def worker_of(address: str, folder: Path) -> subprocess.Popen[bytes]:
    return started(
        "dask_worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", str(folder),
        folder=folder,
    )  # fmt: skip


def wait_for(address: str) -> None:
    host, _, port = address.partition("://")[2].partition(":")
    for _ in range(100):
        try:
            socket.create_connection((host, int(port)), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return


def stopped(*processes: subprocess.Popen[bytes]) -> None:
    for process in processes:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cluster")
    address = f"tcp://127.0.0.1:{free_port()}"
    processes = scheduler_at(address, folder), worker_of(address, folder)
    yield address
    stopped(*processes)


def test_batches_are_computed_on_the_cluster_and_it_goes_on_running(address, capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blobs = [batch(str(i)) for i in range(100, 120)]

    for _ in range(2):
        with backend(address) as mapper:
            assert sorted(keys_of(mapper(work.echo, blobs))) == [str(i) for i in range(100, 120)]

    assert capfd.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []


def test_the_window_follows_the_threads_of_the_cluster(address):
    pulled = 0

    def endless():
        nonlocal pulled
        while True:
            pulled += 1
            yield batch("x")

    with backend(address) as mapper:
        results = mapper(work.echo, endless())
        for _ in range(10):
            next(results)
        results.close()

    assert pulled <= 10 + 3


def test_a_worker_with_other_versions_is_refused(address, monkeypatch):
    monkeypatch.setattr(cluster.metadata, "version", lambda name: "0.1")

    with pytest.raises(EnvironmentFailure, match=r"worker tcp://127.* has labelprep .*, this process 0\.1") as caught:
        backend(address).__enter__()

    assert (caught.value.exit_code, caught.value.code) == (4, "worker-versions")


def test_an_address_where_nobody_answers_is_said_within_seconds(capfd):
    nobody = f"tcp://127.0.0.1:{free_port()}"
    began = time.monotonic()

    with pytest.raises(EnvironmentFailure, match=f"no Dask scheduler answers at {nobody} within 1 s") as caught:
        cluster.remote_cluster(nobody, None, Watch(), patience=1).__enter__()

    assert (caught.value.exit_code, caught.value.code) == (4, "cluster-unreachable")
    assert "dask scheduler" in (caught.value.hint or "")
    assert time.monotonic() - began < 10
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("wrong", ["tcp://", "tcp://host:notaport"])
def test_an_address_that_is_none_is_said_too(wrong):
    with pytest.raises(EnvironmentFailure, match="no Dask scheduler answers at"):
        cluster.remote_cluster(wrong, None, Watch(), patience=1).__enter__()


def open_clients():
    # by type, as isinstance asks the thing itself, and some things of torch answer with a warning
    clients = (thing for thing in gc.get_objects() if issubclass(type(thing), Client))
    return [client for client in clients if client.status != "closed"]


def test_a_half_made_client_is_gone_before_the_next_is_made():
    before = open_clients()  # of other tests; held, so that no new one takes the place of one
    gc.disable()  # or chance decides when, and in which thread, it is collected
    try:
        with pytest.raises(EnvironmentFailure, match="no Dask scheduler answers at"):
            cluster.remote_cluster("tcp://host:notaport", None, Watch(), patience=1).__enter__()
        half_made = [client for client in open_clients() if not any(client is other for other in before)]
    finally:
        gc.enable()

    assert half_made == []


def test_a_scheduler_without_workers_is_said(tmp_path):
    address = f"tcp://127.0.0.1:{free_port()}"
    scheduler = scheduler_at(address, tmp_path)
    try:
        wait_for(address)
        with pytest.raises(EnvironmentFailure, match="has no worker after 1 s"):
            cluster.remote_cluster(address, None, Watch(), patience=1).__enter__()
    finally:
        stopped(scheduler)


def test_a_scheduler_that_goes_away_half_way_blames_no_file(tmp_path, capfd):
    address = f"tcp://127.0.0.1:{free_port()}"
    scheduler, worker = scheduler_at(address, tmp_path), worker_of(address, tmp_path)
    try:
        with backend(address) as mapper:
            results = mapper(work.nap, (batch("masks/innocent.png") for _ in range(100)))
            next(results)
            scheduler.kill()
            with pytest.raises(EnvironmentFailure, match="went away") as caught:
                list(results)
    finally:
        stopped(scheduler, worker)

    assert caught.value.exit_code == 4
    assert "innocent" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("there", [True, False])
def test_the_dashboard_is_named_where_there_is_one(address, monkeypatch, there):
    monkeypatch.setattr(cluster, "_answers", lambda link: there)
    lines = []
    with backend(address, watch=Watch(say=lines.append)):
        pass
    assert [line.partition(" http://")[0] for line in lines] == (["dashboard:"] if there else [])


def test_a_dashboard_is_believed_when_it_answers(tmp_path):
    import threading
    from http.server import HTTPServer, SimpleHTTPRequestHandler

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        place = f"http://127.0.0.1:{server.server_port}"
        assert cluster._answers(f"{place}/")
        assert not cluster._answers(f"{place}/no/such/page")
        server.shutdown()
    assert not cluster._answers(f"{place}/")
    assert not cluster._answers("nonsense")

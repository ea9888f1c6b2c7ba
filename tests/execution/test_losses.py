"""Workers and schedulers that are lost or fall silent: made up for, or the end of a run that can go on.

Never is a file to blame for it.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
import time
from contextlib import closing, contextmanager

import dask
import psutil
import pytest
from distributed import Status

from labelprep.errors import EnvironmentFailure
from labelprep.execution import Limits, Watch, backend, local, window
from tests.execution import work
from tests.execution.test_cluster import free_port, scheduler_at, stopped, wait_for, worker_of
from tests.execution.work import batch, keys_of

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals")
KEYS = [str(n) for n in range(60)]
LIMITS = Limits(5)


def blobs():
    return (batch(*KEYS[i : i + 4]) for i in range(0, len(KEYS), 4))


def said():
    lines = []
    return Watch(say=lines.append), lines


def workers():
    """Dask's worker processes below this one, without their guards."""
    mine = psutil.Process().children()
    return [
        p for p in mine if "spawn_main" in " ".join(p.cmdline()) and "resource_tracker" not in " ".join(p.cmdline())
    ]


def test_a_worker_that_is_killed_is_made_up_for():
    with backend("local", 2, limits=LIMITS) as mapper:
        results = mapper(work.blink, blobs())
        taken = [next(results)]
        workers()[0].kill()
        taken += results

    assert sorted(keys_of(taken)) == sorted(KEYS)
    assert work.findings_of(taken) == {}


@pytest.mark.chaos
def test_batches_that_lost_their_workers_several_times_are_halved():
    with dask.config.set({"distributed.scheduler.allowed-failures": 0}), backend("local", 1, limits=LIMITS) as mapper:
        results = mapper(work.blink, blobs())
        taken = [next(results)]
        for _ in range(2):
            workers()[0].kill()
            taken.append(next(results))
        taken += results

    assert len(taken) > len(KEYS) // 4
    assert sorted(keys_of(taken)) == sorted(KEYS)
    assert work.findings_of(taken) == {}


@pytest.mark.chaos
def test_batches_whose_workers_always_die_end_the_run_and_blame_no_file(monkeypatch):
    monkeypatch.setattr(window, "ATTEMPTS", 1)
    with backend("local", 1, limits=None) as mapper, pytest.raises(EnvironmentFailure, match="died 4 times") as caught:
        list(mapper(work.die, [batch("masks/innocent.png")]))

    assert caught.value.exit_code == 4
    assert "innocent" not in str(caught.value)
    assert "run the same command again" in str(caught.value)


@pytest.mark.parametrize("count", [1, 2])
def test_local_workers_that_end_in_good_order_are_replaced(monkeypatch, count):
    clusters, start = [], local._started
    monkeypatch.setattr(local, "_started", lambda *words: clusters.append(start(*words)) or clusters[-1])
    with backend("local", 2, limits=LIMITS) as mapper:
        keys = (f"{n}" for n in itertools.count())
        sent = []
        results = mapper(work.blink, (batch(sent.append(key) or key) for key in keys))
        taken = [next(results)]
        (cluster,) = clusters
        former = list(cluster.workers.values())
        cluster.sync(lose, cluster, count)
        while sum(nanny.status == Status.running for nanny in list(cluster.workers.values())) < 2:
            taken.append(next(results))
        assert len(set(former) & set(cluster.workers.values())) == 2 - count
        under_way = set(sent)
        while not under_way <= set(keys_of(taken)):
            taken.append(next(results))

    assert work.findings_of(taken) == {}
    assert len(set(keys_of(taken))) == len(taken)


async def lose(cluster, count):
    """As `sys.exit` in a worker does: its nanny goes too."""
    for nanny in list(cluster.workers.values())[:count]:
        await nanny.close(timeout=1)


def test_a_worker_that_leaves_waits_for_no_batch(tmp_path):
    with dask.config.set(local.CONFIG), closing(local.Local(1, str(tmp_path))) as one:
        task = one.client.submit(time.sleep, 600, pure=False)
        while not any(one.client.processing().values()):
            time.sleep(0.01)
        (pid,) = one.client.run(os.getpid).values()
        one.client.run(lambda dask_worker: dask_worker.loop.add_callback(sys.exit))
        assert psutil.wait_procs([psutil.Process(pid)], timeout=20)[1] == []  # Dask would wait for thirty seconds
        task.cancel()


@pytest.mark.chaos
def test_a_worker_that_falls_silent_is_replaced(monkeypatch):
    monkeypatch.setattr(window, "PATIENCE", 1.5)
    watch, lines = said()
    with backend("local", 2, limits=None, watch=watch) as mapper:
        results = mapper(work.blink, blobs())
        taken = [next(results)]
        os.kill(workers()[0].pid, signal.SIGSTOP)
        taken += results

    assert sorted(keys_of(taken)) == sorted(KEYS)
    assert len(lines) == 1
    assert "no result for" in lines[0]


@contextmanager
def cluster(folder, count=2):
    address = f"tcp://127.0.0.1:{free_port()}"
    folders = [folder / str(n) for n in range(count)]
    for each in folders:
        each.mkdir()
    processes = [scheduler_at(address, folder), *(worker_of(address, each) for each in folders)]
    wait_for(address)
    try:
        yield address, processes
    finally:
        stopped(*processes)


def test_a_worker_of_a_cluster_that_is_killed_is_made_up_for(tmp_path):
    with cluster(tmp_path) as (address, processes), backend(address, limits=LIMITS) as mapper:
        results = mapper(work.blink, blobs())
        taken = [next(results)]
        processes[1].kill()
        taken += results

    assert sorted(keys_of(taken)) == sorted(KEYS)
    assert work.findings_of(taken) == {}


@pytest.mark.chaos
def test_a_worker_of_a_cluster_that_falls_silent_is_passed_over(tmp_path, monkeypatch):
    monkeypatch.setattr(window, "PATIENCE", 1.5)
    watch, lines = said()
    with cluster(tmp_path) as (address, processes):
        with backend(address, limits=None, watch=watch) as mapper:
            results = mapper(work.blink, blobs())
            taken = [next(results) for _ in range(3)]
            processes[1].send_signal(signal.SIGSTOP)
            taken += results
        processes[1].send_signal(signal.SIGCONT)

    assert sorted(keys_of(taken)) == sorted(KEYS)
    assert "what is under way is sent again" in lines[-1]


@pytest.mark.chaos
def test_when_sending_again_does_not_help_the_run_ends_and_can_go_on(tmp_path, monkeypatch):
    monkeypatch.setattr(window, "PATIENCE", 1.5)
    with cluster(tmp_path, 1) as (address, processes):
        with backend(address, limits=None) as mapper:
            results = mapper(work.blink, blobs())
            next(results)
            processes[1].send_signal(signal.SIGSTOP)
            with pytest.raises(EnvironmentFailure, match="no result for") as caught:
                list(results)
        processes[1].send_signal(signal.SIGCONT)

    assert (caught.value.exit_code, caught.value.code) == (4, "stalled")


def test_a_cluster_without_workers_is_left_after_a_while(tmp_path, monkeypatch):
    monkeypatch.setattr(window, "DESERTED", 1.0)
    monkeypatch.setattr(window, "RECOUNT", 0.5)
    with cluster(tmp_path, 1) as (address, processes), backend(address, limits=LIMITS) as mapper:
        results = mapper(work.blink, blobs())
        next(results)
        processes[1].kill()
        with pytest.raises(EnvironmentFailure, match="no worker is left") as caught:
            list(results)

    assert caught.value.exit_code == 4


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "silent"])
def test_a_scheduler_that_is_lost_ends_the_run_within_a_minute(tmp_path, monkeypatch, how):
    monkeypatch.setattr(window, "SILENT", 3.0)
    monkeypatch.setattr(window, "ANSWERS_WITHIN", 1.0)
    monkeypatch.setattr(window, "RECOUNT", 1.0)
    with cluster(tmp_path, 1) as (address, processes):
        with backend(address, limits=LIMITS) as mapper:
            results = mapper(work.blink, (batch("masks/innocent.png") for _ in range(1000)))
            next(results)
            processes[0].send_signal(how)
            began = time.monotonic()
            with pytest.raises(EnvironmentFailure) as caught:
                list(results)
        seconds = time.monotonic() - began

    assert (caught.value.exit_code, caught.value.code) == (4, "workers-lost")
    assert "innocent" not in str(caught.value)
    assert seconds < 30


def test_a_sign_of_life_is_given_while_nothing_comes():
    signs = []
    with backend("local", 1, limits=LIMITS, watch=Watch(on_wait=lambda: signs.append(1))) as mapper:
        assert keys_of(mapper(work.slumber, [batch("a")])) == ["a"]
    assert len(signs) >= 2

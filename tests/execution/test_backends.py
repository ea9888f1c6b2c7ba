"""Every backend keeps the same promises: each is run through the same tests."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from pathlib import Path

import pytest

from labelprep import execution
from labelprep.errors import DamagedFileError, UsageError
from labelprep.execution import FEW_MASKS, Limits, backend
from tests.execution import work
from tests.execution.work import batch, keys_of

BACKENDS = [("inline", None), ("inline unguarded", None), ("local", 1), ("local", 2)]


@pytest.fixture(scope="module", params=BACKENDS, ids=lambda b: f"{b[0]}-{b[1]}")
def running(request):
    scheduler, jobs = request.param
    limits = None if scheduler == "inline unguarded" else Limits()
    with backend(scheduler.partition(" ")[0], jobs, limits=limits) as mapper:
        yield mapper, 1 if jobs is None else 3 * jobs


def numbers(n):
    return [batch(str(i)) for i in range(n)]


def test_every_batch_gives_its_answers_once(running):
    mapper, _ = running
    blobs = [batch(*(f"{i}-{j}" for j in range(3))) for i in range(40)]

    results = list(mapper(work.echo, blobs))

    assert sorted(keys_of(results)) == sorted(f"{i}-{j}" for i in range(40) for j in range(3))


def test_equal_batches_are_each_computed(running):
    mapper, _ = running
    assert keys_of(mapper(work.echo, [batch("ab")] * 20)) == ["ab"] * 20


def test_results_are_complete_when_batches_take_different_times(running):
    mapper, _ = running
    assert sorted(keys_of(mapper(work.slow_when_even, numbers(20)))) == sorted(str(i) for i in range(20))


def test_no_batches_give_no_results(running):
    mapper, _ = running
    assert list(mapper(work.echo, [])) == []


def test_a_mapper_can_be_used_again(running):
    mapper, _ = running
    assert [keys_of(mapper(work.echo, [batch("ab")])) for _ in range(2)] == [["ab"], ["ab"]]


def test_the_input_is_read_only_as_far_as_the_window(running):
    mapper, window = running
    pulled = 0
    lead = []

    def endless():
        nonlocal pulled
        while True:
            pulled += 1
            yield batch(str(pulled))

    results = mapper(work.slow_when_even, endless())
    assert pulled == 0
    for taken in range(1, 31):
        next(results)
        lead.append(pulled - taken)
    if hasattr(results, "close"):
        results.close()

    assert max(lead) <= window
    assert pulled <= 30 + window


def test_an_exception_of_the_work_comes_through_as_it_is(running):
    mapper, _ = running
    with pytest.raises(DamagedFileError, match="the seventh") as caught:
        list(mapper(work.refuse_seven, numbers(10)))

    assert (caught.value.path, caught.value.hint, caught.value.code) == ("masks/7.png", "look at it", "damaged-file")
    assert keys_of(mapper(work.echo, [batch("ab")])) == ["ab"]


def test_an_exception_of_the_input_comes_through_as_it_is(running):
    mapper, _ = running

    def broken():
        yield batch("1")
        raise KeyError("the plan")

    with pytest.raises(KeyError, match="the plan"):
        list(mapper(work.echo, broken()))


def test_a_run_that_is_dropped_half_way_leaves_the_workers_free(running):
    mapper, _ = running
    results = mapper(work.slow_when_even, numbers(50))
    next(results)
    del results

    assert keys_of(mapper(work.echo, [batch("ab")])) == ["ab"]


def test_batches_of_many_megabytes_pass(running):
    mapper, _ = running
    key = "ab" * (6 << 20)
    assert keys_of(mapper(work.echo, [batch(key)])) == [key]


@pytest.mark.parametrize("scheduler", ["inline", "local"])
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_poison_is_named_everywhere(scheduler):
    keys = [f"{i}-{'segv' if i == 11 else 'hang' if i == 22 else 'good'}" for i in range(40)]
    with backend(scheduler, 2 if scheduler == "local" else None, limits=Limits(1.0, 1 << 30)) as mapper:
        results = list(mapper(work.poisoned, [batch(*keys[i : i + 5]) for i in range(0, 40, 5)]))

    assert sorted(keys_of(results)) == sorted(keys)
    codes = {key: finding["code"] for key, finding in work.findings_of(results).items()}
    assert codes == {"11-segv": "crashed-decoder", "22-hang": "hung-decoder"}


def test_memory_that_ends_without_a_guard_names_the_file(monkeypatch):
    with backend("inline", limits=None) as mapper:
        results = list(mapper(work.starve, [batch("1", "2-memory", "3")]))

    assert keys_of(results) == ["1", "2-memory", "3"]
    assert work.findings_of(results)["2-memory"]["code"] == "out-of-memory"


# What holds for local workers alone


def test_workers_start_and_stop_without_a_word_and_leave_nothing(capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    import distributed  # sets up its loggers once

    before, level = dict(os.environ), logging.getLogger(distributed.__name__).level

    with backend("local", 2) as mapper:
        assert keys_of(mapper(work.echo, [batch("ab")] * 4)) == ["ab"] * 4
        list(mapper(work.complain, [batch("1")]))
        with pytest.raises(DamagedFileError):
            list(mapper(work.refuse_seven, [batch("7")]))

    assert capfd.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []
    assert dict(os.environ) == before
    assert logging.getLogger("distributed").level == level


def test_workers_listen_on_loopback_alone():
    import psutil

    with backend("local", 1) as mapper:
        list(mapper(work.echo, [batch("ab")]))
        ours = [psutil.Process(), *psutil.Process().children(recursive=True)]
        listening = [c for p in ours for c in p.net_connections() if c.status == psutil.CONN_LISTEN]

    assert listening
    assert {c.laddr.ip for c in listening} == {"127.0.0.1"}


def test_a_worker_computes_with_one_thread_and_the_driver_keeps_its_own(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    with backend("local", 1) as mapper:
        assert keys_of(mapper(work.threads_allowed, [batch("a")])) == ["1"]
    assert "OMP_NUM_THREADS" not in os.environ


# Which backend


@pytest.mark.parametrize(
    ("jobs", "masks", "inline"),
    [(None, 0, True), (None, FEW_MASKS - 1, True), (1, 10, True), (None, FEW_MASKS, False), (2, 10, False)],
)
def test_auto_takes_workers_for_many_masks_or_when_jobs_are_asked_for(monkeypatch, jobs, masks, inline):
    asked = []
    monkeypatch.setattr(execution, "_open_local", lambda jobs, *_: asked.append(jobs))

    backend("auto", jobs, masks)

    assert (asked == []) is inline


@pytest.mark.parametrize(
    ("scheduler", "jobs", "says"),
    [
        ("threads", None, "no scheduler 'threads'; expected auto, inline, local or tcp://"),
        ("inline", 4, "cannot have 4 jobs"),
        ("tcp://localhost:1", 2, "brings its own workers"),
        ("auto", 0, "jobs must be 1 or more, got 0"),
    ],
)
def test_an_impossible_request_is_refused_before_anything_starts(scheduler, jobs, says):
    with pytest.raises(UsageError, match=says):
        backend(scheduler, jobs)


def test_choosing_inline_loads_no_dask():
    import subprocess

    program = (
        "import sys, labelprep.execution as e\n"
        "from tests.execution import work\n"
        "with e.backend('auto', None, 10) as m: list(m(work.echo, [work.batch('a')]))\n"
        "sys.exit(any(n.partition('.')[0] in ('dask', 'distributed') for n in sys.modules))"
    )
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", program], cwd=root, check=False).returncode == 0

"""A file that kills, hangs or starves the process that reads it is named; all others are worked on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing

import psutil
import pytest

from labelprep.batch import unpack
from labelprep.errors import DamagedFileError, EnvironmentFailure
from labelprep.execution import guard as guards
from labelprep.execution.guard import Guard, Limits
from labelprep.execution.inline import name_of
from labelprep.execution.nursery import nursery
from tests.execution import work

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals")
SHORT = Limits(seconds=1.0, memory=1 << 28)
WHERE = ["by itself", pytest.param("nursery", marks=pytest.mark.skipif(sys.platform != "linux", reason="forks"))]


@pytest.fixture(scope="module", params=WHERE)
def door(request, tmp_path_factory):
    """Every child comes from a nursery, or starts by itself."""
    if request.param == "by itself":
        yield None
        return
    with nursery(tmp_path_factory.mktemp("n")) as found:
        assert found
        yield found


@pytest.fixture
def guarded(door):
    return lambda function, limits=SHORT: Guard(name_of(function), limits, door)


def ended(guard, batch):
    """Everything that a guard says of a batch and of what it gave back."""
    results = []
    while batch is not None:
        answers, batch = guard.run(batch)
        results.append(answers)
    return results


def test_every_poison_is_named_with_its_cause_and_nobody_else(guarded):
    keys = [f"{i}-{kind}" for i, kind in enumerate(("good", *work.KILLERS, "good", "segv", "good"))]
    with closing(guarded(work.poisoned)) as guard:
        assert keys_in(guard.run(work.batch("good"))) == ["good"]
        results = ended(guard, work.batch(*keys))

    assert work.keys_of(results) == keys
    found = work.findings_of(results)
    assert {k: f["code"] for k, f in found.items()} == {
        k: work.CODES[kind] for k in keys if (kind := k.rpartition("-")[2]) in work.CODES
    }
    assert "SIGSEGV" in found["1-segv"]["message"]
    assert "SIGABRT" in found["2-abort"]["message"]
    assert "no result after" in found["3-hang"]["message"]
    assert "needs more memory than the limit of 256 MiB" in found["4-memory"]["message"]
    assert "was killed" in found["5-killed"]["message"]


def keys_in(result):
    return work.keys_of([result[0]])


def test_an_answer_for_a_poison_is_whole_and_is_never_recalled(guarded):
    with closing(guarded(work.die)) as guard:
        answers, rest = guard.run(work.batch("masks/a"))
    answer = json.loads(answers)

    assert rest is None
    assert (answer["n"], answer["stamp"], answer["vote"], answer["undecided"], answer["tie"]) == (
        0,
        None,
        None,
        False,
        None,
    )
    assert answer["findings"][0]["path"] == "masks/a"
    assert answer["row"]["findings"] == ["crashed-decoder"]
    assert "ended with exit code 3" in answer["findings"][0]["message"]


def test_a_child_that_died_of_something_else_blames_no_file(guarded, tmp_path):
    keys = [str(tmp_path / name) for name in "abc"]
    with closing(guarded(work.die_once)) as guard:
        answers, rest = guard.run(work.batch(*keys))

    assert (keys_in((answers,)), rest) == (keys, None)
    assert work.findings_of([answers]) == {}


def test_a_child_killed_from_outside_blames_no_file(guarded):
    with closing(guarded(work.nap, Limits())) as guard:
        guard.run(work.batch("warm"))
        killed = []

        def kill_once():
            if not killed:
                killed.append(guard._child._process.pid)
                os.kill(killed[0], signal.SIGKILL)
            return True

        answers, _ = guard.run(work.batch("a", "b", "c"), kill_once)

    assert keys_in((answers,)) == ["a", "b", "c"]
    assert work.findings_of([answers]) == {}


def test_after_a_hang_the_rest_comes_back_so_that_no_batch_takes_long(guarded):
    with closing(guarded(work.poisoned)) as guard:
        guard.run(work.batch("good"))
        answers, rest = guard.run(work.batch("a", "b-hang", "c", "d-hang"))

    assert keys_in((answers,)) == ["a", "b-hang"]
    assert rest is not None
    assert unpack(rest)[1] == unpack(work.batch("a", "b-hang", "c", "d-hang"))[1][2:]


def test_a_large_mask_may_take_longer(guarded, tmp_path):
    from tests.png_files import chunk

    header = (2_000).to_bytes(4, "big") + (4_000).to_bytes(4, "big") + bytes([8, 0, 0, 0, 0])
    large = tmp_path / "large-hang"
    large.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header))
    with closing(guarded(work.poisoned, Limits(0.2))) as guard:
        guard.run(work.batch("good"))
        began = time.monotonic()
        answers, _ = guard.run(work.batch(str(large)))

    assert time.monotonic() - began > 2
    assert work.findings_of([answers])[str(large)]["code"] == "hung-decoder"


def test_time_in_which_this_process_was_stopped_does_not_count(guarded, monkeypatch):
    clock = time.monotonic
    leaps = iter([3600.0] * 3)
    offset = 0.0

    def leaping():
        nonlocal offset
        offset += next(leaps, 0.0)
        return clock() + offset

    with closing(guarded(work.nap, Limits(20))) as guard:
        guard.run(work.batch("warm"))
        monkeypatch.setattr(guards.time, "monotonic", leaping)
        answers, rest = guard.run(work.batch("a"))

    assert (keys_in((answers,)), rest) == (["a"], None)


def test_errors_of_the_work_come_through_as_they_are_and_the_guard_goes_on(guarded):
    with closing(guarded(work.refuse_seven)) as guard:
        with pytest.raises(DamagedFileError, match="the seventh") as caught:
            guard.run(work.batch("6", "7", "8"))
        assert keys_in(guard.run(work.batch("9"))) == ["9"]

    assert (caught.value.path, caught.value.hint, caught.value.code) == ("masks/7.png", "look at it", "damaged-file")


def test_a_mistake_of_the_work_is_a_mistake_with_its_traceback(guarded):
    with closing(guarded(work.stumble)) as guard, pytest.raises(RuntimeError, match="KeyError: 'a'") as caught:
        guard.run(work.batch("a"))

    assert "in stumble" in caught.value.__notes__[0]


def test_work_that_cannot_be_loaded_is_a_failure_of_the_place(door):
    guard = Guard("tests.execution.work:nothing", SHORT, door)
    with pytest.raises(EnvironmentFailure, match=r"guard process does not start: .*nothing") as caught:
        guard.run(work.batch("a"))
    assert caught.value.exit_code == 4


def test_what_libraries_print_goes_nowhere(guarded, capfd):
    with closing(guarded(work.complain)) as guard:
        assert keys_in(guard.run(work.batch("a", "b"))) == ["a", "b"]
    assert capfd.readouterr() == ("", "")


def test_one_child_serves_all_batches_and_ends_with_the_guard(guarded):
    with closing(guarded(work.process)) as guard:
        pids = {int(p) for _ in range(3) for p in keys_in(guard.run(work.batch("a", "b")))}
    assert len(pids) == 1
    assert not psutil.pid_exists(*pids)


def test_a_child_does_not_outlive_a_parent_that_was_killed(door):
    program = (
        f"door = {door!r}\n"
        "from labelprep.execution.guard import Guard, Limits\n"
        "from tests.execution import work\n"
        "guard = Guard('tests.execution.work:process', Limits(), door)\n"
        "print(guard.run(work.batch('a'))[0].decode(), flush=True)\n"
        "guard = Guard('tests.execution.work:poisoned', Limits(), door)\n"
        "guard.start()\n"
        "guard._child.wait_ready(lambda: True)\n"
        "print(guard._child._process.pid, flush=True)\n"
        "guard.run(work.batch('a-hang'))\n"
    )
    driver = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    children = [int(json.loads(driver.stdout.readline())), int(driver.stdout.readline())]
    processes = [psutil.Process(pid) for pid in children]
    time.sleep(0.3)
    driver.kill()
    driver.communicate()

    _, alive = psutil.wait_procs(processes, timeout=5)
    assert alive == []


def test_the_child_keeps_its_memory_as_malloc_likes_though_dask_says_otherwise(guarded, monkeypatch):
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "65536")
    with closing(guarded(work.variable)) as guard:
        answers, _ = guard.run(work.batch("MALLOC_TRIM_THRESHOLD_", "PATH"))

    assert work.keys_of([answers]) == ["unset", os.environ["PATH"]]

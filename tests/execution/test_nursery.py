"""Children of a nursery are as safe as those that start by themselves, and nobody is left behind by whoever dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import closing

import psutil
import pytest

from labelprep.execution import Limits, backend
from labelprep.execution.guard import Guard
from labelprep.execution.nursery import Forked, nursery
from tests.execution import hostile, work
from tests.execution.test_losses import workers
from tests.execution.work import batch, findings_of, keys_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there is no nursery")
LIMITS = Limits(20)


@pytest.fixture(scope="module")
def door(tmp_path_factory):
    with nursery(tmp_path_factory.mktemp("n")) as found:
        assert found
        yield found


def server():
    """The nursery below this process that was started last."""
    found = [p for p in psutil.Process().children() if "execution.forks" in " ".join(p.cmdline())]
    return max(found, key=psutil.Process.create_time)


def guarded(name, door):
    return closing(Guard(f"tests.execution.work:{name}", LIMITS, door))


def answers(guard, *keys):
    return keys_of([guard.run(batch(*keys))[0]])


def test_children_are_forks_and_leave_nothing_open_behind(door):
    with guarded("parent", door) as guard:
        assert answers(guard, "a") == [str(server().pid)]
        before = server().num_fds()
        for _ in range(10):
            guard.close()
            assert answers(guard, "a") == [str(server().pid)]
        others = [Guard("tests.execution.work:process", LIMITS, door) for _ in range(5)]
        assert len({answers(each, "a")[0] for each in others}) == 5
        for each in others:
            each.close()
        assert server().num_fds() == before
    assert server().children() == []


def test_a_child_has_the_limits_of_its_own_guard_and_the_next_has_others(door):
    for memory, found in ((1 << 28, "out-of-memory"), (None, None)):
        with closing(Guard("tests.execution.work:take_much", Limits(20, memory), door)) as guard:
            findings = findings_of([guard.run(batch("a"))[0]])
        assert findings.get("a", {}).get("code") == found


def test_a_nursery_that_is_killed_takes_its_children_along_and_guards_go_on_without(tmp_path):
    with nursery(tmp_path) as door, guarded("parent", door) as guard, guarded("poisoned", door) as stuck:
        answers(guard, "a")
        answers(stuck, "a")
        children = [psutil.Process(guard._child._process.pid), psutil.Process(stuck._child._process.pid)]
        server().kill()
        assert psutil.wait_procs(children, timeout=20)[1] == []
        results = guard.run(batch("a", "b"))
        assert keys_of(results[:1]) == [str(os.getpid())] * 2
        assert findings_of(results[:1]) == {}


RESTLESS = """
import os, threading, time
from tests.execution.work import each

threading.Thread(target=time.sleep, args=[600], daemon=True).start()

@each
def parent(key):
    return str(os.getppid())
"""


def test_work_that_leaves_a_thread_behind_is_not_forked(tmp_path, monkeypatch):
    (tmp_path / "restless.py").write_text(RESTLESS)
    monkeypatch.syspath_prepend(tmp_path)
    with nursery(tmp_path) as door, closing(Guard("restless:parent", LIMITS, door)) as guard:
        assert answers(guard, "a") == [str(os.getpid())]


def test_without_room_for_a_socket_there_is_no_nursery(tmp_path):
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    with nursery(folder) as door:
        assert door is None
    with pytest.raises(OSError, match=r"refused|No such"), (tmp_path / "log").open("wb") as log:
        Forked(str(tmp_path / "nobody"), "tests.execution.work:echo", log)


def test_children_of_a_worker_that_is_killed_go_with_it_though_they_hang():
    with backend("local", 1, limits=Limits(600)) as mapper:
        results = mapper(work.poisoned, [batch("a"), batch("b-hang")])
        assert keys_of([next(results)]) == ["a"]
        (worker,) = workers()
        while not server().children():
            time.sleep(0.01)
        (child,) = server().children()
        worker.kill()
        assert psutil.wait_procs([worker, child], timeout=30)[1] == []
        results.close()


def test_a_driver_that_is_killed_leaves_no_process_though_children_hang(tmp_path):
    hostile.dataset(tmp_path / "data", 60, 4)
    environment = hostile.environment(tmp_path / "site", TMPDIR=str(tmp_path))
    command = [sys.executable, "-m", "labelprep", "convert", str(tmp_path / "data"), "-o", str(tmp_path / "out")]
    run = subprocess.Popen([*command, "--scheduler", "local", "-j2"], env=environment, stderr=subprocess.DEVNULL)
    while not list((tmp_path / "out").glob("masks/*.png")):
        assert run.poll() is None
        time.sleep(0.01)
    everybody = psutil.Process(run.pid).children(recursive=True)
    assert any(len(p.children()) for p in everybody if "execution.forks" in " ".join(p.cmdline()))
    run.send_signal(signal.SIGKILL)
    run.wait()

    assert psutil.wait_procs(everybody, timeout=30)[1] == []

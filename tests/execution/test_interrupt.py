"""Ctrl-C in a terminal reaches the driver and all its workers at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from labelprep.execution import Watch

PROGRAM = """
import sys
from labelprep.execution import backend
from tests.execution import work

if __name__ == "__main__":
    try:
        with backend("local", 2) as mapper:
            for _ in mapper(work.nap, (work.batch("x", "y") for _ in range(1000))):
                print("result", flush=True)
    except KeyboardInterrupt:
        print("stopped", flush=True)
        sys.exit(130)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals a process group")
def test_ctrl_c_ends_workers_without_a_traceback(tmp_path):
    script = tmp_path / "slow.py"
    script.write_text(PROGRAM, "utf-8")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(
        [sys.executable, "-W", "error", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "result\n"
    workers = psutil.Process(process.pid).children(recursive=True)

    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)

    assert (process.returncode, out.splitlines()[-1], err) == (130, "stopped", "")
    _, alive = psutil.wait_procs(workers, timeout=5)
    assert alive == []
    assert [p.name for p in tmp_path.iterdir()] == ["slow.py"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals a process group")
@pytest.mark.parametrize("wait", [0.0, 0.15, 0.3, 0.5])
def test_ctrl_c_while_workers_start_is_as_quiet(tmp_path, wait):
    script = tmp_path / "slow.py"
    program = PROGRAM.replace("import sys", "import sys, distributed", 1)
    script.write_text(program.replace("        with", '        print("go", flush=True)\n        with'), "utf-8")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(
        [sys.executable, script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "go\n"
    time.sleep(wait)

    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=30)

    assert (process.returncode, err) in [(130, ""), (-signal.SIGINT, "")]


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_workers_do_not_outlive_a_driver_that_was_killed(tmp_path):
    script = tmp_path / "slow.py"
    script.write_text(PROGRAM, "utf-8")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    )
    assert process.stdout is not None
    process.stdout.readline()
    workers = psutil.Process(process.pid).children(recursive=True)

    process.kill()
    process.communicate(timeout=30)

    _, alive = psutil.wait_procs(workers, timeout=10)
    assert alive == []


def pressed_three_times(watch):
    with watch.interrupts():
        assert watch.go_on()
        signal.raise_signal(signal.SIGINT)
        assert not watch.go_on()
        assert not watch.go_on()
        try:
            signal.raise_signal(signal.SIGINT)
        finally:
            signal.raise_signal(signal.SIGINT)


def test_the_first_ctrl_c_is_a_wish_the_second_an_interrupt_and_the_third_nothing():
    said = []
    watch = Watch(say=said.append)
    with pytest.raises(KeyboardInterrupt):
        pressed_three_times(watch)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert len(said) == 1


def test_a_ctrl_c_after_the_last_batch_counts_too():
    watch = Watch()
    with pytest.raises(KeyboardInterrupt), watch.interrupts():
        signal.raise_signal(signal.SIGINT)


def test_nobody_else_s_handler_is_replaced():
    heard = []
    before = signal.signal(signal.SIGINT, lambda *_: heard.append(1))
    try:
        with Watch().interrupts():
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == [1]

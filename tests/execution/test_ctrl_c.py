"""Ctrl-C and its kin during a conversion: the first one lets the work under way finish, the second one does not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from tests.dataset import labelprep, tree
from tests.execution import hostile
from tests.execution.test_cluster import free_port, scheduler_at, stopped, wait_for, worker_of

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals a process group")
INLINE, LOCAL = ("inline",), ("local", "--jobs", "2")
ONCE = [(INLINE, signal.SIGINT), (INLINE, signal.SIGHUP), (LOCAL, signal.SIGINT), (LOCAL, signal.SIGTERM)]
TWICE = [(INLINE, signal.SIGTERM), (LOCAL, signal.SIGINT)]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("ctrl-c") / "data"
    hostile.dataset(root, 150, 0)
    undisturbed = root.parent / "undisturbed"
    assert labelprep("convert", root, "-o", undisturbed).code == 0
    return root, undisturbed


def journal(out):
    """Keys whose results are recorded."""
    path = out / ".labelprep" / "journal.jsonl"
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    return [json.loads(line)["row"]["key"] for line in lines]


def started(root, out, environment, where):
    """A conversion of which some results are recorded."""
    command = [sys.executable, "-m", "labelprep", "convert", str(root), "-o", str(out), "--scheduler", *where]
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    for _ in range(300):
        if journal(out):
            return process
        time.sleep(0.05)
    process.kill()
    raise AssertionError(process.communicate()[1])


def masks(out):
    return sorted(path.stem for path in (out / "masks").rglob("*.png"))


def named(value):
    return value[0] if isinstance(value, tuple) else value.name


def environment(tmp_path):
    """A slow one, whose temporary files go to a folder that is empty before."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    return hostile.slow(tmp_path / "site", TMPDIR=str(temporary)), temporary


@pytest.mark.parametrize(("where", "number"), ONCE, ids=named)
def test_the_first_signal_finishes_and_records_what_is_under_way(data, tmp_path, where, number):
    root, undisturbed = data
    out = tmp_path / "out"
    slow, temporary = environment(tmp_path)
    process = started(root, out, slow, where)
    everybody = psutil.Process(process.pid).children(recursive=True)

    os.killpg(process.pid, number)
    _, err = process.communicate(timeout=60)

    assert process.returncode == 128 + number, err
    assert err.splitlines()[-1] == f"labelprep convert {root} -o {out} --scheduler {' '.join(where)}"
    assert any("Ctrl-C again stops at once" in line for line in err.splitlines())
    assert "Traceback" not in err
    assert 0 < len(journal(out)) < 150
    assert masks(out) == sorted(journal(out))
    assert psutil.wait_procs(everybody, timeout=5)[1] == []
    assert not (out / "dataset.json").exists()
    assert list(temporary.iterdir()) == []
    assert labelprep("convert", root, "-o", out).code == 0
    assert tree(out, state=False) == tree(undisturbed, state=False)


@pytest.mark.parametrize(("where", "number"), TWICE, ids=named)
def test_the_second_signal_stops_at_once_and_the_run_can_go_on(data, tmp_path, where, number):
    root, undisturbed = data
    out = tmp_path / "out"
    slow, temporary = environment(tmp_path)
    process = started(root, out, slow, where)
    everybody = psutil.Process(process.pid).children(recursive=True)

    os.killpg(process.pid, number)
    time.sleep(0.03)
    os.killpg(process.pid, number)
    began = time.monotonic()
    _, err = process.communicate(timeout=60)

    assert time.monotonic() - began < 5
    assert process.returncode == 128 + number, err
    assert err.splitlines()[-1].startswith("labelprep convert "), err
    assert "Traceback" not in err
    assert psutil.wait_procs(everybody, timeout=5)[1] == []
    assert list(temporary.iterdir()) == []
    assert labelprep("convert", root, "-o", out).code == 0
    assert tree(out, state=False) == tree(undisturbed, state=False)


def test_the_command_that_goes_on_does_not_begin_anew(data, tmp_path):
    root, _ = data
    out = tmp_path / "out"
    slow, _ = environment(tmp_path)
    process = started(root, out, slow, ("inline", "--overwrite"))

    os.kill(process.pid, signal.SIGTERM)
    _, err = process.communicate(timeout=60)

    assert err.splitlines()[-1] == f"labelprep convert {root} -o {out} --scheduler inline"
    before = len(journal(out))
    resumed = labelprep("convert", root, "-o", out, "--scheduler", "inline", "--json")
    assert resumed.summary["converted_now"] == 150 - before


def test_a_run_on_a_cluster_leaves_it_running_and_goes_on_there(data, tmp_path, monkeypatch):
    root, undisturbed = data
    out, address = tmp_path / "out", f"tcp://127.0.0.1:{free_port()}"
    slow, temporary = environment(tmp_path)
    with monkeypatch.context() as cluster:
        cluster.setenv("PYTHONPATH", slow["PYTHONPATH"])
        servers = scheduler_at(address, tmp_path), worker_of(address, tmp_path)
    try:
        wait_for(address)
        process = started(root, out, slow, (address,))
        os.kill(process.pid, signal.SIGTERM)
        _, err = process.communicate(timeout=60)
        assert (process.returncode, err.splitlines()[-1]) == (
            143,
            f"labelprep convert {root} -o {out} --scheduler {address}",
        ), err
        assert "Traceback" not in err
        assert list(temporary.iterdir()) == []
        assert masks(out) == sorted(journal(out))
        assert [server.poll() for server in servers] == [None, None]
        assert labelprep("convert", root, "-o", out, "--scheduler", "inline").code == 0
        assert tree(out, state=False) == tree(undisturbed, state=False)
    finally:
        stopped(*servers)

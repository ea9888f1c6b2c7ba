"""kill -9 at any point: the next run ends with the tree of an undisturbed one, and needs no unlocking."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time

import psutil
import pytest

from tests.dataset import COLORS, Dataset, blocks, labelprep, tree

KILLS = 6
MASKS = 400


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    made = Dataset(tmp_path_factory.mktemp("kills") / "data")
    for n in range(MASKS):
        made.mask(f"{n % 7}/mask{n}", COLORS[blocks(n, 64, 96, ids=6)])
    strange = COLORS[blocks()]
    strange[0, 0] = (1, 2, 3)
    made.mask("strange", strange)
    return made


@pytest.fixture(scope="module")
def undisturbed(data):
    out = data.root.parent / "undisturbed"
    assert labelprep("convert", data.root, "-o", out, "--scheduler", "inline").code == 3
    return tree(out)


def start(data, out, *options):
    command = [sys.executable, "-m", "labelprep", "convert", data.root, "-o", out, "-q", *options]
    with said(out).open("wb") as file:
        return subprocess.Popen(
            [str(word) for word in command], start_new_session=True, stdout=subprocess.DEVNULL, stderr=file
        )


def said(out):
    """Where a run's stderr goes."""
    return out.with_name(f"{out.name}.said")


def kill_one(process, victim, rng):
    """kill -9 of the driver, of it with all that it started, or of one of the processes that it started."""
    if victim == "group":
        os.killpg(process.pid, signal.SIGKILL)
    elif victim == "driver":
        process.kill()
    else:
        with contextlib.suppress(psutil.NoSuchProcess, IndexError):
            rng.choice(psutil.Process(process.pid).children(recursive=True)).kill()


def kill_at_random_points(data, out, undisturbed, kills, options, victim, longest):
    """Kills that many runs within `longest` seconds; how many of them were not over yet."""
    rng = random.Random(f"{options} {victim}")
    killed = 0
    for _ in range(kills):
        process = start(data, out, *options)
        time.sleep(rng.uniform(0.1, longest))
        if process.poll() is None:
            kill_one(process, victim, rng)
            killed += 1
        finished = process.wait() == 3
        assert finished or victim != "worker", said(out).read_text("utf-8", "replace")
        for path in (out / "masks").rglob("*.png"):
            relative = path.relative_to(out).as_posix()
            assert path.read_bytes() == undisturbed[relative], f"{relative} is half written"
        if finished:
            (out / ".labelprep" / "journal.jsonl").unlink(missing_ok=True)  # begin again, for the next kill
    assert labelprep("convert", data.root, "-o", out, "--scheduler", "inline").code == 3
    assert tree(out) == undisturbed
    assert not list(out.rglob("*.tmp"))
    return killed


INLINE, LOCAL = ("--scheduler", "inline"), ("--scheduler", "local", "--jobs", "2")


@pytest.mark.skipif(sys.platform == "win32", reason="kills a process group")
@pytest.mark.parametrize("options", [INLINE, LOCAL], ids=" ".join)
@pytest.mark.parametrize("victim", ["group", "driver"])
def test_a_killed_run_goes_on_to_the_same_tree(data, undisturbed, tmp_path, options, victim):
    out = data.root.with_name(tmp_path.name)
    kill_at_random_points(data, out, undisturbed, KILLS // 2, options, victim, 3.0)


@pytest.mark.chaos
@pytest.mark.skipif(sys.platform == "win32", reason="kills a process group")
@pytest.mark.parametrize(
    ("victim", "options"),
    [("group", INLINE), ("group", LOCAL), ("driver", INLINE), ("driver", LOCAL), ("worker", LOCAL)],
    ids=["group-inline", "group-local", "driver-inline", "driver-local", "worker-local"],
)
def test_two_hundred_killed_runs_go_on_to_the_same_tree(data, undisturbed, tmp_path, options, victim):
    out = data.root.with_name(tmp_path.name)
    began = time.monotonic()
    assert start(data, tmp_path / "whole", *options).wait() == 3
    killed = kill_at_random_points(data, out, undisturbed, 50, options, victim, time.monotonic() - began)
    print(f"{victim}: {killed} of 50 runs were killed half-way")

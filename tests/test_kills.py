"""kill -9 at any point: the next run ends with the tree of an undisturbed one, and needs no unlocking."""

import os
import random
import signal
import subprocess
import sys
import time

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
    return subprocess.Popen(
        [str(word) for word in command], start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def kill_at_random_points(data, out, undisturbed, kills, options, *, whole_group):
    rng = random.Random(str(options))
    for _ in range(kills):
        process = start(data, out, *options)
        time.sleep(rng.uniform(0.3, 3.0))
        if process.poll() is None:
            if whole_group:
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
        finished = process.wait() == 3
        masks = {p.name for p in (out / "masks").rglob("*") if p.suffix == ".png" and not p.name.startswith(".")}
        for path in (out / "masks").rglob("*.png"):
            relative = path.relative_to(out).as_posix()
            assert path.read_bytes() == undisturbed[relative], f"{relative} is half written"
        assert len(masks) <= MASKS
        if finished:
            (out / ".labelprep" / "journal.jsonl").unlink(missing_ok=True)  # begin again, for the next kill
    assert labelprep("convert", data.root, "-o", out, "--scheduler", "inline").code == 3
    assert tree(out) == undisturbed
    assert not list(out.rglob("*.tmp"))


@pytest.mark.skipif(sys.platform == "win32", reason="kills a process group")
@pytest.mark.parametrize("options", [("--scheduler", "inline"), ("--scheduler", "local", "--jobs", "2")], ids=" ".join)
@pytest.mark.parametrize("whole_group", [True, False], ids=["group", "driver"])
def test_a_killed_run_goes_on_to_the_same_tree(data, undisturbed, tmp_path, options, whole_group):
    kill_at_random_points(
        data, data.root.with_name(tmp_path.name), undisturbed, KILLS // 2, options, whole_group=whole_group
    )


@pytest.mark.chaos
@pytest.mark.skipif(sys.platform == "win32", reason="kills a process group")
@pytest.mark.parametrize("options", [("--scheduler", "inline"), ("--scheduler", "local", "--jobs", "2")], ids=" ".join)
@pytest.mark.parametrize("whole_group", [True, False], ids=["group", "driver"])
def test_two_hundred_killed_runs_go_on_to_the_same_tree(data, undisturbed, tmp_path, options, whole_group):
    kill_at_random_points(data, data.root.with_name(tmp_path.name), undisturbed, 50, options, whole_group=whole_group)

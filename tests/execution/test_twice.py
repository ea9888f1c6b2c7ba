"""Work that is done twice at once: a batch that was sent again, two runs where a file system's locks exclude nobody."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from labelprep.execution.guard import Guard, Limits
from labelprep.stages import dataset as stage
from tests.dataset import COLORS, Dataset, blocks, labelprep, tree
from tests.execution import hostile

MASKS = 120
NAME = "labelprep.prepare:run_batch"

UNLOCKED = """
import fcntl

fcntl.flock = lambda *_: None
"""


@pytest.fixture
def data(tmp_path):
    made = Dataset(tmp_path / "data")
    for n in range(MASKS):
        made.mask(f"{n % 7}/mask{n}", COLORS[blocks(n, 32, 32, ids=6)])
    assert labelprep("convert", made.root, "-o", tmp_path / "once", "--scheduler", "inline").code == 0
    return made


def test_batches_that_are_computed_twice_at_once_change_nothing(data, tmp_path, monkeypatch):
    real, batches = stage.prepare_dataset, 0

    def twice(work, blobs):
        nonlocal batches
        with (
            ThreadPoolExecutor(2) as pool,
            closing(Guard(NAME, Limits())) as one,
            closing(Guard(NAME, Limits())) as two,
        ):
            for blob in blobs:
                batches += 1
                for answers, rest in pool.map(lambda guard, batch=blob: guard.run(batch), (one, two)):
                    assert rest is None
                    yield answers

    def prepare(*words, mapper, **more):
        return real(*words, mapper=twice, **more)

    monkeypatch.setattr(stage, "prepare_dataset", prepare)
    result = labelprep("convert", data.root, "-o", tmp_path / "twice", "--scheduler", "inline")

    assert result.code == 0, result.err
    assert batches >= MASKS // 8
    assert tree(tmp_path / "twice") == tree(tmp_path / "once")


@pytest.mark.skipif(sys.platform == "win32", reason="takes flock away")
def test_two_runs_without_a_lock_end_with_the_same_tree(data, tmp_path):
    environment = hostile.environment(tmp_path / "site", LABELPREP_GUARD="0")
    (tmp_path / "site" / "sitecustomize.py").write_text(UNLOCKED)
    command = [sys.executable, "-m", "labelprep", "convert", str(data.root), "-o", str(tmp_path / "both"), "-q"]
    runs = [
        subprocess.Popen([*command, "--scheduler", "inline"], env=environment, stdout=subprocess.DEVNULL)
        for _ in range(2)
    ]
    codes = [run.wait(timeout=300) for run in runs]

    assert 0 in codes  # the other may find the folder unfinished when it has finished it itself, and says so
    assert labelprep("convert", data.root, "-o", tmp_path / "both", "--scheduler", "inline").code == 0
    assert tree(tmp_path / "both", state=False) == tree(tmp_path / "once", state=False)

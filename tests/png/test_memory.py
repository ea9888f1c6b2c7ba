"""Who drives the work and the child that does it stay within 300 MB and ten bytes a pixel together, on either path."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from labelprep.prepared import Prepared
from labelprep.steps.palette import read_ids
from tests.dataset import COLORS, Dataset

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="proportional set sizes")
ROOT = Path(__file__).resolve().parents[2]
FIXED, A_PIXEL = 300e6, 10


def rectangles(side):
    """Ids 0 to 4 in a few thousand rectangles."""
    rng, ids = np.random.default_rng(0), np.zeros((side, side), np.uint8)
    for _ in range(3000):
        (y, x), (h, w) = rng.integers(0, side, 2), rng.integers(1, side // 10, 2)
        ids[y : y + h, x : x + w] = rng.integers(5)
    return ids


def together(process):
    """Proportional set size of a process and all below it, in bytes; those that end meanwhile do not count."""
    total = 0
    for one in (process, *process.children(recursive=True)):
        try:
            total += one.memory_full_info().pss
        except psutil.Error:
            continue
    return total


def largest(*words):
    """The largest memory that a command took."""
    env = os.environ | {"LABELPREP_GUARD": "1"}
    with subprocess.Popen([sys.executable, "-m", "labelprep", "-q", *words], cwd=ROOT, env=env) as running:
        seen, process = 0, psutil.Process(running.pid)
        while running.poll() is None:
            try:
                seen = max(seen, together(process))
            except psutil.NoSuchProcess:
                break
            time.sleep(0.02)  # between two looks
    assert running.returncode == 0
    return seen


@pytest.mark.parametrize("path", ["fast", "Pillow"])
@pytest.mark.parametrize("side", [1500, pytest.param(20_000, marks=pytest.mark.chaos)])
def test_memory_is_bounded_by_the_largest_mask(tmp_path, side, path):
    ids, data = rectangles(side), Dataset(tmp_path / "data")
    words = {"transparency": (1, 2, 3)} if path == "Pillow" else {}  # a chunk that the fast path does not take
    data.mask("large", COLORS[ids], compress_level=1, **words)
    out = tmp_path / "out"
    seen = largest("convert", data.root, "-o", out, "--layout", "masks", "--scheduler", "inline")
    (row,) = Prepared.open(out).rows()
    assert row.pixels == tuple(np.bincount(ids.ravel(), minlength=6).tolist())
    np.testing.assert_array_equal(read_ids(out / "masks" / "large.png"), ids)
    assert 50e6 < seen <= FIXED + A_PIXEL * side * side

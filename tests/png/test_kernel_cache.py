"""Kernels are compiled once and kept; where nothing can be kept, they are compiled in memory, and nobody is told."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

RUN = """
import sys
import numpy as np
{before}
from labelprep.png import kernels
out, pixels = np.empty(6, np.uint8), np.zeros(256, np.int64)
kernels.translate(np.arange(6, dtype=np.uint8), np.arange(256, dtype=np.uint8)[::-1].copy(), out)
assert out.tolist() == [255, 254, 253, 252, 251, 250]
print("hits", sum(kernels.translate.stats.cache_hits.values()))
"""


def start(env, before=""):
    words = [sys.executable, "-W", "error", "-c", RUN.format(before=before)]
    return subprocess.Popen(words, cwd=ROOT, env=os.environ | env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def ended(process):
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err.decode()
    assert not err
    return out.decode().strip()


def test_the_second_process_finds_what_the_first_compiled(tmp_path):
    cache = {"NUMBA_CACHE_DIR": str(tmp_path)}
    assert [ended(start(cache)) for _ in range(2)] == ["hits 0", "hits 1"]


def test_processes_that_start_at_once_do_not_spoil_the_cache(tmp_path):
    cache = {"NUMBA_CACHE_DIR": str(tmp_path)}
    for process in [start(cache) for _ in range(3)]:
        ended(process)
    assert ended(start(cache)) == "hits 1"


@pytest.mark.parametrize("place", ["a file", "read-only"])
def test_without_a_folder_that_can_be_written_kernels_live_in_memory(tmp_path, place):
    (tmp_path / "a file").write_bytes(b"")
    folder = str(tmp_path / "a file") if place == "a file" else "/proc/no folder can be made here"
    only = {"NUMBA_CACHE_LOCATOR_CLASSES": "UserProvidedCacheLocator", "NUMBA_CACHE_DIR": folder}
    assert ended(start(only)) == "hits 0"


def test_a_disk_that_is_full_costs_only_the_next_process_its_time(tmp_path):
    full = """
from numba.core import caching
def save(self, key, data):
    raise OSError(28, "No space left on device")
caching.IndexDataCacheFile.save = save
"""
    assert ended(start({"NUMBA_CACHE_DIR": str(tmp_path)}, full)) == "hits 0"


@pytest.mark.parametrize("change", ["a file beside theirs", "bounds checks"])
def test_loops_are_compiled_again_where_something_that_they_call_changed(tmp_path, change):
    cache = {"NUMBA_CACHE_DIR": str(tmp_path)}
    assert ended(start(cache)) == "hits 0"
    if change == "bounds checks":
        assert ended(start(cache | {"NUMBA_BOUNDSCHECK": "1"})) == "hits 0"
    else:
        other = "from labelprep.png import compiled\ncompiled._sources = lambda folder: 'other'"
        assert ended(start(cache, other)) == "hits 0"
    assert ended(start(cache)) == "hits 0"
    assert ended(start(cache)) == "hits 1"

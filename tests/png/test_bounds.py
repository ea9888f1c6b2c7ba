"""No bytes make a kernel read or write outside its arrays: fuzzed in a process whose every access is checked."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def environment(tmp_path_factory):
    return os.environ | {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path_factory.mktemp("checked"))}


def python(*words, env):
    return subprocess.run([sys.executable, *words], cwd=ROOT, env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("access", ["raw", "out", "pixels"])
def test_the_checks_see_an_access_that_is_outside(environment, access):
    code = f"""
import numpy as np
from labelprep.png import kernels
sizes = dict(raw=100 * 101, out=100 * 100, pixels=256)
sizes[{access!r}] -= 50
arrays = [np.full(n, 201, np.int64 if name == "pixels" else np.uint8) for name, n in sizes.items()]
arrays[0][:] = 0
arrays[0][1:90] = 255
kernels.decode_values(arrays[0], 100, 100, *arrays[1:])
"""
    ran = python("-c", code, env=environment)
    assert "IndexError" in ran.stderr, ran.stderr


def test_twenty_thousand_damaged_pictures_stay_inside(environment):
    ran = python("-m", "tests.png.fuzz", "20000", "1", env=environment)
    assert ran.returncode == 0, ran.stderr + ran.stdout
    assert int(ran.stdout.split()[2]) > 5000


@pytest.mark.chaos
@pytest.mark.parametrize("seed", range(2, 6))
def test_a_million_damaged_pictures_stay_inside(environment, seed):
    ran = python("-m", "tests.png.fuzz", "250000", str(seed), env=environment)
    assert ran.returncode == 0, ran.stderr + ran.stdout

"""The machine: cores, disk, codecs and workers, each tried for real."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from labelprep.class_rows import voc_colormap
from labelprep.doctor.check import Check
from labelprep.errors import LabelprepError

T = TypeVar("T")

LITTLE = 1 << 30  # bytes of free disk under which it is said
SLOW = 20.0  # million pixels a second under which something is wrong: no compiled kernels, for one


def check_cores() -> Check:
    """Cores that this process may use, of those that there are."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Check("cores", "good", f"{usable} of {os.cpu_count()}; as many workers are the default of --jobs")


def check_disk(folder: Path) -> Check:
    """Room in a folder, and whether a file there can be written, made durable and renamed."""
    name = f"disk at {folder}"
    try:
        free = shutil.disk_usage(folder).free
        with tempfile.TemporaryDirectory(dir=folder, prefix=".labelprep-doctor-") as place:
            began = time.perf_counter()
            written = Path(place, "a")
            with written.open("wb") as file:
                file.write(b"x")
                file.flush()
                os.fsync(file.fileno())
            written.replace(Path(place, "b"))
            took = time.perf_counter() - began
    except OSError as error:
        return Check(name, "bad", error.strerror or str(error), "choose a folder that can be written for -o")
    found = f"{free / 2**30:,.1f} GiB free; a file is written, synced and renamed in {1e3 * took:.1f} ms"
    if free < LITTLE:
        return Check(name, "bad", found, "make room, or write to another disk with -o")
    return Check(name, "good", found)


def check_codecs() -> Check:
    """How fast masks are read and written here, on a drawn one of a million pixels."""
    from labelprep.png.write import encode
    from labelprep.steps.decode import decode

    ids = _blocks()
    palette = voc_colormap().tobytes()
    decode(encode(ids, palette))  # loads the kernels, or compiles them once for this install
    data, writing = _timed(lambda: encode(ids, palette))
    _, reading = _timed(lambda: decode(data))
    speeds = [ids.size / seconds / 1e6 for seconds in (reading, writing)]
    found = f"masks are read with {speeds[0]:,.0f} and written with {speeds[1]:,.0f} million pixels a second"
    if min(speeds) < SLOW:
        mend = "unset NUMBA_DISABLE_JIT" if os.environ.get("NUMBA_DISABLE_JIT", "0") != "0" else "is the machine busy?"
        return Check("codecs", "bad", found, mend)
    return Check("codecs", "good", found)


def _blocks() -> NDArray[np.uint8]:
    ids = np.random.default_rng(0).integers(0, 20, (16, 16), np.uint8)
    return np.kron(ids, np.ones((64, 64), np.uint8))


def _timed(call: Callable[[], T]) -> tuple[T, float]:
    began = time.perf_counter()
    result = call()
    return result, time.perf_counter() - began


def check_dask(scheduler: str) -> Check:
    """Whether workers start here, or answer at the address of a cluster."""
    from labelprep.execution import backend

    name = "Dask workers" if scheduler == "local" else f"Dask cluster at {scheduler}"
    began = time.perf_counter()
    try:
        with backend(scheduler, 1 if scheduler == "local" else None, limits=None):
            took = time.perf_counter() - began
    except LabelprepError as error:
        return Check(name, "bad", error.message, error.hint)
    return Check(name, "good", f"ready after {took:.1f} s")

"""A dataset with poison in it, and a Python in which reading a poison file does to the process what its name says."""

import io
import os
from pathlib import Path

import numpy as np
from PIL import Image

from tests.dataset import STREET, Dataset
from tests.execution.work import KILLERS

ROOT = Path(__file__).parents[2]

# Python imports a module of this name at its start, in every process that finds it
SITE = """
import pathlib

from labelprep.storage.file import File

read = File.read_bytes

def read_bytes(self):
    stem = pathlib.Path(self).stem
    if self.endswith(".png") and "-" in stem:
        from tests.execution.work import poison
        poison(stem)
    return read(self)

File.read_bytes = read_bytes
"""


def dataset(root, masks, poisons):
    """A folder of that many tiny masks, with poison of every kind among them; gives the poisons' names."""
    data = Dataset(root, STREET)
    (root / "masks").mkdir()
    rng = np.random.default_rng(0)
    step = masks // max(poisons, 1)
    named = {n * step + step // 2: KILLERS[n % 4] for n in range(poisons)}
    for n in range(masks):
        ids = np.kron(rng.integers(0, 5, (4, 4)), np.ones((4, 4), np.int64))
        file = io.BytesIO()
        Image.fromarray(data.colors[ids]).save(file, "PNG")
        name = f"{n:06}-{named[n]}" if n in named else f"{n:06}"
        (root / "masks" / f"{name}.png").write_bytes(file.getvalue())
    return {f"{n:06}-{kind}": kind for n, kind in named.items()}


def environment(folder, **more):
    """The environment of a process that poison harms; `folder` gets the module that sees to it."""
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(SITE)
    path = os.pathsep.join([str(folder), str(ROOT), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path, "LABELPREP_GUARD": "1", **more}


SLOW = """
import pathlib
import time

from labelprep.storage.file import File

read = File.read_bytes

def read_bytes(self):
    if pathlib.Path(self).parent.name == "masks":
        time.sleep(0.05)
    return read(self)

File.read_bytes = read_bytes
"""


def slow(folder, **more):
    """The environment of a process that takes a twentieth of a second to read a mask."""
    env = environment(folder, **more)
    (folder / "sitecustomize.py").write_text(SLOW)
    return env

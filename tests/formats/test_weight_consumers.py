"""The trainers' own code reads our weight files: Keras' fit and mmengine's load, each in an environment of its own."""

import json
import math
import os
import subprocess
import sysconfig
import venv
from pathlib import Path

import numpy as np
import pytest

from labelprep.formats.weight_files import encode

WEIGHTS = [0.5, 1e-05, 3.25]
VALUES = {"weights": WEIGHTS, "names": ["a", "b", "c"]}

# with logits of zero every sample costs ln 3, times the weight of its class
KERAS = """
import json, sys
import keras, numpy as np
model = keras.Sequential(
    [keras.Input((3,)), keras.layers.Dense(3, use_bias=False, kernel_initializer="zeros", activation="softmax")]
)
model.compile(optimizer=keras.optimizers.SGD(0.0), loss="sparse_categorical_crossentropy")
weights = {int(k): w for k, w in json.load(open(sys.argv[1])).items()}
seen = model.fit(np.eye(3), np.array([0, 1, 2]), batch_size=3, verbose=0, class_weight=weights)
print(json.dumps(seen.history["loss"]))
"""
# get_class_weight of mmseg/models/losses/utils.py: .npy goes to numpy.load, any other name to mmengine's load
MMENGINE = """
import json, sys
import numpy as np
from mmengine.fileio import load
found = [np.load(p).tolist() if p.endswith(".npy") else load(p) for p in sys.argv[1:]]
print(json.dumps(found))
"""


@pytest.fixture
def consumer(tmp_path):
    """Runs a script in a new environment that has a package beside those of this one."""

    def run(package, script, *files):
        place = tmp_path / "venv"
        venv.create(place, with_pip=True)
        python = place / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        done = subprocess.run(
            [python, "-m", "pip", "install", "-q", package], capture_output=True, text=True, check=False
        )
        if done.returncode:
            pytest.skip(f"{package} does not install: {done.stderr.strip()[-200:]}")
        here = {"PYTHONPATH": sysconfig.get_path("purelib"), "KERAS_BACKEND": "torch"}
        done = subprocess.run(
            [python, "-c", script, *map(str, files)], capture_output=True, text=True, check=False, env=os.environ | here
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


@pytest.mark.chaos
def test_keras_weighs_its_loss_with_our_file(consumer, tmp_path):
    pytest.importorskip("torch")
    path = tmp_path / "w.keras.json"
    path.write_bytes(encode(VALUES, "keras"))
    assert consumer("keras", KERAS, path) == [pytest.approx(math.log(3) * sum(WEIGHTS) / 3, rel=1e-4)]


@pytest.mark.chaos
def test_mmengine_loads_a_list_of_floats(consumer, tmp_path):
    kinds = {"w.mmseg.json": "mmseg", "w.yaml": "yaml", "w.mmseg.yaml": "yaml", "w.npy": "npy"}
    files: list[Path] = [tmp_path / name for name in kinds]
    for path, kind in zip(files, kinds.values(), strict=True):
        path.write_bytes(encode(VALUES, kind))
    *lists, array = consumer("mmengine", MMENGINE, *files)
    assert lists == [WEIGHTS] * 3
    assert array == np.float32(WEIGHTS).tolist()

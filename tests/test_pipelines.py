"""Every spec in pipelines/ runs for real, from raw masks to the report."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labelprep import metrics
from labelprep.prepared import Prepared
from labelprep.weights import class_weights

ROOT = Path(__file__).resolve().parents[1]
SPECS = sorted(path.name for path in (ROOT / "pipelines").glob("*.yaml"))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A current directory as in the project, but with a build folder of its own."""
    folder = tmp_path_factory.mktemp("project") / "labelprep"
    folder.mkdir()
    for name in ("data", "pipelines"):
        shutil.copytree(ROOT / name, folder / name)
    return folder


def labelprep(place: Path, *words: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "labelprep", *words]
    env = os.environ | {"OMP_NUM_THREADS": "1"}  # several threads wait for each other for minutes on a busy machine
    return subprocess.run(command, cwd=place, env=env, capture_output=True, text=True, encoding="utf-8", check=False)


def run(place: Path, name: str, *words: str) -> dict:
    done = labelprep(place, "--json", "run", f"pipelines/{name}", *words)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert rows[-1]["type"] == "summary"
    return {"rows": rows, "summary": rows[-1], "stages": {r["stage"]: r for r in rows if r["type"] == "stage"}}


def test_no_spec_is_forgotten_here():
    assert SPECS == ["aerial.yaml", "camseq.yaml", "quickstart.yaml"]


@pytest.mark.slow
def test_quickstart_prepares_trains_and_evaluates_the_sample_once(place):
    first = run(place, "quickstart.yaml")
    assert first["summary"]["ran"] == ["check", "masks", "weights", "train", "eval", "report"]
    assert first["summary"]["mean_iou"] > 2 * first["summary"]["baseline"]["mean_iou"]
    classes = first["summary"]["classes"]
    assert len(classes) == 12
    assert all(row["weight"] is not None for row in classes)

    before = os.times()
    again = labelprep(place, "run", "pipelines/quickstart.yaml")
    after = os.times()
    assert again.returncode == 0
    assert "nothing to do: all stages are up to date in build/quickstart" in again.stderr
    assert f"mean IoU: {first['summary']['mean_iou']:.3f} (majority-class baseline:" in again.stdout
    # of processor time, as others may keep the machine busy
    assert after.children_user + after.children_system - before.children_user - before.children_system < 2

    dry = labelprep(place, "run", "pipelines/quickstart.yaml", "--dry-run", "--set", "weights.method=enet")
    states = [line.split(None, 1) for line in dry.stdout.splitlines()[2:]]
    assert [state[0] for state in states if state[1].startswith("would run")] == ["weights", "train", "eval", "report"]
    assert "method: inverse -> enet" in dry.stdout


@pytest.mark.slow
def test_what_quickstart_wrote_holds_together(place):
    run(place, "quickstart.yaml")
    out = place / "build/quickstart"
    prepared = Prepared.open(out / "masks")
    pixels = np.zeros(12, np.int64)
    for row in prepared.rows("train"):
        ids = np.asarray(Image.open(prepared.mask_path(row.key)))
        pixels += np.bincount(ids[ids != 255], minlength=12)
    assert prepared.counts("train").pixels.tolist() == pixels.tolist()
    stored = json.loads((out / "masks/weights/class_weights.json").read_text("utf-8"))
    expected = class_weights(prepared.counts("train"), method="inverse")
    assert stored["weights"] == expected.tolist()

    confusion = np.load(out / "eval/confusion.npy")
    assert confusion.sum() == prepared.counts("val").pixels.sum()
    with (out / "eval/per_class.csv").open(encoding="utf-8") as lines:
        iou = [float(row["iou"] or "nan") for row in csv.DictReader(lines)]
    assert iou == pytest.approx(metrics.iou(confusion).tolist(), abs=1e-6, nan_ok=True)


SMALL = ["train.epochs=1", "train.model=single_conv", "eval.entropy_maps=1"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "data", "masks", "classes"),
    [("aerial.yaml", "uuad", 110, 6), ("camseq.yaml", "camseq", 34, 31)],
)
def test_the_specs_for_real_data_run_whole(place, shared_data, name, data, masks, classes):
    root = shared_data / data
    sets = [word for value in (f"dataset.root={root.as_posix()}", *SMALL) for word in ("--set", value)]
    done = run(place, name, *sets)
    assert not [row for row in done["rows"] if row["type"] == "finding" and row["code"] != "absent-class"]
    assert done["stages"]["masks"]["summary"]["written"] == masks
    assert len(done["summary"]["classes"]) == classes
    assert run(place, name, *sets)["summary"]["ran"] == []

    prepared = Prepared.open(place / "build" / Path(name).stem / "masks")
    for row in prepared.rows():
        painted = np.asarray(Image.open(prepared.mask_path(row.key)).convert("RGB"))
        source = np.asarray(Image.open(root / row.source).convert("RGB"))
        assert np.array_equal(painted, source)

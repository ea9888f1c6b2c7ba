"""`labelprep run` from the command line: exit codes, what goes where, and no traceback."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labelprep.cli.main import main

SPEC = """\
dataset: {root: raw, classes: classes.yaml}
stages:
  check: {use: validate, fail_on: error}
  masks: {use: convert, out: build/masks}
  splits: {use: split, from: masks, ratios: [0.5, 0.5]}
  weights: {use: weights, from: [masks, splits], split: train}
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("classes.yaml").write_text("classes:\n - {name: road, color: [9, 9, 9]}\n - {name: sky, color: [1, 2, 200]}\n")
    for folder in ("raw/images", "raw/masks"):
        Path(folder).mkdir(parents=True)
    mask = np.full((6, 8, 3), 9, np.uint8)
    mask[:2] = (1, 2, 200)
    for i in range(4):
        mask[5, i] = (1, 2, 200)
        Image.fromarray(mask).save(f"raw/masks/{i}.png")
        Image.fromarray(mask + 1 + i).save(f"raw/images/{i}.png")
    Path("spec.yaml").write_text(SPEC)
    return tmp_path


@pytest.fixture
def labelprep(capsys):
    def call(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main(words)
        return left.value.code, *capsys.readouterr()

    return call


def spoil(i: int) -> None:
    mask = np.array(Image.open(f"raw/masks/{i}.png"))
    mask[3, 3] = (77, 180, 20)
    Image.fromarray(mask).save(f"raw/masks/{i}.png")


def test_a_run_prints_the_class_table_and_a_second_one_has_nothing_to_do(project, labelprep):
    code, out, err = labelprep("run", "spec.yaml")
    assert code == 0
    assert out.splitlines()[0].split() == ["id", "class", "pixels", "share", "in", "train", "weight"]
    assert "never run" in err
    code, again, err = labelprep("run", "spec.yaml")
    assert (code, again, err) == (0, out, "nothing to do: all stages are up to date in build\n")


def test_json_gives_a_row_per_stage_and_the_summary_last(project, labelprep):
    code, out, _ = labelprep("run", "spec.yaml", "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [row["stage"] for row in rows if row["type"] == "stage"] == ["check", "masks", "splits", "weights"]
    assert rows[-1]["type"] == "summary"
    assert rows[-1]["ran"] == ["check", "masks", "splits", "weights"]
    assert [row["name"] for row in rows[-1]["classes"]] == ["road", "sky"]


def test_a_dry_run_prints_why_and_writes_nothing(project, labelprep):
    code, out, _ = labelprep("run", "spec.yaml", "--dry-run")
    assert code == 0
    assert out.count("never run") == 4
    assert not Path("build").exists()
    labelprep("run", "spec.yaml")
    _, out, _ = labelprep("run", "spec.yaml", "--dry-run", "--set", "splits.seed=3")
    assert [line.split()[0] for line in out.splitlines() if "would run" in line] == ["splits", "weights"]
    assert "seed: 0 -> 3" in out
    assert "because splits runs" in out


def test_findings_stop_the_chain_with_the_stages_exit_code_and_are_shown(project, labelprep):
    spoil(2)
    code, out, err = labelprep("run", "spec.yaml")
    assert code == 1
    assert "unknown colour" in out
    assert "go on with: labelprep run spec.yaml" in err
    assert not Path("build/masks").exists()


def test_masks_that_cannot_be_converted_stop_the_chain_unless_told_to_keep_going(project, labelprep):
    spoil(2)
    words = ("run", "spec.yaml", "--set", "check.fail_on=never")
    code, out, _ = labelprep(*words)
    assert code == 3
    assert "3 of 4 masks" in out
    assert not Path("build/masks/weights").exists()
    code, _, _ = labelprep(*words, "--keep-going")
    assert code == 3
    assert Path("build/masks/weights/class_weights.json").is_file()


def test_a_wrong_spec_is_told_without_a_traceback_and_nothing_is_written(project, labelprep):
    Path("spec.yaml").write_text(SPEC.replace("use: split", "use: spilt").replace("fail_on: error", "fail_on: errors"))
    code, out, err = labelprep("run", "spec.yaml")
    assert (code, out) == (2, "")
    assert err.splitlines() == [
        "spec.yaml:3:35  stages.check.fail_on: expected error, warning or never, got 'errors'; did you mean 'error'?",
        "spec.yaml:5:17  stages.splits.use: expected validate, convert, split, weights, tile, export, train, eval, "
        "predict or report, got 'spilt'; did you mean 'split'?",
    ]
    assert not Path("build").exists()


def test_a_vanished_source_takes_its_mask_and_its_counts_with_it(project, labelprep):
    labelprep("run", "spec.yaml")
    for kind in ("images", "masks"):
        Path(f"raw/{kind}/3.png").unlink()
    code, out, err = labelprep("run", "spec.yaml")
    assert code == 0
    assert "source files changed" in err
    assert not Path("build/masks/masks/3.png").exists()
    assert sum(int(line.split()[2].replace(",", "")) for line in out.splitlines()[2:4]) == 3 * 48


def test_an_edited_mask_ends_in_the_same_tree_as_a_first_run(project, labelprep):
    labelprep("run", "spec.yaml")
    mask = np.array(Image.open("raw/masks/1.png"))
    mask[4] = (1, 2, 200)
    Image.fromarray(mask).save("raw/masks/1.png")
    assert labelprep("run", "spec.yaml")[0] == 0
    edited = tree(Path("build"))
    shutil.rmtree("build")
    labelprep("run", "spec.yaml")
    assert tree(Path("build")) == edited


def tree(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and ".labelprep" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_a_run_that_has_nothing_to_do_loads_no_torch_and_no_dask(project, labelprep):
    labelprep("run", "spec.yaml")
    code = (
        "import sys\nfrom labelprep.cli.main import main\n"
        "try: main(['-q', 'run', 'spec.yaml'])\nexcept SystemExit: pass\n"
        "sys.exit(', '.join({'torch', 'dask', 'distributed', 'cv2', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""

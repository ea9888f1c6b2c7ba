"""From results to a folder that says of itself whether it is finished."""

import errno
import json
from pathlib import Path

import numpy as np
import pytest

from labelprep.prepared import Prepared
from labelprep.publish import readable
from tests.dataset import COLORS, Dataset, blocks, labelprep, tree


@pytest.fixture
def data(tmp_path):
    made = Dataset(tmp_path / "data")
    for n in range(4):
        made.pair(f"{('train', 'val')[n % 2]}/m{n}", COLORS[blocks(n, ids=6)])
    return made


def convert(data, out, *options):
    return labelprep("convert", data.root, "-o", out, "--scheduler", "inline", "--json", *options)


def interrupted(data, out, monkeypatch, place, *options):
    """Runs convert and stops it where `place` (module:name) is called."""

    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(place, stop)
        assert convert(data, out, *options).code == 130


def test_the_folder_holds_what_it_promises(data, tmp_path):
    convert(data, tmp_path / "out")
    prepared = Prepared.open(tmp_path / "out")
    rows = list(prepared.rows())
    assert [row.key for row in rows] == sorted(row.key for row in rows)
    assert prepared.info["masks"] == len(rows) == 4
    assert prepared.info["class_table_hash"] == prepared.table.hash
    total = sum((row.counts() for row in rows[1:]), rows[0].counts())
    assert prepared.totals == total
    assert set(prepared.info["versions"]) >= {"labelprep", "numpy", "pillow"}
    assert list(prepared.findings()) == []


@pytest.mark.parametrize("change", ["a changed mask", "a new mask"])
def test_a_finished_folder_that_is_changed_and_stopped_is_unfinished(data, tmp_path, monkeypatch, change):
    out = tmp_path / "out"
    convert(data, out)
    if change == "a new mask":
        data.pair("train/new")
    else:
        data.mask("train/m0", COLORS[blocks(77, ids=6)])
    interrupted(data, out, monkeypatch, "labelprep.stages.convert.publish")
    assert not (out / "dataset.json").exists()
    assert convert(data, out).code == 0
    convert(data, tmp_path / "fresh")
    assert tree(out) == tree(tmp_path / "fresh")


def test_a_source_that_vanished_leaves_no_finished_folder_until_all_fits_again(data, tmp_path, monkeypatch):
    out = tmp_path / "out"
    convert(data, out)
    for folder in ("masks", "images"):
        (data.root / folder / "val" / "m1.png").unlink()
        (data.root / folder / "val" / "m3.png").unlink()
    interrupted(data, out, monkeypatch, "labelprep.publish.sweep")
    assert not (out / "dataset.json").exists()
    assert convert(data, out).code == 0
    assert not (out / "masks" / "val").exists()
    convert(data, tmp_path / "fresh")
    assert tree(out) == tree(tmp_path / "fresh")


def test_masks_that_were_removed_by_hand_come_back(data, tmp_path):
    out = tmp_path / "out"
    convert(data, out)
    before = tree(out)
    (out / "masks" / "train" / "m0.png").unlink()
    result = convert(data, out)
    assert result.summary["converted_now"] == 1
    assert tree(out) == before


def test_temporary_files_are_swept_and_the_files_of_others_stay(data, tmp_path):
    out = tmp_path / "out"
    convert(data, out)
    before = tree(out)
    others = {
        "masks/mine.png",
        "masks/deep/notes.txt",
        "images/a.png",
        "weights/class_weights.json",
        "splits/train.txt",
    }
    for name in ("masks/.0.1.tmp", "masks/deep/.0.1.tmp", ".0.1.tmp", ".labelprep/.0.1.tmp", *others):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text("")
    convert(data, out)
    assert set(tree(out)) == set(before) | others


def test_images_follow_the_option_and_the_sources_ending(data, tmp_path):
    out = tmp_path / "out"
    convert(data, out, "--link", "copy")
    assert sorted(p.name for p in (out / "images").rglob("*.*")) == ["m0.png", "m1.png", "m2.png", "m3.png"]
    (data.root / "images" / "train" / "m0.png").unlink()
    data.image("train/m0", ending=".jpg")
    convert(data, out, "--link", "copy")
    assert sorted(p.name for p in (out / "images").rglob("*.*")) == ["m0.jpg", "m1.png", "m2.png", "m3.png"]
    convert(data, out, "--overwrite")
    assert not (out / "images").exists()


def test_lists_of_numbers_stay_on_one_line_and_strings_stay_as_they_are():
    value = {"a": [1, -2, 3], "name": "zone [1,  2]", "deep": [[1, 2], []], "mixed": [1, "x"], "none": None}
    text = readable(value)
    assert json.loads(text) == value
    assert '"a": [1, -2, 3]' in text


def test_a_class_name_with_numbers_in_brackets_survives(tmp_path):
    data = Dataset(tmp_path / "data")
    table = tmp_path / "classes.yaml"
    table.write_text('classes: [{name: "zone [1,  2]", color: [1, 2, 3]}]')
    data.pair("a", np.full((24, 32, 3), (1, 2, 3), np.uint8))
    assert convert(data, tmp_path / "out", "--classes", table).code == 0
    prepared = Prepared.open(tmp_path / "out")
    assert prepared.table.names == ("zone [1,  2]",)
    assert prepared.info["class_table_hash"] == prepared.table.hash


def test_more_stale_masks_than_are_removed_at_once_all_go_with_their_folders(tmp_path, monkeypatch):
    data = Dataset(tmp_path / "data")
    for n in range(9):
        data.mask(f"{n % 3}/deep/m{n}")
    data.mask("kept")
    out = tmp_path / "out"
    assert convert(data, out).code == 0
    for n in range(9):
        (data.root / "masks" / f"{n % 3}" / "deep" / f"m{n}.png").unlink()
    (out / "masks" / "0" / "deep" / ".half.tmp").touch()
    monkeypatch.setattr("labelprep.stale._AT_ONCE", 2)

    again = convert(data, out)

    assert (again.code, again.summary["removed_now"]) == (0, 9)
    assert [p.name for p in (out / "masks").iterdir()] == ["kept.png"]


@pytest.mark.parametrize("at_once", [1, 10])
def test_a_mask_that_cannot_be_removed_leaves_the_folder_unfinished(tmp_path, monkeypatch, at_once):
    data = Dataset(tmp_path / "data")
    for n in range(3):
        data.mask(f"m{n}")
    out = tmp_path / "out"
    assert convert(data, out).code == 0
    (data.root / "masks" / "m0.png").unlink()
    (data.root / "masks" / "m1.png").unlink()
    for n in range(20):  # some of which are listed before the masks
        (out / "masks" / f".0.{n}.tmp").touch()
    monkeypatch.setattr("labelprep.stale._AT_ONCE", at_once)

    def refuse(path, missing_ok=False, real=Path.unlink):
        if path.parent == out / "masks":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        real(path, missing_ok=missing_ok)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", refuse)
        refused = convert(data, out)
    assert (refused.code, (out / "dataset.json").exists()) == (4, False)
    assert "no source stands behind it: Permission denied" in refused.err
    assert convert(data, out).code == 0
    assert [p.name for p in (out / "masks").iterdir()] == ["m2.png"]

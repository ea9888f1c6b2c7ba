"""tile: crops of image and mask together, ids never blended, counted anew, a prepared folder again."""

import numpy as np
import pytest
from PIL import Image

from labelprep.prepared import Prepared
from tests.dataset import Dataset, blocks, labelprep, tree


@pytest.fixture
def prepared(tmp_path):
    """Three samples of 24x32 in two splits, with ignored pixels."""
    data = Dataset(tmp_path / "data")
    for number, key in enumerate(("train/a", "train/b c", "val/d")):
        data.pair(key, data.colors[blocks(number, ids=6)])
    done = labelprep("convert", data.root, "-o", tmp_path / "out", "--ignore", "void", "-q")
    assert done.code == 0, done.err
    return Prepared.open(tmp_path / "out")


def tiled(prepared, out, *words, code=0):
    done = labelprep("tile", prepared.root, "-o", out, *words, "--json", "-q")
    assert done.code == code, done.err
    return done


def test_crops_are_cut_from_mask_and_image_alike(prepared, tmp_path):
    out = tmp_path / "crops"
    summary = tiled(prepared, out, "--size", "10", "12", "--stride", "7", "10").summary
    made = Prepared.open(out)
    rows = {row.key: row for row in made.rows()}
    assert summary["masks"] == len(rows) == 3 * 3 * 3
    for row in prepared.rows():
        ids = np.asarray(Image.open(prepared.mask_path(row.key)))
        rgb = np.asarray(Image.open(prepared.image_path(row)))
        for y in (0, 7, 14):
            for x in (0, 10, 20):
                crop = rows[f"{row.key}_y{y:05d}_x{x:05d}"]
                assert crop.split == row.split == row.key.split("/")[0]
                there = np.s_[y : y + 10, x : x + 12]
                assert np.array_equal(np.asarray(Image.open(made.mask_path(crop.key))), ids[there])
                assert np.array_equal(np.asarray(Image.open(made.image_path(crop))), rgb[there])
                assert crop.pixels == tuple(np.bincount(ids[there].ravel(), minlength=256)[:5])
    assert labelprep("verify", out).code == 0


def test_crops_side_by_side_hold_every_pixel_once(prepared, tmp_path):
    tiled(prepared, tmp_path / "crops", "--size", "12", "16")
    made = Prepared.open(tmp_path / "crops")
    assert made.totals.pixels.tolist() == prepared.totals.pixels.tolist()
    assert made.totals.ignored == prepared.totals.ignored


def test_padding_is_ignored_in_the_mask_and_black_in_the_image(prepared, tmp_path):
    tiled(prepared, tmp_path / "crops", "--size", "32", "32", "--edge", "pad")
    made = Prepared.open(tmp_path / "crops")
    (row, *_) = made.rows()
    mask = np.asarray(Image.open(made.mask_path(row.key)))
    assert (mask.shape, set(mask[24:].ravel())) == ((32, 32), {255})
    assert not np.asarray(Image.open(made.image_path(row)))[24:].any()
    assert made.totals.pixels.tolist() == prepared.totals.pixels.tolist()


@pytest.mark.parametrize("words", [("--scale", "2"), ("--resize", "48", "64")])
def test_resized_masks_hold_no_blended_ids(prepared, tmp_path, words):
    tiled(prepared, tmp_path / "large", *words)
    made = Prepared.open(tmp_path / "large")
    for row in prepared.rows():
        ids = np.asarray(Image.open(prepared.mask_path(row.key)))
        large = np.asarray(Image.open(made.mask_path(row.key)))
        assert np.array_equal(large, np.kron(ids, np.ones((2, 2), np.uint8)))
        assert np.asarray(Image.open(made.root / "images" / f"{row.key}.png")).shape == (48, 64, 3)


def test_crops_that_are_not_wanted_are_left_out_and_listed(tmp_path):
    data = Dataset(tmp_path / "data")
    ids = np.full((8, 16), 0)
    ids[:, 8:] = 5  # void
    ids[0, 0] = 1
    data.image("a", 8, 16)
    data.mask("a", data.colors[ids])
    assert labelprep("convert", data.root, "-o", tmp_path / "out", "--ignore", "void").code == 0
    prepared = Prepared.open(tmp_path / "out")
    words = ("--size", "4", "4", "--min-valid", "0.5", "--drop-dominated", "road:0.99")
    done = tiled(prepared, tmp_path / "crops", *words)
    assert (done.summary["masks"], done.summary["dropped"]) == (1, 7)
    told = [finding["message"] for finding in done.findings]
    assert "a_y00000_x00004: road fills 100.0% of it, 99.0% or more" in told
    assert "a_y00000_x00008: 0.0% of its pixels are valid, less than 50.0%" in told
    assert [row.key for row in Prepared.open(tmp_path / "crops").rows()] == ["a_y00000_x00000"]


def test_a_class_that_is_not_there_and_shares_that_cannot_be_are_refused(prepared, tmp_path):
    refused = labelprep("tile", prepared.root, "-o", tmp_path / "x", "--drop-dominated", "raod:0.9")
    assert refused.code == 2
    assert "did you mean 'road'" in refused.err
    refused = labelprep("tile", prepared.root, "-o", tmp_path / "x", "--drop-dominated", "road:90")
    assert refused.code == 2
    assert "CLASS:SHARE with a share up to 1" in refused.err


def test_any_number_of_workers_and_any_interruption_give_the_same_tree(prepared, tmp_path):
    words = ("--size", "9", "9", "--stride", "5", "5")
    tiled(prepared, tmp_path / "one", *words, "--scheduler", "inline")
    tiled(prepared, tmp_path / "two", *words, "--jobs", "2")
    whole = tree(tmp_path / "one", state=False)
    assert tree(tmp_path / "two", state=False) == whole
    (tmp_path / "one/dataset.json").unlink()
    (tmp_path / "one/masks/train/a_y00000_x00000.png").unlink()
    (tmp_path / "one/masks/.0123456789abcdef.77.tmp").write_bytes(b"half")
    tiled(prepared, tmp_path / "one", *words)
    assert tree(tmp_path / "one", state=False) == whole


@pytest.mark.parametrize(
    ("edge", "masks", "becomes"), [("shift", 2, "its crops are smaller than that"), ("drop", 1, "left out")]
)
def test_images_smaller_than_a_crop_are_named(tmp_path, edge, masks, becomes):
    data = Dataset(tmp_path / "data")
    data.pair("large")
    data.image("small", height=12)
    data.mask("small", data.colors[blocks(height=12)])
    assert labelprep("convert", data.root, "-o", tmp_path / "out").code == 0
    words = (tmp_path / "out", "-o", tmp_path / "crops", "--size", "16", "32", "--edge", edge)
    shown = labelprep("tile", *words)
    assert "image smaller than a crop: 1  [tile-smaller]" in shown.out
    done = labelprep("tile", *words, "--json")
    told = f"height 12, width 32, and a crop has 16, 32: {becomes}"
    assert [(f["code"], f["key"], f["message"]) for f in done.findings] == [("tile-smaller", "small", told)]
    assert done.summary["severities"]["warning"] == 1
    assert done.summary["masks"] == masks + (edge == "shift")  # two of the large one, which does not come out even
    assert {f.code for f in Prepared.open(tmp_path / "crops").findings()} == {"tile-smaller"}


def test_a_size_for_all_and_a_factor_for_each_are_not_taken_together(prepared, tmp_path):
    refused = labelprep("tile", prepared.root, "-o", tmp_path / "x", "--resize", "8", "8", "--scale", "2")
    assert (refused.code, (tmp_path / "x").exists()) == (2, False)
    assert "expected either resize, one size for all, or scale, a factor on each one's own, and not both" in refused.err


@pytest.mark.parametrize(("there", "way"), [("out/crops", "inside"), ("out", "inside"), (".", "around")])
def test_crops_and_their_source_lie_apart(prepared, tmp_path, there, way):
    before = tree(tmp_path)
    refused = labelprep("tile", prepared.root, "-o", tmp_path / there, "--size", "8", "8")
    assert (refused.code, tree(tmp_path)) == (2, before)
    assert f"the output would lie {way} {prepared.root}, the prepared folder that is read" in refused.err


def test_a_folder_that_holds_something_else_is_refused(prepared, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full/letter.txt").write_text("dear")
    refused = labelprep("tile", prepared.root, "-o", tmp_path / "full", "--size", "8", "8")
    assert refused.code == 2
    assert "holds something else" in refused.err
    tiled(prepared, tmp_path / "crops", "--size", "8", "8")
    refused = labelprep("tile", prepared.root, "-o", tmp_path / "crops", "--size", "9", "9")
    assert refused.code == 2
    assert "holds the crops of another set, or other crops" in refused.err


def test_a_missing_image_is_a_finding_and_exit_code_3(prepared, tmp_path):
    (row, *_) = prepared.rows()
    prepared.image_path(row).unlink()
    done = tiled(prepared, tmp_path / "crops", "--size", "8", "8", code=3)
    (found,) = done.findings
    assert (found["code"], found["severity"], found["key"]) == ("image-missing", "error", row.key)
    assert str(prepared.image_path(row)) in found["message"]
    assert "--images DIR" in found["fix"]
    assert done.summary["failed"] == 1


def test_images_that_moved_are_found_where_they_lie_now(prepared, tmp_path):
    (tmp_path / "data/images").rename(tmp_path / "moved")
    tiled(prepared, tmp_path / "none", "--size", "8", "8", code=3)
    (tmp_path / "moved").rename(tmp_path / "images")
    assert tiled(prepared, tmp_path / "crops", "--size", "8", "8", "--images", tmp_path).summary["failed"] == 0


def test_a_damaged_image_and_masks_without_one_are_told_apart(prepared, tmp_path):
    first, *_ = prepared.rows()
    prepared.image_path(first).write_bytes(b"no picture")
    (found,) = tiled(prepared, tmp_path / "crops", "--size", "8", "8", code=3).findings
    assert (found["code"], found["key"]) == ("image-unreadable", first.key)
    data = Dataset(tmp_path / "alone")
    data.mask("a")
    assert labelprep("convert", data.root, "-o", tmp_path / "masks").code == 0
    (found,) = tiled(Prepared.open(tmp_path / "masks"), tmp_path / "x", "--size", "8", "8", code=3).findings
    assert (found["code"], found["message"]) == ("image-missing", "cannot be cut up: it has no image")


def test_crops_are_chained_like_any_prepared_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = Dataset(tmp_path / "data")
    for key in ("train/a", "train/b", "val/c"):
        data.pair(key)
    (tmp_path / "spec.yaml").write_text(
        "dataset: {root: data, ignore: [void]}\n"
        "stages:\n"
        "  masks: {use: convert, out: build/masks}\n"
        "  crops: {use: tile, from: masks, size: [8, 8], out: build/crops}\n"
        "  weights: {use: weights, from: crops, split: train}\n"
        "  mmseg: {use: export, from: crops, layout: mmseg, out: build/mmseg}\n",
        encoding="utf-8",
    )
    ran = labelprep("run", "spec.yaml")
    assert ran.code == 0, ran.err
    assert "crops: no findings" in ran.err
    assert (tmp_path / "build/crops/weights/class_weights.json").is_file()
    assert len(list((tmp_path / "build/mmseg/ann_dir/train").rglob("*.png"))) == 24

"""What an export refuses, leaves out and says."""

import json
import os
from contextlib import contextmanager

import numpy as np
import pytest
from PIL import Image

from tests.dataset import Dataset, blocks, labelprep, tree


@pytest.fixture
def data(tmp_path):
    return Dataset(tmp_path / "data")


def converted(data, *words):
    out = data.root.parent / "out"
    done = labelprep("convert", data.root, "-o", out, *words)
    assert done.code == 0, done.err
    return out


def test_a_folder_that_holds_something_else_stays_as_it_was(data, tmp_path):
    data.pair("a")
    out = converted(data)
    place = tmp_path / "full"
    place.mkdir()
    (place / "letter.txt").write_text("dear")
    refused = labelprep("export", out, "--layout", "voc", "-o", place)
    assert refused.code == 2
    assert "holds something else" in refused.err
    assert set(tree(place)) == {"letter.txt"}


def test_samples_without_image_are_left_out_and_said(data, tmp_path):
    data.pair("a")
    data.pair("b")
    out = converted(data)
    (image,) = (p for p in data.root.rglob("b.*") if "mask" not in str(p.relative_to(data.root)))
    image.unlink()
    done = labelprep("export", out, "--layout", "mirror", "-o", tmp_path / "ex", "--json")
    assert (done.code, done.summary["left_out"], done.summary["samples"]) == (3, 1, {"train": 1})
    assert "1 sample was left out as its image is not there or cannot be read: 'b'" in done.err


def test_masks_in_no_split_are_said(data, tmp_path):
    for key in "abc":
        data.pair(key)
    out = converted(data)
    (out / "splits").mkdir()
    (out / "splits/train.txt").write_text("a\nb\n")
    done = labelprep("export", out, "--layout", "mirror", "-o", tmp_path / "ex", "--json")
    assert (done.code, done.summary["unsplit"], done.summary["samples"]) == (0, 1, {"train": 2})
    assert "1 mask is in no split and left out" in done.err


def test_another_split_is_another_export(data, tmp_path):
    for key in "abcd":
        data.pair(key)
    out = converted(data)
    assert labelprep("export", out, "--layout", "mmseg", "-o", tmp_path / "ex").code == 0
    assert labelprep("split", out, "--ratios", "0.5", "0.5").code == 0
    refused = labelprep("export", out, "--layout", "mmseg", "-o", tmp_path / "ex")
    assert refused.code == 2
    assert "another set" in refused.err


def test_an_export_that_was_stopped_goes_on(data, tmp_path):
    for key in "abc":
        data.pair(key)
    out = converted(data)
    place = tmp_path / "ex"
    assert labelprep("export", out, "--layout", "mmseg", "-o", place).code == 0
    whole = tree(place)
    mark = place / "labelprep-export.json"
    mark.write_bytes(mark.read_bytes().replace(b"true", b"false"))
    (place / "ann_dir/train/b.png").unlink()
    (place / "metainfo.json").unlink()
    assert labelprep("export", out, "--layout", "mmseg", "-o", place).code == 0
    assert tree(place) == whole

    begun = tmp_path / "begun"  # a run that ended while it wrote its first file
    begun.mkdir()
    (begun / f".{'0' * 16}.99999999.tmp").write_text("{")
    assert labelprep("export", out, "--layout", "mmseg", "-o", begun).code == 0
    assert tree(begun) == whole


def test_names_that_fall_together_without_folders_are_refused(data, tmp_path):
    data.pair("x/y")
    data.pair("x__y")
    out = converted(data)
    refused = labelprep("export", out, "--layout", "voc", "-o", tmp_path / "ex")
    assert refused.code == 2
    assert "would both be called 'x__y'" in refused.err


def test_colours_that_do_not_tell_classes_apart_are_refused(data, tmp_path):
    data.pair("a", blocks(ids=2))
    (data.root / "class_dict.csv").write_text("name,r,g,b\nroad,1,2,3\nkerb,1,2,3\n")
    out = converted(data, "--on-duplicate-color", "first")
    refused = labelprep("export", out, "--layout", "datumaro", "-o", tmp_path / "ex")
    assert refused.code == 2
    assert "road and kerb are all painted (1, 2, 3)" in refused.err


@pytest.mark.parametrize("layout", ["voc", "camvid"])
def test_a_line_break_in_a_name_does_not_break_a_list(data, tmp_path, layout):
    data.pair("a\nb")
    out = converted(data)
    refused = labelprep("export", out, "--layout", layout, "-o", tmp_path / "ex")
    assert refused.code == 2
    assert "holds a line break" in refused.err


def test_an_unknown_layout_names_those_there_are(data, tmp_path):
    data.pair("a")
    refused = labelprep("export", converted(data), "--layout", "vok", "-o", tmp_path / "ex")
    assert refused.code == 2
    assert "'voc'" in refused.err


def test_nnunet_gets_all_folds_and_every_case_once(data, tmp_path):
    for key in "abcd":
        data.pair(key)
    out = converted(data)
    assert labelprep("split", out, "--folds", "2").code == 0
    done = labelprep("export", out, "--layout", "nnunet", "-o", tmp_path / "ex", "--json")
    assert (done.code, done.summary["samples"], done.summary["unsplit"]) == (0, {"Tr": 4}, 0)
    assert "100 %" in done.err.splitlines()[-1]
    assert json.loads((tmp_path / "ex/dataset.json").read_text())["numTraining"] == 4
    folds = json.loads((tmp_path / "ex/splits_final.json").read_text())
    listed = [(out / f"splits/fold{n}-{part}.txt").read_text().split() for n in (0, 1) for part in ("train", "val")]
    assert [fold[part] for fold in folds for part in ("train", "val")] == listed


def test_nnunet_makes_its_own_folds_where_there_is_no_val(data, tmp_path):
    data.pair("a")
    assert labelprep("export", converted(data), "--layout", "nnunet", "-o", tmp_path / "ex").code == 0
    assert not (tmp_path / "ex/splits_final.json").exists()


def test_a_background_is_zero_for_nnunet_wherever_it_stood(data, tmp_path):
    table = "name,r,g,b\nroad,128,64,128\nBackground,70,70,60\ncar,70,130,180\n"
    (data.root / "class_dict.csv").write_text(table)
    data.pair("a", data.colors[blocks(ids=3)])
    out = converted(data)
    assert labelprep("export", out, "--layout", "nnunet", "-o", tmp_path / "ex").code == 0
    assert json.loads((tmp_path / "ex/dataset.json").read_text())["labels"] == {"background": 0, "road": 1, "car": 2}
    seen = np.asarray(Image.open(tmp_path / "ex/labelsTr/a.png"))
    assert np.array_equal(seen, np.array([1, 0, 2])[np.asarray(Image.open(out / "masks/a.png"))])


def test_a_class_called_ignore_is_refused_for_nnunet(data, tmp_path):
    (data.root / "class_dict.csv").write_text("name,r,g,b\nroad,128,64,128\nignore,70,70,60\n")
    data.pair("a", data.colors[blocks(ids=2)])
    refused = labelprep("export", converted(data), "--layout", "nnunet", "-o", tmp_path / "ex")
    assert refused.code == 2
    assert "calls ignored pixels 'ignore', but a class is called so" in refused.err


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "JPEG"])
def test_nnunet_gets_three_channels_whatever_the_images_are(data, tmp_path, mode):
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (24, 32, 3), np.uint8))
    path = data.root / f"images/a.{'jpg' if mode == 'JPEG' else 'png'}"
    path.parent.mkdir()
    (image if mode == "JPEG" else image.convert(mode)).save(path)
    data.mask("a")
    assert labelprep("export", converted(data), "--layout", "nnunet", "-o", tmp_path / "ex").code == 0
    with Image.open(tmp_path / "ex/imagesTr/a_0000.png") as seen, Image.open(path) as source:
        assert seen.mode == "RGB"
        assert np.array_equal(np.asarray(seen), np.asarray(source.convert("RGB")))


def test_images_of_sixteen_bits_are_not_cut_down_in_silence(data, tmp_path):
    path = data.root / "images/a.png"
    path.parent.mkdir()
    Image.fromarray(np.full((24, 32), 40_000, np.uint16)).save(path)
    data.mask("a")
    refused = labelprep("export", converted(data), "--layout", "nnunet", "-o", tmp_path / "ex")
    assert refused.code == 2
    assert "this layout takes 8-bit RGB images" in refused.err


@pytest.mark.parametrize("turned", [False, True])
def test_an_image_that_becomes_png_lies_as_its_mask_does(data, tmp_path, turned):
    """PNG readers know no EXIF orientation, so the pixels themselves must be turned, or left, as the mask was drawn."""
    pixels = np.zeros((24, 32, 3), np.uint8)
    pixels[:, :16] = 200
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by a quarter
    path = data.root / "images/a.jpg"
    path.parent.mkdir()
    Image.fromarray(pixels).save(path, exif=exif)
    height, width = (32, 24) if turned else (24, 32)
    data.mask("a", data.colors[blocks(0, height, width)])
    out = converted(data, *(["--exif-rotate"] if turned else []))
    assert labelprep("export", out, "--layout", "cityscapes", "-o", tmp_path / "ex").code == 0
    with Image.open(tmp_path / "ex/leftImg8bit/train/all/a_leftImg8bit.png") as seen:
        assert seen.size == (width, height)
        bright = np.asarray(seen.convert("L")) > 100
    assert bright.mean(0 if not turned else 1)[0] == 1
    assert bright.mean() == 0.5


@pytest.mark.parametrize("layout", ["mirror", "pairs", "coco", "hf"])
def test_sixteen_bits_go_where_they_are_read(data, tmp_path, layout):
    names = "".join(f"c{n},{n // 256},{n % 256},7\n" for n in range(300))
    (data.root / "class_dict.csv").write_text(f"name,r,g,b\n{names}")
    ids = np.arange(24 * 32).reshape(24, 32) % 300
    data.pair("a", np.stack([ids // 256, ids % 256, np.full_like(ids, 7)], -1).astype(np.uint8))
    out = converted(data, "--mask-mode", "index")
    assert labelprep("export", out, "--layout", layout, "-o", tmp_path / "ex").code == 0
    if layout != "coco":
        (mask,) = (p for p in (tmp_path / "ex").rglob("a.png") if "masks" in str(p.relative_to(tmp_path)))
        assert np.array_equal(np.asarray(Image.open(mask)), ids)
    refused = labelprep("export", out, "--layout", "mmseg", "-o", tmp_path / "no")
    assert refused.code == 2
    assert "layouts mirror, pairs, hf, hf-parquet and coco carry 16-bit masks" in refused.err


def test_a_mask_that_changed_since_convert_is_not_passed_on(data, tmp_path):
    data.pair("a")
    out = converted(data)
    other = Image.open(out / "masks/a.png")
    other.putpixel((0, 0), (other.getpixel((0, 0)) + 1) % 5)
    other.save(out / "masks/a.png")
    refused = labelprep("export", out, "--layout", "mmseg", "-o", tmp_path / "ex")
    assert refused.code == 2
    assert "the mask's ids are not those that were written" in refused.err
    assert not (tmp_path / "ex/ann_dir/train/a.png").exists()


def test_an_image_that_went_takes_its_sample_with_it(data, tmp_path):
    data.pair("a")
    data.pair("b")
    out = converted(data)
    words = ("export", out, "--layout", "mmseg", "-o", tmp_path / "ex")
    assert labelprep(*words).code == 0
    (data.root / "images/b.png").unlink()
    assert labelprep(*words).code == 3
    assert set(tree(tmp_path / "ex")) == {
        "img_dir/train/a.png",
        "ann_dir/train/a.png",
        "metainfo.json",
        "labelprep-export.json",
    }


def test_the_prepared_folder_is_no_place_for_its_export(data):
    data.pair("a")
    out = converted(data)
    before = tree(out)
    refused = labelprep("export", out, "--layout", "voc", "-o", out / "masks/voc")
    assert refused.code == 2
    assert "would lie inside" in refused.err
    assert tree(out) == before


def test_shards_of_another_size_are_another_export(data, tmp_path):
    data.pair("a")
    out = converted(data)
    assert labelprep("export", out, "--layout", "wds", "-o", tmp_path / "ex").code == 0
    refused = labelprep("export", out, "--layout", "wds", "-o", tmp_path / "ex", "--shard-size", "1K")
    assert refused.code == 2
    assert "holds an export with shards of 524,288,000 bytes, not 1,024" in refused.err


@contextmanager
def files_up_to(size):
    """No file grows beyond so many bytes, as on a disk that fills up."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such limit")
@pytest.mark.parametrize("layout", ["nnunet", "coco", "wds", "hf-parquet"])
def test_a_full_disk_leaves_whole_files_and_the_next_run_the_whole_tree(data, tmp_path, layout):
    for number, key in enumerate("abc"):
        data.image(key, ending=".jpg" if layout == "nnunet" else ".png", seed=number)
        data.mask(key)
    out, place = converted(data), tmp_path / "ex"
    assert labelprep("export", out, "--layout", layout, "-o", tmp_path / "whole").code == 0
    whole = tree(tmp_path / "whole")
    with files_up_to(1_000):
        failed = labelprep("export", out, "--layout", layout, "-o", place)
    assert failed.code == 4, failed.err
    assert "cannot write" in failed.err
    left = tree(place)
    assert not json.loads(left.pop("labelprep-export.json"))["finished"]
    assert left.items() <= whole.items()
    assert labelprep("export", out, "--layout", layout, "-o", place).code == 0
    assert tree(place) == whole

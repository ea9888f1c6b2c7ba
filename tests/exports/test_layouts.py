"""Every layout, read back as its consumers read it: the pixels that they see are our ids."""

import csv
import json

import cv2
import numpy as np
import pytest
from PIL import Image
from ruamel.yaml import YAML

from labelprep.exports import LAYOUTS
from labelprep.prepared import Prepared
from labelprep.spec.derived import ExportLayout
from tests.dataset import Dataset, blocks, labelprep, tree

IN_OTHER_FILES = ("wds", "hf-parquet", "coco")  # test_shards.py, test_coco.py: no masks in files of their own
LOOSE = [layout for layout in LAYOUTS if layout not in IN_OTHER_FILES]
KEPT = ("mirror", "pairs", "voc", "mapillary")  # palette PNGs; Pillow gives their indices


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Two splits, keys in folders, blanks and commas in names, ignored pixels, JPEG and PNG images."""
    place = tmp_path_factory.mktemp("exported")
    data = Dataset(place / "data")
    for number, key in enumerate(("train/a b", 'train/c,"d"', "train/drive/e", "val/f")):
        data.pair(key, data.colors[blocks(number, ids=6)])
    out = place / "out"
    done = labelprep("convert", data.root, "-o", out, "--layout", "mirror", "--ignore", "void", "-q")
    assert done.code == 0, done.err
    return Prepared.open(out)


@pytest.fixture
def exported(prepared, tmp_path):
    """Exports in a layout: the folder and, by key, the places of image and mask."""

    def run(layout, *words):
        out = tmp_path / layout
        done = labelprep("export", prepared.root, "--layout", layout, "-o", out, *words)
        assert done.code == 0, done.err
        return out

    return run


def places(out, layout):
    """Key -> (image, mask), by the layout's own rules, written down here a second time."""
    splits = {"ade20k": ("training", "validation"), "coco-stuff": ("train2017", "val2017")}
    splits["mapillary"] = ("training", "validation")
    train, val = splits.get(layout, ("train", "val"))
    samples = {"train/a b": (train, "a b"), 'train/c,"d"': (train, 'c,"d"'), "val/f": (val, "f")}
    flat = layout in ("camvid-kaggle", "cityscapes", "mapillary", "datumaro")
    samples["train/drive/e"] = (train, "drive__e" if flat else "drive/e")
    patterns = {
        "mirror": ("images/{s}/{n}", "masks/{s}/{n}.png"),
        "ultralytics": ("images/{s}/{n}", "masks/{s}/{n}.png"),
        "mmseg": ("img_dir/{s}/{n}", "ann_dir/{s}/{n}.png"),
        "camvid": ("{s}/{n}", "{s}annot/{n}.png"),
        "camvid-kaggle": ("{s}/{n}", "{s}_labels/{n}_L.png"),
        "cityscapes": ("leftImg8bit/{s}/all/{n}_leftImg8bit", "gtFine/{s}/all/{n}_gtFine_labelTrainIds.png"),
        "ade20k": ("images/{s}/{n}", "annotations/{s}/{n}.png"),
        "coco-stuff": ("images/{s}/{n}", "annotations/{s}/{n}_labelTrainIds.png"),
        "mapillary": ("{s}/images/{n}", "{s}/v2.0/labels/{n}.png"),
        "datumaro": ("{s}/images/{n}", "{s}/masks/{n}.png"),
        "hf": ("{s}/images/{n}", "{s}/masks/{n}.png"),
        "pairs": ("images/{k}", "masks/{k}.png"),
        "voc": ("JPEGImages/{f}", "SegmentationClass/{f}.png"),
        "nnunet": ("imagesTr/{f}_0000", "labelsTr/{f}.png"),
    }
    image, mask = patterns[layout]
    found = {}
    for key, (s, n) in samples.items():
        words = {"s": s, "n": n, "k": key, "f": key.replace("/", "__")}
        stem = out / image.format(**words)
        (beside,) = (path for path in stem.parent.iterdir() if path.stem == stem.name)
        found[key] = (beside, out / mask.format(**words))
    return found


def ids_seen(path, layout, table):
    """What a consumer of the layout makes of a mask, as our ids."""
    if layout in ("camvid-kaggle", "datumaro"):
        rgb = np.asarray(Image.open(path).convert("RGB"))
        seen = np.full(rgb.shape[:2], 255, np.uint8)
        for c in table.classes:
            seen[(rgb == c.color).all(-1)] = c.id
        return seen
    seen = np.asarray(Image.open(path)) if layout in KEPT else cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert seen.dtype == np.uint8
    if layout == "nnunet":  # no class is called background: 1 to 5, and 6 is to be ignored
        return np.array([99, 0, 1, 2, 3, 4, 255])[seen]
    return seen - 1 if layout == "ade20k" else seen  # 0 becomes 255


def test_the_spec_names_the_layouts_that_there_are():
    assert set(ExportLayout.__args__) == set(LAYOUTS)


@pytest.mark.parametrize("layout", LOOSE)
def test_consumers_see_our_ids_and_the_images_that_belong_to_them(layout, exported, prepared):
    out = exported(layout)
    found = places(out, layout)
    rows = {row.key: row for row in prepared.rows()}
    assert set(found) == set(rows)
    for key, (image, mask) in found.items():
        ids = np.asarray(Image.open(prepared.mask_path(key)))
        assert np.array_equal(ids_seen(mask, layout, prepared.table), ids), key
        source = prepared.image_path(rows[key])
        assert np.array_equal(np.asarray(Image.open(image)), np.asarray(Image.open(source)))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_second_export_changes_nothing_and_another_set_is_refused(layout, exported, prepared, tmp_path):
    out = exported(layout)
    before = tree(out)
    assert tree(exported(layout)) == before
    other = "voc" if layout != "voc" else "hf"
    refused = labelprep("export", prepared.root, "--layout", other, "-o", out)
    assert (refused.code, tree(out)) == (2, before)
    assert "holds an export of another set or layout" in refused.err


def test_copies_are_the_same_tree_without_links(exported, prepared, tmp_path):
    linked = tree(exported("mirror"))
    out = tmp_path / "copied"
    assert labelprep("export", prepared.root, "--layout", "mirror", "-o", out, "--link", "copy").code == 0
    assert tree(out) == linked
    assert {path.stat().st_nlink for path in out.rglob("*.png")} == {1}


def test_files_that_need_no_change_are_hard_links(exported, prepared):
    out = exported("mirror")
    assert (out / "masks/val/f.png").samefile(prepared.mask_path("val/f"))


def test_lists_and_tables_say_what_their_readers_look_for(exported, prepared):
    names = list(prepared.table.names)
    voc = exported("voc")
    assert (voc / "ImageSets/Segmentation/val.txt").read_text() == "val__f\n"
    assert (voc / "labelmap.txt").read_text().splitlines()[1].split(":")[0] == names[0]
    camvid = exported("camvid")
    assert (camvid / "train.txt").read_text().splitlines()[0] == '"/train/a b.png" "/trainannot/a b.png"'
    data = YAML(typ="safe").load(exported("ultralytics") / "data.yaml")
    assert data == {"train": "images/train", "val": "images/val", "masks_dir": "masks"} | {
        "names": dict(enumerate(names))
    }
    assert json.loads((exported("mmseg") / "metainfo.json").read_text())["classes"] == names
    hf = exported("hf")
    for split in ("train", "val"):
        for line in (hf / split / "metadata.jsonl").read_text().splitlines():
            assert {(hf / split / place).is_file() for place in json.loads(line).values()} == {True}
    with (exported("pairs") / "pairs.csv").open(newline="") as file:
        pairs = list(csv.DictReader(file))
    assert [row["split"] for row in pairs] == ["train", "train", "train", "val"]
    assert 'masks/train/c,"d".png' in [row["mask"] for row in pairs]


def test_torchvision_reads_voc(tmp_path):
    torchvision = pytest.importorskip("torchvision.datasets")
    data = Dataset(tmp_path / "data")
    for number, key in enumerate(("a", "b")):
        data.image(key, ending=".jpg")
        data.mask(key, data.colors[blocks(number)])
    out = tmp_path / "out"
    assert labelprep("convert", data.root, "-o", out, "--ignore", "void").code == 0
    # the loader wants its own year's folder
    place = tmp_path / "VOCdevkit/VOC2012"
    assert labelprep("export", out, "--layout", "voc", "-o", place).code == 0
    seen = torchvision.VOCSegmentation(tmp_path, year="2012", image_set="train")
    assert len(seen) == 2
    for number, key in enumerate(("a", "b")):
        image, mask = seen[number]
        assert image.mode == "RGB"
        assert np.array_equal(np.asarray(mask), np.asarray(Image.open(out / f"masks/{key}.png")))

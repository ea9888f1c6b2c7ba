"""Annotations from end to end: found, drawn, counted, written, resumed, and hostile ones told."""

import hashlib
import json

import numpy as np
import pytest
from PIL import Image

from labelprep.formats.class_tables import load_table
from labelprep.prepared import Prepared
from tests.dataset import labelprep, tree

WIDTH, HEIGHT = 44, 36
CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version><meta><task><labels>
<label><name>road</name><color>#804080</color></label><label><name>car</name><color>#00008e</color></label>
</labels></task></meta>
<image id="0" name="a.png" width="44" height="36"><box label="road" xtl="0" ytl="0" xbr="44" ybr="36" z_order="0"/>
<mask label="car" rle="0, 12" left="30" top="20" width="4" height="3" z_order="2"/>
<polygon label="road" points="30,20;33,20;33,22" z_order="1"/><polyline label="road" points="1,1;2,2"/></image>
<image id="1" name="b.png" subset="Train" width="44" height="36"/>
</annotations>"""


def image(path, width=WIDTH, height=HEIGHT):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(len(str(path)) + sum(map(ord, str(path)))).integers(
        0, 256, (height, width, 3), np.uint8
    )
    Image.fromarray(pixels).save(path)


def mask(out, key):
    return np.asarray(Image.open(out / "masks" / f"{key}.png"))


def coco(root, **changes):
    """Two images with an outline, run lengths, a crowd and an annotation without a home."""
    for name in ("a", "b"):
        image(root / "val2017" / f"{name}.jpg")
    square = [[2, 2, 12, 2, 12, 12, 2, 12]]
    runs = {"counts": [HEIGHT * 20, HEIGHT * 4, HEIGHT * (WIDTH - 24)], "size": [HEIGHT, WIDTH]}
    content = {
        "images": [
            {"id": n, "file_name": f"{name}.jpg", "width": WIDTH, "height": HEIGHT} for n, name in enumerate("ab")
        ],
        "annotations": [
            {"image_id": 0, "category_id": 7, "segmentation": square, "iscrowd": 0},
            {"image_id": 0, "category_id": 3, "segmentation": [[7, 7, 17, 7, 17, 17, 7, 17]], "iscrowd": 0},
            {"image_id": 0, "category_id": 3, "segmentation": runs | {"counts": [0, WIDTH * HEIGHT]}, "iscrowd": 1},
            {"image_id": 1, "category_id": 7, "segmentation": runs, "iscrowd": 0},
        ],
        "categories": [{"id": 7, "name": "car"}, {"id": 3, "name": "person"}],
    }
    folder = root / "annotations"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "instances_val2017.json"
    file.write_text(json.dumps(content | changes))
    return file, content


def test_coco_crowds_lie_below_and_later_annotations_above(tmp_path):
    coco(tmp_path / "set")
    result = labelprep("convert", tmp_path / "set", "-o", tmp_path / "out", "--scheduler", "inline")
    assert result.code == 0, result.err
    table = Prepared.open(tmp_path / "out").table
    assert table.names == ("background", "person", "car")
    expected = np.full((HEIGHT, WIDTH), 1)
    expected[2:12, 2:12] = 2
    expected[7:17, 7:17] = 1
    assert (mask(tmp_path / "out", "a") == expected).all()
    assert (mask(tmp_path / "out", "b") == 2).sum() == 4 * HEIGHT
    rows = {row.key: row for row in Prepared.open(tmp_path / "out").rows()}
    assert rows["a"].split == "val"
    assert (rows["a"].source, rows["a"].image) == ("annotations/instances_val2017.json", "val2017/a.jpg")
    assert len(rows["a"].sha256) == 64
    assert rows["a"].sha256 != rows["b"].sha256


def test_only_images_whose_annotations_changed_are_converted_again(tmp_path):
    file, content = coco(tmp_path / "set")
    words = ("convert", tmp_path / "set", "-o", tmp_path / "out", "--scheduler", "inline", "--json")
    assert labelprep(*words).summary["converted_now"] == 2
    before = tree(tmp_path / "out", state=False)
    assert labelprep(*words).summary["converted_now"] == 0
    assert tree(tmp_path / "out", state=False) == before
    content["annotations"][3]["category_id"] = 3
    file.write_text(json.dumps(content))
    assert labelprep(*words).summary["converted_now"] == 1
    assert (mask(tmp_path / "out", "b") == 1).sum() == 4 * HEIGHT


@pytest.mark.chaos
def test_workers_write_what_one_process_writes(tmp_path):
    coco(tmp_path / "set")
    for name, words in {"one": ["--scheduler", "inline"], "two": ["--scheduler", "local", "--jobs", "2"]}.items():
        assert labelprep("convert", tmp_path / "set", "-o", tmp_path / name, *words).code == 0
    assert tree(tmp_path / "one", state=False) == tree(tmp_path / "two", state=False)


def test_panoptic_segments_are_read_from_the_colours(tmp_path):
    root = tmp_path / "set"
    segments = np.zeros((HEIGHT, WIDTH), np.uint32)
    segments[5:20, 5:30], segments[20:] = 70000, 1000
    folder = root / "annotations" / "panoptic_val2017"
    folder.mkdir(parents=True)
    Image.fromarray(np.stack([segments & 255, segments >> 8 & 255, segments >> 16], -1).astype(np.uint8)).save(
        folder / "a.png"
    )
    image(root / "val2017" / "a.jpg")
    listed = [{"id": 70000, "category_id": 200}, {"id": 1000, "category_id": 1}]
    content = {
        "images": [{"id": 5, "file_name": "a.jpg", "width": WIDTH, "height": HEIGHT}],
        "annotations": [{"image_id": 5, "file_name": "a.png", "segments_info": listed}],
        "categories": [{"id": 1, "name": "person", "color": [1, 2, 3]}, {"id": 200, "name": "rug", "color": [9, 9, 9]}],
    }
    folder.with_suffix(".json").write_text(json.dumps(content))
    result = labelprep("convert", root, "-o", tmp_path / "out", "--scheduler", "inline")
    assert result.code == 0, result.err
    assert Prepared.open(tmp_path / "out").table.names == ("person", "rug")
    expected = np.select([segments == 1000, segments == 70000], [0, 1], 255)
    assert (mask(tmp_path / "out", "a") == expected).all()
    content["annotations"][0]["segments_info"] = listed[:1]
    folder.with_suffix(".json").write_text(json.dumps(content))
    told = labelprep("validate", root, "--json")
    assert [f["pixels"] for f in told.findings if f["code"] == "unknown-label"] == [int((segments == 1000).sum())]


def test_cvat_shapes_lie_in_their_z_order(tmp_path):
    root = tmp_path / "set"
    for name in ("a", "b"):
        image(root / "images" / f"{name}.png")
    (root / "annotations.xml").write_text(CVAT)
    result = labelprep("convert", root, "-o", tmp_path / "out", "--scheduler", "inline", "--json")
    assert result.code == 0, result.err
    table = Prepared.open(tmp_path / "out").table
    assert table.names == ("background", "road", "car")
    assert table.classes[2].color == (0, 0, 142)
    expected = np.full((HEIGHT, WIDTH), 1)
    expected[20:23, 30:34] = 2
    assert (mask(tmp_path / "out", "a") == expected).all()
    assert not mask(tmp_path / "out", "b").any()
    assert {f["code"] for f in result.findings} >= {"shape-not-drawn", "empty-annotation"}
    assert [row.split for row in Prepared.open(tmp_path / "out").rows()] == [None, "train"]


def labelme(root, **changes):
    shapes = [
        {"label": "car", "points": [[1, 1], [20, 1], [20, 20]]},
        {"label": "__ignore__", "points": [[9, 9], [12, 9], [12, 14]]},
    ]
    image(root / "a.jpg")
    root.mkdir(parents=True, exist_ok=True)
    content = {"version": "6.3.1", "shapes": shapes, "imageWidth": WIDTH, "imageHeight": HEIGHT} | changes
    (root / "a.json").write_text(json.dumps(content))
    (root / "labels.txt").write_text("__ignore__\n_background_\ncar\n")


def test_labelme_manifest_holds_the_bytes_that_were_read(tmp_path):
    labelme(tmp_path / "set")
    assert labelprep("convert", tmp_path / "set", "-o", tmp_path / "out").code == 0
    row = next(Prepared.open(tmp_path / "out").rows())
    data = (tmp_path / "set" / "a.json").read_bytes()
    assert (row.source, row.size, row.sha256) == ("a.json", len(data), hashlib.sha256(data).hexdigest())
    assert set(np.unique(mask(tmp_path / "out", "a"))) == {0, 1, 255}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"imageWidth": WIDTH + 2}, "size-differs"),
        ({"imageWidth": 10**6, "imageHeight": 10**6}, "too-many-pixels"),
        ({"shapes": [{"label": "cat", "points": [[1, 1], [9, 1], [9, 9]]}]}, "unknown-label"),
        ({"shapes": []}, "empty-annotation"),
        ({"shapes": 3}, "damaged-file"),
        ({"shapes": [{"label": "car", "points": [[-9, 1], [9, 1], [9, 9]]}]}, "outside-image"),
        ({"shapes": [{"label": "car", "points": [[0, 1], [9, 1]]}]}, "too-few-points"),
        ({"shapes": [{"label": "car", "points": [[0, 0], [9, 9], [9, 0], [0, 9]]}]}, "self-crossing"),
        ({"shapes": [{"label": "car", "points": [[0, float("nan")]]}]}, "damaged-file"),
        ({"shapes": [{"label": "car", "points": [[0, 1e30], [1, 1], [2, 1]]}]}, "broken-shape"),
    ],
)
def test_faults_are_findings(tmp_path, changes, code):
    labelme(tmp_path / "set", **changes)
    result = labelprep("validate", tmp_path / "set", "--json", "--fail-on", "never")
    assert result.code == 0, result.err
    assert code in {f["code"] for f in result.findings}


def test_unknown_labels_take_the_way_of_unknown_colours(tmp_path):
    labelme(tmp_path / "set", shapes=[{"label": "cra", "points": [[1, 1], [9, 1], [9, 9]]}])
    words = ("convert", tmp_path / "set", "--json", "-o")
    refused = labelprep(*words, tmp_path / "none")
    told = next(f for f in refused.findings if f["code"] == "unknown-label")
    assert refused.code == 3
    assert (told["nearest"], told["xy"]) == ("car", [1, 1])
    assert labelprep(*words, tmp_path / "ignored", "--on-unknown", "ignore").code == 0
    assert (mask(tmp_path / "ignored", "a") == 255).sum() == told["pixels"]
    assert labelprep(*words, tmp_path / "mapped", "--on-unknown", "map:car").code == 0
    assert (mask(tmp_path / "mapped", "a") == 1).sum() == told["pixels"]


def test_without_a_background_class_the_rest_is_ignored_and_told(tmp_path):
    labelme(tmp_path / "set")
    (tmp_path / "classes.yaml").write_text("classes:\n  - {name: car}\n")
    words = ("--classes", tmp_path / "classes.yaml", "--json")
    result = labelprep("convert", tmp_path / "set", "-o", tmp_path / "out", *words)
    assert "no-background" in {f["code"] for f in result.findings}
    assert set(np.unique(mask(tmp_path / "out", "a"))) == {0, 255}


def test_sizes_come_from_the_image_where_the_annotation_is_silent(tmp_path):
    labelme(tmp_path / "set", imageWidth=None, imageHeight=None)
    assert labelprep("convert", tmp_path / "set", "-o", tmp_path / "out").code == 0
    assert mask(tmp_path / "out", "a").shape == (HEIGHT, WIDTH)
    (tmp_path / "set" / "a.jpg").unlink()
    told = labelprep("validate", tmp_path / "set", "--json")
    assert {f["code"] for f in told.findings} >= {"size-unknown", "image-missing"}


def test_yolo_segments_and_boxes(tmp_path):
    root = tmp_path / "set"
    image(root / "images" / "train" / "a.jpg")
    (root / "labels" / "train").mkdir(parents=True)
    (root / "labels" / "train" / "a.txt").write_text(
        "1 0 0 1 0 1 1 0 1\n0 0.5 0.5 1 0.5 1 1 0.5 1\n1 0.5 0.5 0.1 0.1\n"
    )
    (root / "data.yaml").write_text("path: .\ntrain: images/train\nval: images/train\nnames: {0: road, 1: car}\n")
    result = labelprep("convert", root, "-o", tmp_path / "out", "--json")
    assert result.code == 0, result.err
    found = mask(tmp_path / "out", "train/a")
    assert (found[: HEIGHT // 2] == 1).all()
    assert not found[HEIGHT // 2 :, WIDTH // 2 :].any()
    assert "shape-not-drawn" in {f["code"] for f in result.findings}


def test_cityscapes_polygons_with_groups_and_plates(tmp_path):
    root = tmp_path / "set"
    image(root / "leftImg8bit" / "val" / "ulm" / "ulm_0_leftImg8bit.png")
    objects = [
        {"label": "road", "polygon": [[0, 0], [WIDTH, 0], [WIDTH, HEIGHT], [0, HEIGHT]]},
        {"label": "cargroup", "polygon": [[3, 3], [20, 3], [20, 20]]},
        {"label": "license plate", "polygon": [[0, 0], [WIDTH, 0], [WIDTH, HEIGHT]]},
        {"label": "sky", "polygon": [[0, 0], [WIDTH, 0], [WIDTH, HEIGHT]], "deleted": 1},
    ]
    folder = root / "gtFine" / "val" / "ulm"
    folder.mkdir(parents=True)
    content = {"imgWidth": WIDTH, "imgHeight": HEIGHT, "objects": objects}
    (folder / "ulm_0_gtFine_polygons.json").write_text(json.dumps(content))
    result = labelprep("convert", root, "-o", tmp_path / "out")
    assert result.code == 0, result.err
    names = load_table("preset:cityscapes").names
    shown = {names[i] for i in np.unique(mask(tmp_path / "out", "val/ulm/ulm_0"))}
    assert shown == {"road", "car"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"images": [{"id": 1, "file_name": "../a.jpg"}], "annotations": []}', "outside the dataset"),
        ('{"images": [{"id": 1, "file_name": "a.jpg", "width": NaN}], "annotations": []}', "JSON"),
        ('{"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [' + "[" * 1_000_000, "nested"),
        ('{"images": [{"id": 1}], "file_name": 3, "annotations": []}', "without id or file_name"),
        ('{"images": ["file_name:"], "file_name": 3, "annotations": []}', "expected objects"),
    ],
)
def test_hostile_collections_are_one_line(tmp_path, text, told):
    image(tmp_path / "set" / "images" / "a.jpg")
    (tmp_path / "set" / "instances.json").write_text(text)
    result = labelprep("validate", tmp_path / "set", "--layout", "coco")
    assert result.code == 2
    assert told in result.err
    assert "Traceback" not in result.err


def test_run_lengths_that_do_not_fill_the_image_are_findings(tmp_path):
    runs = [{"counts": c, "size": [HEIGHT, WIDTH]} for c in ([5], [-3, 9], [10**30], "abc", "\u20ac", None, [[1]])]
    runs += [{"counts": [4], "size": [2, 2]}, {"counts": [4], "size": None}]
    listed = [{"image_id": 0, "category_id": 7, "segmentation": run} for run in runs]
    coco(tmp_path / "set", annotations=[a for a in listed if a["segmentation"]["counts"] != [10**30]])
    result = labelprep("validate", tmp_path / "set", "--json")
    told = [f for f in result.findings if f["code"] == "broken-shape"]
    assert len(told) == 1
    assert told[0]["message"].startswith("8 shapes")


def test_run_lengths_of_a_bomb_are_not_unfolded(tmp_path):
    side = 10**6
    runs = {"counts": [0, side * side], "size": [side, side]}
    listed = [{"id": n, "file_name": f"{'ab'[n]}.jpg", "width": side, "height": side} for n in range(2)]
    shapes = [{"image_id": 0, "category_id": 7, "segmentation": runs}]
    coco(tmp_path / "set", images=listed, annotations=shapes)
    result = labelprep("validate", tmp_path / "set", "--json")
    assert [f["code"] for f in result.findings if f["severity"] == "error"] == ["too-many-pixels"] * 2


BOMB = (
    '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    '<annotations><image name="&b;" width="1" height="1"/></annotations>'
)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (BOMB, "entities are refused"),
        ("<annotations><image name='a.png'", "XML"),
        ("<annotations>" + "<a>" * 5000, "deep"),
        ("<annotations><image width='4'/></annotations>", "without a name"),
        ("<annotations><image name='a.png'/><track/></annotations>", "video"),
    ],
)
def test_hostile_xml_is_one_line(tmp_path, text, told):
    image(tmp_path / "set" / "images" / "a.png")
    (tmp_path / "set" / "annotations.xml").write_text(text)
    result = labelprep("validate", tmp_path / "set", "--classes", "preset:voc")
    assert result.code == 2
    assert told in result.err
    assert "Traceback" not in result.err


def test_the_proposed_classes_are_the_labels_in_their_order(tmp_path):
    labelme(
        tmp_path / "set",
        shapes=[{"label": n, "points": [[x, 1], [x + 3, 1], [x, 9]]} for x, n in ((1, "car"), (9, "bus"))],
    )
    (tmp_path / "set" / "labels.txt").unlink()
    result = labelprep("init", tmp_path / "set", "-o", tmp_path / "spec.yaml")
    assert result.code == 0, result.err
    assert load_table(tmp_path / "spec.classes.yaml").names == ("_background_", "bus", "car")


@pytest.mark.parametrize("name", ["semantic", "instance"])
def test_labelmes_own_examples_come_out_as_labelme_wrote_them(shared_data, tmp_path, name):
    """One pixel in 544,000 differs: Pillow of 2020 drew it; labelme's code with today's Pillow draws ours."""
    root = shared_data / f"voc_labelme/labelme_{name}_segmentation"
    assert labelprep("convert", root, "-o", tmp_path / "out", "--layout", "labelme").code == 0
    differing = 0
    for shipped in sorted((root / "data_dataset_voc" / "SegmentationClass").glob("*.png")):
        differing += int((np.asarray(Image.open(shipped)) != mask(tmp_path / "out", shipped.stem)).sum())
    assert differing == 1


def test_labelmes_coco_export_is_drawn_as_pycocotools_draws_it(shared_data, tmp_path, capsys):
    from pycocotools import mask as rle
    from pycocotools.coco import COCO

    root = shared_data / "voc_labelme/labelme_instance_segmentation/data_dataset_coco"
    assert labelprep("convert", root, "-o", tmp_path / "out").code == 0
    read = COCO(root / "annotations.json")
    for number in read.getImgIds():
        told = read.loadImgs(number)[0]
        expected = np.zeros((told["height"], told["width"]), np.uint8)
        for item in read.loadAnns(read.getAnnIds(number)):
            counts = read.annToRLE(item)
            flat = np.repeat(np.arange(len(runs := _counts(counts))) % 2, runs)
            expected[flat.reshape(told["width"], told["height"]).T > 0] = item["category_id"]
            assert rle.area(counts) == flat.sum()
        assert (mask(tmp_path / "out", told["file_name"].removesuffix(".jpg")) == expected).all()
    capsys.readouterr()


def _counts(runs):
    from labelprep.formats.polygons.rle import counts_of

    return counts_of(runs["counts"].decode())


def test_images_may_lie_elsewhere(tmp_path):
    labelme(tmp_path / "set", imageWidth=None, imageHeight=None)
    (tmp_path / "set" / "a.jpg").unlink()
    image(tmp_path / "elsewhere" / "a.jpg")
    words = ("--layout", "labelme", "--images", tmp_path / "elsewhere", "--json")
    result = labelprep("validate", tmp_path / "set", *words)
    assert result.code == 0, result.err
    assert result.summary["good"] == 1

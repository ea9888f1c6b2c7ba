"""Shapes to pixels: equal to the pixels that labelme, cityscapesScripts and pycocotools gave, and laws of drawing."""

import json
import os
import subprocess
import venv
from pathlib import Path

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from labelprep.errors import DamagedFileError
from labelprep.formats.class_tables import load_table
from labelprep.formats.polygons.cityscapes import read_cityscapes
from labelprep.formats.polygons.coco import shape_of
from labelprep.formats.polygons.collected import line_of, read_collected
from labelprep.formats.polygons.labelme import read_labelme
from labelprep.formats.polygons.rle import by_columns, by_rows, counts_of
from labelprep.formats.polygons.shapes import Drawing, Shape
from labelprep.formats.polygons.yolo import read_yolo
from labelprep.steps.labels import names_of
from labelprep.steps.rasterise import rasterise

HERE = Path(__file__).parent / "polygons"
PEERS = json.loads((HERE / "peers.json").read_text())
WIDTH, HEIGHT = SIZE = tuple(PEERS["size"])


def cases(tool):
    return [pytest.param(case, id=f"{tool}-{n}") for n, case in enumerate(PEERS[tool])]


def pixels(case):
    values, lengths = np.array(case["runs"]).T
    return np.repeat(values, lengths).reshape(HEIGHT, WIDTH)


def drawn(drawing, ids, **how):
    """The id of every pixel, where the label of each shape has the id that `ids` gives."""
    codes, labels = rasterise(drawing, SIZE, by_fifths=how.pop("by_fifths", False), **how)
    return np.array([0, *(ids(label) for label in labels)])[codes]


@pytest.mark.parametrize("case", cases("labelme"))
def test_labelme_draws_the_same(case):
    drawing = read_labelme(json.dumps(case["annotation"]).encode())
    assert drawing.size == SIZE
    assert (drawn(drawing, lambda label: PEERS["labels"].index(label) + 1) == pixels(case)).all()


@pytest.mark.parametrize("case", cases("cityscapes-polygons"))
def test_cityscapes_scripts_draw_the_same(case):
    table = load_table("preset:cityscapes")
    names = names_of(table)
    ids = {c.name: c.source_ids[0] for c in (*table.classes, *table.ignored)}
    drawing = read_cityscapes(json.dumps(case["annotation"]).encode())

    def published(label):
        return ids[label] if label in ids else ids[label.removesuffix("group")]

    assert (drawn(drawing, published, undrawn=names.undrawn) == pixels(case)).all()


@pytest.mark.parametrize("case", cases("coco"))
def test_pycocotools_draw_the_same(case):
    names = {str(n): str(n) for n in range(1, 5)}
    shapes = ",".join(line_of(shape_of(item, names)) for item in case["annotation"]["annotations"])
    drawing = read_collected(f'{{"size":[{WIDTH},{HEIGHT}],"shapes":[{shapes}]}}'.encode(), "COCO JSON")
    assert (drawn(drawing, int, by_fifths=True) == pixels(case)).all()


@pytest.mark.chaos
def test_the_tools_still_give_these_pixels(tmp_path):
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    for words in (["cityscapesscripts", "pycocotools", "pillow"], ["--no-deps", "labelme"]):
        subprocess.run([python, "-m", "pip", "install", "-q", *words], check=True)
    subprocess.run([python, HERE / "make.py", tmp_path / "peers.json"], check=True)
    assert json.loads((tmp_path / "peers.json").read_text()) == PEERS


masks = (
    st.integers(1, 12)
    .flatmap(lambda width: st.lists(st.lists(st.booleans(), min_size=width, max_size=width), min_size=1, max_size=12))
    .map(np.array)
)


@given(masks)
def test_run_lengths_are_those_of_pycocotools(mask):
    height, width = mask.shape
    runs = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    text = runs["counts"].decode()
    assert (by_columns(text, width, height) == mask).all()
    assert (by_columns(counts_of(text), width, height) == mask).all()
    assert coco_mask.frPyObjects({"counts": counts_of(text), "size": [height, width]}, height, width) == runs
    assert (by_rows(counts_of(text), height, width) == mask.T).all()


@given(st.text(st.characters(min_codepoint=32, max_codepoint=127), max_size=20))
def test_broken_run_lengths_never_give_pixels(text):
    try:
        counts = counts_of(text)
    except ValueError:
        return
    if counts and sum(counts) == 12 and min(counts) >= 0:
        assert by_columns(text, 4, 3).shape == (3, 4)
    else:
        with pytest.raises(ValueError, match="run lengths"):
            by_columns(text, 4, 3)


eighths = st.integers(8, 160).map(lambda n: n / 8)
outlines = st.lists(st.tuples(eighths, eighths), min_size=3, max_size=7).map(np.array)


def polygons(*parts):
    return Drawing("test", SIZE, tuple(Shape(label, "polygon", (points,)) for label, points in parts))


@settings(max_examples=60)
@given(outlines, st.integers(0, 12), st.integers(0, 8), st.booleans())
def test_a_shape_moved_by_whole_pixels_moves_its_pixels(points, right, down, by_fifths):
    here, _ = rasterise(polygons(("a", points)), SIZE, by_fifths=by_fifths)
    there, _ = rasterise(polygons(("a", points + np.array([right, down]))), SIZE, by_fifths=by_fifths)
    assert (np.roll(here, (down, right), (0, 1)) == there).all()


@settings(max_examples=60)
@given(outlines, outlines, st.booleans())
def test_later_shapes_lie_over_earlier_ones(first, second, by_fifths):
    alone = [rasterise(polygons(("a", points)), SIZE, by_fifths=by_fifths)[0] > 0 for points in (first, second)]
    both, labels = rasterise(polygons(("a", first), ("b", second)), SIZE, by_fifths=by_fifths)
    assert labels == ("a", "b")
    assert (both == np.where(alone[1], 2, np.where(alone[0], 1, 0))).all()


@given(masks)
def test_holes_of_run_lengths_show_what_lies_below(mask):
    height, width = mask.shape
    whole = {"label": "a", "parts": [[-1, -1, width + 1, -1, width + 1, height + 1, -1, height + 1]]}
    text = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode()
    over = {"label": "b", "counts": text, "size": [height, width]}
    data = orjson.dumps({"size": [width, height], "shapes": [whole, over]})
    codes, _ = rasterise(read_collected(data, "COCO JSON"), (width, height), by_fifths=True)
    assert (codes == np.where(mask, 2, 1)).all()


def test_two_parts_of_a_polygon_are_united_and_so_is_their_overlap():
    square = [2, 2, 10, 2, 10, 10, 2, 10]
    moved = [v + 4 for v in square]
    data = orjson.dumps({"size": SIZE, "shapes": [{"label": "a", "parts": [square, moved]}]})
    codes, _ = rasterise(read_collected(data, "COCO JSON"), SIZE, by_fifths=True)
    assert codes[2:10, 2:10].all()
    assert codes[6:14, 6:14].all()
    assert codes.sum() == 64 + 64 - 16


def test_many_labels_need_more_than_a_byte():
    parts = [(str(n), np.array([[n % 40, n // 40], [n % 40, n // 40], [n % 40, n // 40.0]])) for n in range(300)]
    codes, labels = rasterise(polygons(*parts), SIZE, by_fifths=False)
    assert len(labels) == 300
    assert codes[7, 19] == 300
    assert codes[0, 0] == 1


def test_small_segments_of_yolo_lie_over_large_ones():
    big, small = "0 0 0 1 0 1 1 0 1", "1 0.25 0.25 0.5 0.25 0.5 0.5 0.25 0.5"
    for order in ((big, small), (small, big)):
        codes, labels = rasterise(read_yolo("\n".join(order).encode(), (8, 8)), (8, 8), by_fifths=False)
        ids = np.array([9, *map(int, labels)])[codes]
        assert labels == ("0", "1")
        assert (ids == 1).sum() == 9
        assert (ids[2:5, 2:5] == 1).all()
        assert (ids == 0).sum() == 64 - 9


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("0 0.5 0.5 0.2 0.2", "shape-not-drawn"),
        ("0 0.5 0.5", "too-few-points"),
        ("0 0.5 0.5 0.1 0.1 0.9", "broken-shape"),
        ("0 nan 0.5 0.1 0.1 0.9 0.4", "broken-shape"),
        ("0 1e400 0.5 0.1 0.1 0.9 0.4", "broken-shape"),
        ("0 12 5 100 1 90 4", "broken-shape"),
        ("0 a b c d e f", "broken-shape"),
        ("0 0 0 1 1 1 0 0 1", "self-crossing"),
    ],
)
def test_faulty_segments_are_told(row, code):
    assert set(read_yolo(row.encode(), (8, 8)).faults.found) == {code}


@pytest.mark.parametrize("text", ["car 0 0 1 0 1 1", "-1 0 0 1 0 1 1", "{}", "\xff"])
def test_texts_that_are_no_segments(text):
    with pytest.raises(DamagedFileError):
        read_yolo(text.encode("latin-1"), (8, 8))


@pytest.mark.parametrize(
    ("shape", "code"),
    [
        ({"points": [[0, 0], [4, 4]]}, "too-few-points"),
        ({"points": [[0, 0], [4, 4], [4, 0], [0, 4]]}, "self-crossing"),
        ({"points": [[0, 0], [4, None], [4, 0]]}, "broken-shape"),
        ({"points": [[0, 0], [4], [4, 0]]}, "broken-shape"),
        ({"points": [[0, 0], [1e30, 4], [4, 0]]}, "broken-shape"),
        ({"points": [[0, 0], [999999, 4], [4, 0]] * 9}, "broken-shape"),
        ({"points": "all of it"}, "broken-shape"),
        ({"points": []}, "too-few-points"),
        ({}, "broken-shape"),
        ({"shape_type": "circle", "points": [[0, 0]]}, "too-few-points"),
        ({"shape_type": "spiral", "points": [[0, 0], [1, 1]]}, "shape-not-drawn"),
        ({"shape_type": "mask", "points": [[0, 0], [1, 1]], "mask": "AAAA"}, "broken-shape"),
        ({"shape_type": "mask", "points": [[0, 0], [1, 1]]}, "broken-shape"),
    ],
)
def test_faulty_shapes_are_told(shape, code):
    data = json.dumps({"shapes": [{"label": "a"} | shape], "imageWidth": 8, "imageHeight": 8}).encode()
    assert set(read_labelme(data).faults.found) == {code}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b'{"shapes": {}}',
        b'{"shapes": [], "imageWidth": NaN, "imageHeight": 3}',
        b'{"shapes": [], "imageWidth": -1, "imageHeight": 3}',
        b'{"shapes": [], "imageWidth": 1.5, "imageHeight": 3}',
        b'{"shapes": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b"\xff\xfe\x00",
    ],
)
def test_hostile_files_are_refused(data):
    with pytest.raises(DamagedFileError):
        read_labelme(data)


def test_ten_thousand_broken_shapes_are_one_finding():
    shapes = [{"label": "a", "points": [[0, 0]]}] * 10_000
    found = read_labelme(json.dumps({"shapes": shapes}).encode()).faults.findings()
    assert [f.code for f in found] == ["too-few-points"]
    assert "10,000 shapes" in found[0].message


def test_a_shape_that_leaves_the_image_is_told_and_clipped():
    square = np.array([[-20, -20], [20, -20], [20, 20], [-20, 20.0]])
    drawing = polygons(("a", square), ("b", np.array([[900, 900.0]] * 3)))
    codes, _ = rasterise(drawing, SIZE, by_fifths=True)
    assert codes[:20, :20].all()
    assert codes.sum() == 400
    assert drawing.faults.found["outside-image"][0] == 2

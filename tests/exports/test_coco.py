"""COCO's stuff, decoded here letter by letter as cocoapi's C code does it."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from labelprep.exports.coco import stuff
from labelprep.prepared import Prepared
from tests.dataset import Dataset, blocks, labelprep


def counts_of(text):
    """Run lengths of a text, one letter after another."""
    counts, place = [], 0
    while place < len(text):
        value = shift = 0
        more = True
        while more:
            letter = ord(text[place]) - 48
            value |= (letter & 31) << shift
            more, place, shift = bool(letter & 32), place + 1, shift + 5
            if not more and letter & 16:
                value |= -1 << shift
        counts.append(value + counts[-2] if len(counts) > 2 else value)
    return counts


def inside(segmentation):
    """Where an annotation is, (H, W) bool."""
    height, width = segmentation["size"]
    flat = np.concatenate([np.full(n, i % 2 == 1) for i, n in enumerate(counts_of(segmentation["counts"]))])
    flat = np.concatenate([flat, np.zeros(height * width - flat.size, bool)])
    return flat.reshape(width, height).T


@given(
    ids=hnp.arrays(
        np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=40), elements=st.sampled_from([0, 1, 7, 255])
    )
)
def test_annotations_are_the_mask(ids):
    seen = np.full(ids.shape, 255)
    for annotation in stuff(ids, 8):
        where = inside(annotation["segmentation"])
        assert (seen[where] == 255).all()
        seen[where] = annotation["category_id"] - 1
        assert annotation["area"] == where.sum()
        left, top, width, height = annotation["bbox"]
        box = np.zeros_like(where)
        box[top : top + height, left : left + width] = True
        rows, columns = np.nonzero(where)
        assert (rows.min(), columns.min(), rows.max() + 1, columns.max() + 1) == (top, left, top + height, left + width)
        assert not (where & ~box).any()
    assert np.array_equal(seen, ids)


def test_long_runs_take_more_letters():
    ids = np.zeros((3000, 3000), np.uint8)
    ids[:, 1500:] = 1
    (first, second) = stuff(ids, 2)
    assert counts_of(second["segmentation"]["counts"]) == [4_500_000, 4_500_000]
    assert counts_of(first["segmentation"]["counts"]) == [0, 4_500_000, 4_500_000]


@pytest.fixture
def exported(tmp_path):
    data = Dataset(tmp_path / "data")
    for number, key in enumerate(("train/a b", "train/drive/e", "val/f")):
        data.pair(key, data.colors[blocks(number, ids=6)])
    out = tmp_path / "out"
    assert labelprep("convert", data.root, "-o", out, "--layout", "mirror", "--ignore", "void").code == 0
    done = labelprep("export", out, "--layout", "coco", "-o", tmp_path / "ex")
    assert done.code == 0, done.err
    return Prepared.open(out), tmp_path / "ex"


def test_a_file_for_each_split_with_images_categories_and_ids(exported):
    prepared, out = exported
    seen = {}
    for split in ("train", "val"):
        about = json.loads((out / f"annotations/stuff_{split}.json").read_text())
        assert [(c["id"], c["name"], tuple(c["color"])) for c in about["categories"]] == [
            (c.id + 1, c.name, c.color) for c in prepared.table.classes
        ]
        assert [a["id"] for a in about["annotations"]] == list(range(1, len(about["annotations"]) + 1))
        for image in about["images"]:
            with Image.open(out / "images" / split / image["file_name"]) as picture:
                assert picture.size == (image["width"], image["height"])
            ids = np.full((image["height"], image["width"]), 255)
            for annotation in about["annotations"]:
                if annotation["image_id"] == image["id"]:
                    ids[inside(annotation["segmentation"])] = annotation["category_id"] - 1
            seen[f"{split}/{image['file_name'].removesuffix('.png')}"] = ids
    assert seen.keys() == {row.key for row in prepared.rows()}
    for key, ids in seen.items():
        assert np.array_equal(ids, np.asarray(Image.open(prepared.mask_path(key))))

import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labelprep.drawing import CLASSES, write_sample

DATA = Path(__file__).parents[2] / "data"


def pixels(path):
    with Image.open(path) as image:
        assert image.mode == "RGB"
        return np.asarray(image)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    runpy.run_path(str(DATA / "draw.py"))["draw"](folder)
    return folder


def test_the_committed_sample_is_what_draw_py_draws(drawn):
    names, committed = (sorted(p.relative_to(d) for p in (d / "sample").rglob("*.*")) for d in (drawn, DATA))
    assert names == committed
    assert len(names) == 64
    for name in names:
        assert np.array_equal(pixels(drawn / name), pixels(DATA / name)), name


def test_the_committed_class_table_is_what_draw_py_writes(drawn):
    table = Path("classes") / "street.yaml"
    assert (drawn / table).read_bytes() == (DATA / table).read_bytes().replace(b"\r\n", b"\n")


def test_every_class_is_in_both_splits_of_the_sample():
    for split in ("train", "val"):
        seen = set()
        for path in (DATA / "sample" / "masks" / split).glob("*.png"):
            seen |= {tuple(c) for c in np.unique(pixels(path).reshape(-1, 3), axis=0).tolist()}
        assert seen == set(CLASSES.values())


def test_a_larger_sample_begins_with_the_smaller_one(tmp_path):
    keys = write_sample(tmp_path / "a", 2, 0, (48, 64), seed=5)
    assert keys == ("train/scene_0001", "train/scene_0002")
    more = write_sample(tmp_path / "b", 2, 1, (48, 64), seed=5)
    assert more == (*keys, "val/scene_0003")
    for key in keys:
        for kind in ("images", "masks"):
            a, b = (tmp_path / d / kind / f"{key}.png" for d in "ab")
            assert a.read_bytes() == b.read_bytes()

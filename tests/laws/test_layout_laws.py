"""Round trips: what `export` wrote in a layout, `convert` reads back, as far as the layout says that it carries it.

What a layout carries stands in its `keeps`, what it does not in its `loses`, both in the table of docs/formats.md. The
laws hold it to both: what is kept is equal, and a layout that keeps all says of nothing that it is lost.
"""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from labelprep.exports import LAYOUTS
from labelprep.exports.values import EVERYTHING_KEPT
from labelprep.formats.layouts import LAYOUTS as READ
from labelprep.prepared import Prepared
from tests.dataset import Dataset, labelprep

IGNORED = "void"
NAMES = ("road", "traffic sign", "Straße", "background", "sky-2", "a_b")
COLORS = ((128, 64, 128), (220, 220, 0), (70, 130, 180), (1, 1, 1), (0, 0, 142), (107, 142, 35))
STEMS = ("a", "b c", "drive/d", "v1.5/e.f", "x-1/y_2/z", "ü")
FOLDERS = {"cityscapes": "all/"}  # what a layout puts in front of names


class Set:
    """A prepared set: its samples by split and name, without what a layout puts in front of names."""

    def __init__(self, out, folder=""):
        self.prepared = Prepared.open(out)
        self.table = self.prepared.table
        self.samples = {}
        for split in self.prepared.splits() or (None,):
            for row in self.prepared.rows(split):
                name = row.key.removeprefix(folder).removeprefix(f"{split}/").removeprefix(f"{split}__")
                self.samples[split or "train", name.removeprefix(folder)] = row

    def ids(self, row):
        return np.asarray(Image.open(self.prepared.mask_path(row.key)))


@st.composite
def sets(draw):
    """(classes with colours, key -> ids): splits as folders or none, with and without ignored pixels."""
    count = draw(st.integers(1, len(NAMES)))
    order = draw(st.permutations(range(len(NAMES))))[:count]
    classes = [(NAMES[i], COLORS[i]) for i in order] + [(IGNORED, (0, 0, 0))]
    splits = draw(st.sampled_from([("",), ("train/", "val/"), ("train/", "val/", "test/")]))
    stems = draw(st.lists(st.sampled_from(STEMS), min_size=1, max_size=3, unique=True))
    top = count + draw(st.booleans())  # the last one is ignored
    rng = np.random.default_rng(draw(st.integers(0, 9)))
    return classes, {f"{split}{stem}": rng.integers(0, top, (6, 5)) for split in splits for stem in stems}


def converted(drawn, place):
    """The set as `convert` makes it."""
    classes, masks = drawn
    data = Dataset(place / "data", classes)
    for number, (key, ids) in enumerate(masks.items()):
        data.image(key, 6, 5, seed=number)
        data.mask(key, data.colors[ids])
    words = ["--layout", "mirror", "--ignore", IGNORED, "--scheduler", "inline", "-q"]
    done = labelprep("convert", data.root, "-o", place / "one", *words)
    assert done.code == 0, done.err
    return place / "one"


def law(layout, prepared, place):
    """Exports a set, reads it back and compares."""
    done = labelprep("export", prepared, "--layout", layout, "-o", place / "export", "-q")
    assert done.code == 0, done.err
    keeps = LAYOUTS[layout].keeps
    # a class as any other, where the layout cannot say that it is ignored
    words = [] if "ignored" in keeps else ["--ignore", IGNORED]
    one = Set(prepared)
    # what `convert` cannot tell from foreground written as 255, it asks
    if any(set(np.unique(one.ids(row)).tolist()) == {0, 255} for row in one.samples.values()):
        words += ["--map", "255=ignore"]
    if any(len(set(c.color)) == 1 for c in one.table.classes):  # a gray value may be an id or a colour
        words += ["--palette-meaning", "index"]
    done = labelprep("convert", place / "export", "-o", place / "two", "--scheduler", "inline", "-q", *words)
    assert done.code == 0, done.err + done.out
    two = Set(place / "two", FOLDERS.get(layout, ""))
    compare(one, two, keeps, anything=layout == "coco" and "background" in one.table.names)


def compare(one, two, keeps, *, anything):
    """Holds every kept thing of the first set against the second; `anything` may become of ignored pixels."""
    flat, got = (
        {(split, name.replace("/", "__")): row for (split, name), row in each.samples.items()} for each in (one, two)
    )
    assert set(got) == set(flat)
    if "keys" in keeps:
        assert set(two.samples) == set(one.samples)
    if "names" in keeps:
        mine, theirs = (each.table.names for each in (one, two))
        assert mine == theirs if "ids" in keeps else set(mine) | {"background"} == set(theirs) | {"background"}
    if "colours" in keeps:
        assert [c.color for c in one.table.classes] == [c.color for c in two.table.classes]
    words = [np.array([*each.table.names, *[""] * (256 - len(each.table))]) for each in (one, two)]
    for sample, row in flat.items():
        mine, theirs = one.ids(row), two.ids(got[sample])
        # where ids are lost, the same classes under others
        same = mine == theirs if "ids" in keeps else words[0][mine] == words[1][theirs]
        assert (same | (anything & (mine == 255))).all(), sample
        assert two.prepared.image_path(got[sample]) is not None
    assert anything or one.prepared.totals.ignored == two.prepared.totals.ignored


EXAMPLE = (
    [(name, color) for name, color in zip(NAMES, COLORS, strict=True) if name != "background"] + [(IGNORED, (0, 0, 0))],
    {
        key: np.random.default_rng(number).integers(0, 6, (6, 5))
        for number, key in enumerate(("train/a", "train/drive/b c", "train/v1.5/e.f", "val/a", "val/drive/f", "test/ü"))
    },
)


def test_every_layout_that_is_written_is_read():
    assert set(LAYOUTS) <= set(READ)


def test_a_layout_says_what_it_loses():
    for name, layout in LAYOUTS.items():
        assert set(layout.keeps) <= set(EVERYTHING_KEPT), name
        assert bool(layout.loses) == (set(layout.keeps) != set(EVERYTHING_KEPT)), name


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    return converted(EXAMPLE, tmp_path_factory.mktemp("carried"))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_export_is_read_back(layout, example, tmp_path):
    law(layout, example, tmp_path)


def law_of(layout, drawn):
    with tempfile.TemporaryDirectory() as folder:
        law(layout, converted(drawn, Path(folder)), Path(folder))


@settings(max_examples=6)
@given(layout=st.sampled_from(sorted(LAYOUTS)), drawn=sets())
def test_import_of_export_is_the_set(layout, drawn):
    law_of(layout, drawn)


@pytest.mark.chaos
@pytest.mark.parametrize("layout", LAYOUTS)
@settings(max_examples=40)
@given(drawn=sets())
def test_import_of_export_is_the_set_for_many(layout, drawn):
    law_of(layout, drawn)

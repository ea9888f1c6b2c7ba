"""`init` writes a spec that runs as it stands, or says the one thing that only the owner can know."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labelprep.formats.class_tables import load_table
from labelprep.prepared import Prepared
from labelprep.spec import read_spec
from tests.dataset import Dataset, blocks, labelprep, tree

SHARED = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Dataset(tmp_path / "data")


def run_as_it_stands(spec):
    done = labelprep("run", spec, "-q")
    assert done.code == 0, done.err
    return Prepared.open(Path("build") / spec.removesuffix(".yaml") / "masks")


def test_a_table_beside_the_data_is_taken_and_void_is_ignored(data):
    for key in "abcde":
        data.pair(key, data.colors[blocks(ids=6)])
    made = labelprep("init", "data", "-o", "mine.yaml", "-q")
    assert made.code == 0, made.err
    assert "wrote mine.yaml" in made.out
    assert "next: labelprep run mine.yaml" in made.out
    spec = read_spec("mine.yaml")
    assert (str(spec.dataset.classes), spec.dataset.ignore) == ("data/class_dict.csv", ("void",))
    prepared = run_as_it_stands("mine.yaml")
    assert prepared.table.names == ("road", "building", "sky", "car", "person")
    assert prepared.totals.ignored > 0


def test_without_a_table_the_colours_found_become_one(data):
    (data.root / "class_dict.csv").unlink()
    for key in "abcde":
        data.pair(key)
    made = labelprep("init", "data", "-o", "mine.yaml", "-q")
    assert made.code == 0, made.err
    assert "wrote mine.yaml and mine.classes.yaml" in made.out
    table = load_table("mine.classes.yaml")
    assert {c.color for c in table.classes} == {tuple(color) for color in data.colors[:5].tolist()}
    assert "# 720 pixels in 5 masks, such as masks/a.png" in Path("mine.classes.yaml").read_text("utf-8")
    prepared = run_as_it_stands("mine.yaml")
    rgb = np.asarray(Image.open(data.root / "masks/a.png"))
    ids = np.asarray(Image.open(prepared.mask_path("a")))
    assert np.array_equal(np.array([c.color for c in prepared.table.classes], np.uint8)[ids], rgb)


def test_colours_of_a_well_known_set_are_recognised(data):
    (data.root / "class_dict.csv").unlink()
    colors = np.array([c.color for c in load_table("preset:cityscapes-trainids").classes], np.uint8)
    for key in "abcde":
        data.pair(key, colors[blocks()])
    made = labelprep("init", "data", "-o", "mine.yaml", "-q")
    assert made.code == 0, made.err
    assert read_spec("mine.yaml").dataset.classes == "preset:cityscapes-trainids"
    assert not Path("mine.classes.yaml").exists()
    run_as_it_stands("mine.yaml")


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ([0, 1, 2, 4, 255], ("class-0", "class-1", "class-2", "class-3", "class-4")),
        ([0, 255, 0, 255, 0], ("background", "foreground")),
        ([0, 50, 100, 150, 200], ("class-0", "class-50", "class-100", "class-150", "class-200")),
    ],
)
def test_gray_masks_become_ids(data, values, names):
    (data.root / "class_dict.csv").unlink()
    gray = np.array(values, np.uint8)[blocks()]
    for key in "abcde":
        data.pair(key, gray)
    made = labelprep("init", "data", "-o", "mine.yaml", "-q")
    assert made.code == 0, made.err
    prepared = run_as_it_stands("mine.yaml")
    assert prepared.table.names == names
    ids = np.asarray(Image.open(prepared.mask_path("a")))
    assert len(np.unique(ids)) == len(set(values))


def test_smeared_masks_are_the_owners_to_decide_and_nothing_is_written(data):
    (data.root / "class_dict.csv").unlink()
    data.pair("a", ending=".jpg")
    before = tree(Path())
    made = labelprep("init", "data", "-o", "mine.yaml")
    assert (made.code, tree(Path())) == (2, before)
    assert "the masks are lossy pictures" in made.err
    assert "only you can know" in made.err
    assert "--classes FILE" in made.err


def test_an_order_of_channels_that_the_colours_do_not_tell_is_the_owners_to_decide(data):
    (data.root / "class_dict.csv").unlink()
    voc = np.array([[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0], [0, 0, 128]], np.uint8)
    data.pair("a", voc[blocks()])
    made = labelprep("init", "data", "-o", "mine.yaml", "-q")
    assert made.code == 0, made.err
    assert read_spec("mine.yaml").dataset.classes == "preset:voc"
    assert "--color-order" in made.out
    assert "decide these in mine.yaml" in made.out


def test_errors_of_the_first_look_are_told_with_the_mend(data):
    data.pair("a")
    odd = data.colors[blocks()]
    odd[0, 0] = (1, 2, 3)
    data.pair("b", odd)
    made = labelprep("init", "data", "-o", "mine.yaml", "-q")
    assert made.code == 0
    assert "1 error" in made.out
    assert "decide these in mine.yaml, then: labelprep run mine.yaml" in made.out


@pytest.mark.parametrize("name", ["mine.yaml", "mine.classes.yaml"])
def test_nothing_is_ever_overwritten(data, name):
    data.pair("a")
    Path(name).write_text("dear")
    made = labelprep("init", "data", "-o", "mine.yaml")
    assert made.code == 2
    assert f"{name}: exists, and init never overwrites" in made.err
    assert Path(name).read_text() == "dear"


def test_names_cannot_break_out_of_the_comments(data):
    (data.root / "class_dict.csv").unlink()
    for key in "abcd":
        data.pair(f"x\nversion: 7 #{key}")
    made = labelprep("init", "data", "-o", "mine.yaml", "-q")
    assert made.code == 0, made.err
    assert read_spec("mine.yaml").version == 1
    assert len(load_table("mine.classes.yaml")) == 5


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the real datasets in ../shared/data")
@pytest.mark.parametrize(
    ("name", "ignored"),
    [("uuad", ("Unlabelled",)), ("camseq", ("Void",)), ("quintal", ()), ("voc_labelme/SegmentationClassAug", ())],
)
def test_specs_for_real_sets_are_taken_without_editing(name, ignored, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = labelprep("init", SHARED / name, "-o", "mine.yaml", "-q", "--limit", "12")
    assert made.code == 0, made.err
    assert read_spec("mine.yaml").dataset.ignore == ignored
    prepared = run_as_it_stands("mine.yaml")
    assert prepared.totals.pixels.sum() > 0


def test_the_schema_beside_a_spec_is_named_for_editors(data):
    data.pair("a")
    Path("spec.schema.json").write_text(labelprep("schema").out, encoding="utf-8")
    assert labelprep("init", "data", "-o", "mine.yaml", "-q").code == 0
    assert Path("mine.yaml").read_text("utf-8").startswith("# yaml-language-server: $schema=spec.schema.json\n")
    assert read_spec("mine.yaml").stages


@pytest.mark.parametrize(
    ("keys", "note"),
    [
        (("a_1", "a_2", "b_1"), "group_by: '^[^_]+' would keep frames together whose names begin alike: 2 groups of 3"),
        (("film_1", "film_2"), "No group_by: all names begin with 'film', one group for 2 splits."),
        (("a", "b"), "No group_by: no two names begin alike."),
        (("_a", "b_1", "b_2"), "No group_by: there is no common beginning of names to go by."),
    ],
)
def test_names_are_only_proposed_as_groups_where_they_make_some(data, keys, note):
    for key in keys:
        data.pair(key)
    assert labelprep("init", "data", "-o", "mine.yaml", "-q").code == 0
    assert f"  # {note}" in Path("mine.yaml").read_text("utf-8")
    if note.startswith("group_by"):
        assert labelprep("convert", "data", "-o", "out").code == 0
        assert labelprep("split", "out", "--group-by", "^[^_]+").code == 0

"""A first look: what is there, counted, without writing or a class table."""

import numpy as np
import pytest

from labelprep.formats.class_tables import load_table
from labelprep.inspection import MOST_COLORS, inspect_dataset
from labelprep.spec import DatasetSpec
from labelprep.steps.discover import discover
from tests.dataset import COLORS, Dataset, blocks, labelprep, tree


@pytest.fixture
def data(tmp_path):
    made = Dataset(tmp_path / "data")
    made.pair("train/a", COLORS[blocks(ids=6)])
    made.pair("train/b", COLORS[blocks(1, ids=2)])
    made.mask("val/c", blocks(2, height=8, width=12, ids=3))
    return made


def look(data, tmp_path, table=None, **options):
    plan = discover(DatasetSpec(root=data.root), tmp_path / "plan")
    options = {"max_pixels": 10**6, "on_mask": lambda done, total: None} | options
    return inspect_dataset(plan, table, **options)


def test_pixels_and_masks_of_every_value_are_counted(data, tmp_path):
    found = look(data, tmp_path)
    pixels = np.bincount(blocks(ids=6).ravel(), minlength=6) + np.bincount(blocks(1, ids=2).ravel(), minlength=6)
    rows = {tuple(r["value"]): r for r in found["values"] if r["kind"] == "color"}
    assert {color: r["pixels"] for color, r in rows.items()} == dict(
        zip(map(tuple, COLORS.tolist()), pixels, strict=True)
    )
    assert [rows[tuple(color)]["masks"] for color in COLORS.tolist()] == [2, 2, 1, 1, 1, 1]
    ids = {r["value"]: r["pixels"] for r in found["values"] if r["kind"] == "id"}
    assert ids == dict(enumerate(np.bincount(blocks(2, height=8, width=12, ids=3).ravel()).tolist()))
    assert all("class" not in r for r in found["values"])
    assert rows[tuple(COLORS[2].tolist())]["example"] == "masks/train/a.png"


def test_modes_sizes_pairs_and_splits_are_counted(data, tmp_path):
    found = look(data, tmp_path)
    assert (found["masks"], found["pairs"], found["looked_at"]) == (3, 2, 3)
    assert found["modes"] == {"PNG RGB": 2, "PNG L": 1}
    assert found["sizes"] == {"32x24": 2, "12x8": 1}
    assert found["splits"] == {"train": 2, "val": 1}
    assert found["class_tables"]


def test_with_a_table_values_have_names_and_masks_vote_for_an_order(data, tmp_path):
    data.mask("train/d", np.ascontiguousarray(COLORS[blocks(3, ids=5)][..., ::-1]))
    found = look(data, tmp_path, load_table(str(data.root / "class_dict.csv"), ignore=("void",)))
    names = {tuple(r["value"]): r["class"] for r in found["values"] if r["kind"] == "color"}
    assert names[0, 0, 142] == "car"
    assert names[0, 0, 0] == "void"
    assert names[142, 0, 0] is None
    assert {r["value"]: r["class"] for r in found["values"] if r["kind"] == "id"}[1] == "building"
    assert found["color_order"] == {"rgb": 2, "either": 1, "bgr": 1}


def test_only_so_many_masks_are_opened_spread_evenly(data, tmp_path):
    for n in range(8):
        data.mask(f"val/x{n}")
    told = []
    found = look(data, tmp_path, looked_at=4, on_mask=lambda done, total: told.append((done, total)))
    assert (found["masks"], found["looked_at"]) == (11, 4)
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_files_that_cannot_be_read_are_listed_and_the_rest_is_counted(data, tmp_path):
    (data.root / "masks" / "train" / "a.png").write_bytes(b"")
    found = look(data, tmp_path)
    assert found["unreadable"] == ["masks/train/a.png: the file is empty"]
    assert sum(found["modes"].values()) == 2
    assert len(look(data, tmp_path, max_pixels=700)["unreadable"]) == 2


def test_beyond_a_thousand_values_every_further_one_is_counted_once(data, tmp_path):
    many = np.arange(2 * 24 * 32, dtype=np.uint32).reshape(2, 24, 32) + 1000
    rgb = np.stack([many & 255, many >> 8 & 255, np.full_like(many, 200)], -1).astype(np.uint8)
    for n in (0, 1, 1):
        data.mask(f"val/many{n}{len(list(data.root.rglob('many*')))}", rgb[n])
    found = look(data, tmp_path)
    assert len(found["values"]) == MOST_COLORS
    assert found["more_values"] == 6 + 3 + 2 * 24 * 32 - MOST_COLORS


def test_the_command_writes_nothing_and_shows_what_it_saw(data):
    before = tree(data.root)
    result = labelprep("inspect", data.root)
    assert (result.code, tree(data.root)) == (0, before)
    assert "3 masks, 2 with an image; train 2, val 1" in result.out
    assert "PNG RGB (2), PNG L (1)" in result.out
    assert labelprep("inspect", data.root, "--json").summary["color_order"]


def test_without_a_class_table_the_command_says_so_and_goes_on(data):
    (data.root / "class_dict.csv").unlink()
    result = labelprep("inspect", data.root)
    assert result.code == 0
    assert "no class table beside the data" in result.out

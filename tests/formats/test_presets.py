"""The presets against published copies of the same facts, wherever one is at hand."""

import csv
import re
from importlib import resources

import pytest

from labelprep.class_rows import voc_colormap
from labelprep.formats.class_tables import dump_table, load_table, presets, read_rows


def rows_of(name):
    return read_rows(f"preset:{name}").rows


@pytest.mark.parametrize("name", presets())
def test_every_preset_builds_with_ids_without_a_gap_and_names_two_sources(name):
    table = load_table(f"preset:{name}")
    assert [c.id for c in table.classes] == list(range(len(table)))
    text = (resources.files("labelprep.presets") / f"{name}.yaml").read_text("utf-8")
    head = " ".join(line.strip("# ") for line in text.splitlines() if line.startswith("#"))
    published = re.findall(r"\w+/[\w-]+, \S+\.(?:py|csv|txt|m|md)\b|label_colors\.txt|VOClabelcolormap\.m", head)
    assert len(set(published)) >= 2


@pytest.mark.parametrize(
    ("name", "classes", "ignored"),
    [
        ("voc", 21, ["void"]),
        ("camvid", 31, ["Void"]),
        ("camvid11", 11, ["Void"]),
        ("cityscapes-trainids", 19, ["void"]),
        ("ade20k", 150, ["other"]),
        ("drone", 24, []),
    ],
)
def test_presets_have_the_published_number_of_classes(name, classes, ignored):
    table = load_table(f"preset:{name}")
    assert (len(table), [c.name for c in table.ignored]) == (classes, ignored)


def test_voc_has_the_colours_of_the_voc_colormap_and_the_void_of_its_last_entry():
    table = load_table("preset:voc")
    assert [list(c.color) for c in table.classes] == voc_colormap()[:21].tolist()
    assert table.palette[255].tolist() == voc_colormap()[255].tolist() == [224, 224, 192]
    assert (table.palette == voc_colormap()).all()


def test_voc_has_the_names_of_torchvision_in_their_order():
    meta = pytest.importorskip("torchvision.models._meta")
    assert load_table("preset:voc").names[1:] == tuple(meta._VOC_CATEGORIES[1:])


def test_camvid_is_the_label_colors_file_of_the_dataset(shared_data):
    published = read_rows(shared_data / "camseq" / "label_colors.txt").rows
    assert [(r.name, r.colors) for r in rows_of("camvid")] == [(r.name, r.colors) for r in published]


def test_camvid_is_the_class_dict_of_another_repository(shared_data):
    path = shared_data / "badpng_tables" / "class_tables" / "mdarestani98_class_dict.csv"
    assert {(r.name, r.colors) for r in rows_of("camvid")} == {(r.name, r.colors) for r in read_rows(path).rows}


def test_camvid11_groups_every_colour_of_camvid_and_keeps_the_ids_of_segnet():
    table = load_table("preset:camvid11")
    assert table.names == (
        "Sky", "Building", "Pole", "Road", "Pavement", "Tree", "SignSymbol", "Fence", "Car", "Pedestrian", "Bicyclist"
    )  # fmt: skip
    assert table.source_ids == {**{i: i for i in range(11)}, 11: 255, 255: 255}
    assert set(table.color_ids) == set(load_table("preset:camvid").color_ids)
    sidewalk, truck, light = (0, 0, 192), (192, 128, 192), (0, 64, 64)
    assert [table.names[table.color_ids[c]] for c in (sidewalk, truck, light)] == ["Pavement", "Car", "SignSymbol"]


def test_the_eleven_classes_are_those_that_a_published_table_marks(shared_data):
    path = shared_data / "badpng_tables" / "class_tables" / "mdarestani98_class_dict.csv"
    with path.open(newline="") as file:
        marked = {tuple(int(r[c]) for c in "rgb") for r in csv.DictReader(file) if r["class_11"] == "1"}
    assert {c.color for c in load_table("preset:camvid11").classes} == marked


def test_cityscapes_is_the_label_table_of_torchvision():
    published = pytest.importorskip("torchvision.datasets.cityscapes").Cityscapes.classes
    for row, label in zip(rows_of("cityscapes"), published, strict=True):
        assert (row.name, row.id, row.ignore) == (label.name, label.id, label.train_id in (255, -1))
        assert row.colors in ((label.color,), ())
    left_out = [row.name for row in rows_of("cityscapes") if not row.colors]
    assert left_out == ["polegroup", "license plate"]


def test_cityscapes_becomes_the_train_ids_from_every_kind_of_file():
    published = pytest.importorskip("torchvision.datasets.cityscapes").Cityscapes.classes
    labels, trained = load_table("preset:cityscapes"), load_table("preset:cityscapes-trainids")
    for label in published:
        if label.id >= 0:
            assert labels.source_ids[label.id] == trained.source_ids[label.train_id] == label.train_id
        if 0 <= label.train_id < 255:
            assert labels.color_ids[label.color] == label.train_id
    assert -1 not in labels.source_ids
    assert labels.hash == trained.hash


def test_ade20k_moves_its_ids_down_by_one_and_ignores_zero():
    table = load_table("preset:ade20k")
    assert table.source_ids == {0: 255, 255: 255, **{i + 1: i for i in range(150)}}
    assert (table.names[0], table.names[-1], table.names[12]) == ("wall", "flag", "person")
    assert len({c.color for c in table.classes}) == 150
    assert [c.name for c in table.classes if not c.colors] == ["skyscraper"]


def test_drone_is_the_class_dict_of_another_repository(shared_data):
    path = shared_data / "badpng_tables" / "class_tables" / "kbali1297_class_dict_seg.csv"
    published = read_rows(path).rows
    assert [(r.name, r.colors, r.id) for r in rows_of("drone")] == [
        (r.name, r.colors, i) for i, r in enumerate(published)
    ]


def test_presets_are_written_in_the_dialect_that_they_are_read_from():
    text = dump_table("t.yaml", load_table("preset:drone"))[0].decode()
    shipped = (resources.files("labelprep.presets") / "drone.yaml").read_text("utf-8")
    assert text == shipped[shipped.index("classes:") :]

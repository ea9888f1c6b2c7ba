"""Class tables in JSON, YAML and Python, as their tools write them, and the messages for those that are damaged."""

import json

import pytest

from labelprep.errors import ClassTableError
from labelprep.formats.class_tables import load_table, read_rows

ROAD, SKY = (128, 64, 128), (70, 130, 180)
PLAIN = [("road", (), 0), ("sky", (), 1)]
COLORED = [("road", (ROAD,), None), ("sky", (SKY,), None)]
NUMBERED = [("road", (ROAD,), 0), ("sky", (SKY,), 1)]


@pytest.fixture
def table_file(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
        return path

    return write


def rows_of(path):
    return [(row.name, row.colors, row.id) for row in read_rows(path).rows]


def problems_of(path):
    with pytest.raises(ClassTableError) as caught:
        read_rows(path)
    return [line.removeprefix(f"{path}:") for line in caught.value.message.splitlines()]


COLORS = [list(ROAD), list(SKY)]
MMSEG = {"classes": ["road", "sky"], "palette": COLORS}
MMSEG_PY = f"""
import os
from mmseg.registry import DATASETS

class Street(Base):
    METAINFO = dict(classes=("road", "sky"), palette={COLORS})

    def __init__(self): os.system("false")
"""
HASTY = [
    {"png_index": 1, "class_name": "road", "color": "#804080", "class_type": "object"},
    {"png_index": 2, "class_name": "sky", "color": "#4682b4ff", "norder": 2.0},
]
SUPERVISELY = {
    "classes": [
        {"title": "road", "shape": "bitmap", "color": "#804080", "id": 77},
        {"title": "sky", "shape": "polygon", "color": "#4682B4"},
    ],
    "tags": [{"name": "night"}],
}
MAPILLARY = {
    "labels": [
        {"name": "road", "readable": "Road", "color": list(ROAD), "evaluate": True, "instances": False},
        {"name": "void", "readable": "Void", "color": [0, 0, 0], "evaluate": False},
        {"name": "sky", "readable": "Sky", "color": list(SKY), "evaluate": True},
    ],
    "version": "1.2",
}
NAMES = {"0": "road", "1": "sky"}


@pytest.mark.parametrize(
    ("name", "content", "rows"),
    [
        ("metainfo.json", MMSEG, COLORED),
        ("m.json", {"METAINFO": MMSEG}, COLORED),
        ("m.json", {"CLASSES": ["road", "sky"], "PALETTE": None}, [("road", (), None), ("sky", (), None)]),
        ("street.py", MMSEG_PY, COLORED),
        ("config.py", f"CLASSES = ('road', 'sky')\nPALETTE = {COLORS}\n", COLORED),
        ("config.py", f"metainfo: dict = {MMSEG}", COLORED),
        ("dataset_meta.json", {"label_map": NAMES, "segmentation_colors": COLORS, "background_label": "0"}, NUMBERED),
        ("dataset_meta.json", {"label_map": {"1": "sky", "0": "road"}, "segmentation_colors": COLORS}, NUMBERED[::-1]),
        ("dataset_meta.json", {"label_map": NAMES, "segmentation_colors": [None, list(SKY)]}, [PLAIN[0], NUMBERED[1]]),
        ("dataset_meta.json", {"labels": ["road", "sky"]}, PLAIN),
        ("id2label.json", NAMES, PLAIN),
        ("id2label.json", {"1": "sky", "0": "road"}, PLAIN[::-1]),
        ("label2id.json", {"road": 0, "sky": 1}, PLAIN),
        ("config.json", {"model_type": "segformer", "id2label": NAMES, "label2id": {"road": "0"}}, PLAIN),
        ("config.json", {"model_type": "segformer", "label2id": {"road": 0, "sky": 1}}, PLAIN),
        ("label_classes.json", HASTY, [("background", (), 0), ("road", (ROAD,), 1), ("sky", (SKY,), 2)]),
        ("label_classes.json", [{"png_index": 0, "name": "road"}, {"png_index": 1, "name": "sky"}], PLAIN),
        ("meta.json", SUPERVISELY, COLORED),
        ("config_v1.2.json", MAPILLARY, [COLORED[0], ("void", ((0, 0, 0),), None), COLORED[1]]),
        ("dataset.json", {"labels": {"road": 0, "sky": 1}, "channel_names": {"0": "R"}}, PLAIN),
        ("dataset.json", {"labels": {"road": "0", "sky": 1.0}}, PLAIN),
        ("dataset.json", {"labels": NAMES, "modality": {"0": "CT"}}, PLAIN),
        ("data.yaml", "path: .\nnames:\n  0: road\n  1: sky\n", PLAIN),
        ("street.yaml", "names: [road, sky]\nnc: 2\n", PLAIN),
        ("data.yaml", "names: {1: sky, 0: road}\nlabel_mapping:\n", PLAIN),
        ("t.json", {"classes": [{"name": "road", "color": "#804080"}, {"name": "sky", "color": list(SKY)}]}, COLORED),
        ("info.txt", json.dumps(MMSEG, indent=1), COLORED),
    ],
)
def test_tables_of_other_tools_are_told_by_their_content(table_file, name, content, rows):
    assert rows_of(table_file(name, content)) == rows


def test_what_no_table_of_ours_holds_is_listed(table_file):
    assert read_rows(table_file("meta.json", SUPERVISELY)).left_out == ("tags", "of the classes: shape, id")
    assert read_rows(table_file("a.json", HASTY)).left_out == ("class_type, norder",)
    assert read_rows(table_file("a.csv", "name,r,g,b,class_11\na,1,2,3,0\n")).left_out == ("columns class_11",)
    old = read_rows(table_file("dataset.json", {"labels": NAMES})).left_out
    assert old == ("labels lead from id to name, as in nnU-Net version 1; version 2 reads name to id",)


def test_labels_that_are_not_evaluated_or_called_ignore_are_ignored(table_file):
    mapillary = load_table(table_file("config_v1.2.json", MAPILLARY))
    assert (mapillary.names, mapillary.source_ids) == (("road", "sky"), {255: 255, 0: 0, 1: 255, 2: 1})
    nnunet = load_table(table_file("dataset.json", {"labels": {"background": 0, "a": 1, "ignore": 2}}))
    assert (nnunet.names, nnunet.source_ids) == (("background", "a"), {255: 255, 0: 0, 1: 1, 2: 255})


def test_a_label_mapping_gives_the_values_of_source_masks(table_file):
    mapping = "label_mapping: {-1: ignore_label, 0: ignore_label, 7: 0, 8: 0, 11: 2, 3: 255}\n"
    table = load_table(table_file("data.yaml", f"names: {{0: road, 1: sky, 2: wall}}\n{mapping}"))
    assert table.names == ("road", "sky", "wall")
    # 1 and 2 are not mapped and mean themselves
    assert table.source_ids == {255: 255, 0: 255, 3: 255, 7: 0, 8: 0, 1: 1, 11: 2, 2: 2}


def test_classes_without_colours_are_painted_with_the_voc_palette(table_file):
    table = load_table(table_file("id2label.json", NAMES))
    assert table.palette[:2].tolist() == [[0, 0, 0], [128, 0, 0]]
    assert table.color_ids == {}


@pytest.mark.parametrize(
    ("name", "content", "problems"),
    [
        (
            "m.json",
            '{"classes": ["a", 3],\n "palette": [[1, 2, 3],\n [1, 2]]}',
            [
                "1: classes[1]: expected a class name in quotes, got 3",
                '3: palette[1]: expected [r, g, b] with values 0..255 or "#RRGGBB" in quotes, got [1, 2]',
            ],
        ),
        (
            "m.json",
            '{"classes": ["a", "b"],\n "palette": [[1, 2, 3]]}',
            ["2: palette: expected a colour for each of 2 classes, got 1 colours"],
        ),
        (
            "i.json",
            '{"0": "a",\n "1": ""}',
            ["2: id 1: expected a class name, got ''"],
        ),
        ("i.json", '{"0": "a",\n"0": "b"}', ["2: the key '0' is given twice, first in line 1"]),
        (
            "d.json",
            '{"label_map": {"0": "a", "x": "b"},\n"segmentation_colors": 3}',
            [
                "1: label_map.x: expected an id, a whole number, got 'x'",
                "2: segmentation_colors: expected a list of colours, got 3",
            ],
        ),
        (
            "dataset.json",
            '{"labels": {"background": 0,\n"tumour": [1, 2],\n"edge": null}}',
            [
                "2: labels.tumour: expected one id, got a region of several, which is no class of a mask; "
                "name its parts as labels",
                "3: labels.edge: expected an id, a whole number, got nothing",
            ],
        ),
        (
            "data.yaml",
            "names:\n  0: a\n  1: b\nlabel_mapping:\n  0: 1\n  5: 9\n  x: 0\n",
            [
                "2: names.0: no value of label_mapping leads to 'a'",
                "6: label_mapping.5: expected one of the 2 ids of `names`, or ignore_label, got 9",
                "7: label_mapping.x: expected an id, a whole number, got 'x'",
            ],
        ),
        ("data.yaml", "names: [a]\nlabel_mapping: [1]\n", ["2: label_mapping: expected values with ids, got [1]"]),
        (
            "l.json",
            '[{"png_index": 0, "class_name": "a"},\n{"class_name": "b"},\n{"png_index": "z", "class_name": "c"}]',
            [
                "2: [1]: expected png_index and class_name, got the keys class_name",
                "3: [2].png_index: expected a whole number, got 'z'",
            ],
        ),
        (
            "meta.json",
            '{"classes": [{"title": "a", "color": "red"},\n{"shape": "bitmap"}]}',
            [
                "1: classes[0].color: expected [r, g, b] with values 0..255 or \"#RRGGBB\" in quotes, got 'red'",
                "2: classes[1]: expected a title, got the keys shape",
            ],
        ),
        (
            "config_v2.json",
            '{"labels": [{"name": "a", "color": [0, 0, 0]},\n{"color": 1},\n{"name": "c", "evaluate": "no"}]}',
            [
                "2: labels[1]: expected a name, got the keys color",
                "3: labels[2].evaluate: expected true or false, got 'no'",
            ],
        ),
        (
            "a.py",
            "x = 1\nCLASSES = [name for name in open('/etc/passwd')]\n",
            [
                "2: expected plain lists, names and numbers, which are read and not run; got "
                "[name for name in open('/etc/passwd')]"
            ],
        ),
        ("a.py", "CLASSES = ['a']\nclass A:\n    CLASSES = ['b']\n", ["3: CLASSES is assigned twice, first in line 1"]),
        ("a.py", "CLASSES = [\n", ["1: no valid Python: '[' was never closed"]),
    ],
)
def test_everything_wrong_is_listed_with_its_line(table_file, name, content, problems):
    assert problems_of(table_file(name, content)) == problems


def test_a_file_of_no_dialect_lists_those_that_were_tried_and_why(table_file):
    path = table_file("odd.json", '\n{"shapes": [],\n "version": "5.0"}')
    head, *reasons = problems_of(path)
    assert head == " no class table that labelprep knows; tried"
    assert (
        "  mmsegmentation METAINFO: line 2: expected `classes` as a list of names; got the keys shapes, version"
        in reasons
    )
    assert (
        "  nnU-Net dataset.json: line 2: expected `labels` as a mapping of names to ids; got the keys shapes, version"
        in reasons
    )
    assert any(line.startswith("  Hugging Face id2label.json: line 2: expected ids as keys") for line in reasons)
    assert len(reasons) == 9


def test_a_python_file_without_classes_says_what_was_looked_for(table_file):
    _, reason = problems_of(table_file("a.py", "import os\nos.abort()\n"))
    assert reason == "  mmsegmentation METAINFO: line 1: expected `classes` as a list of names; got the keys (none)"


def test_a_file_of_python_is_never_run(table_file, tmp_path):
    trap = tmp_path / "trap"
    content = f"CLASSES = ['a', 'b']\nopen({str(trap)!r}, 'w')\nPALETTE = [[0, 0, 0], [1, 1, 1]]\n"
    assert len(load_table(table_file("a.py", content))) == 2
    assert not trap.exists()

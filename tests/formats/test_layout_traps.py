"""What bites people in each layout: paths that lead out, two kinds of masks, shifted ids, lists from Windows."""

import json
import os

import numpy as np
import pytest
from PIL import Image

from labelprep.errors import ClassTableError, LayoutError
from labelprep.formats.class_tables import load_table
from labelprep.formats.detect import candidates
from labelprep.spec import DatasetSpec
from labelprep.steps.discover import discover
from tests import foreign
from tests.dataset import Dataset, blocks, labelprep
from tests.foreign import EXPECTED, NAMES, png, put


def plan(root, work=None, **words):
    return discover(DatasetSpec(root=root, **words), work or root.parent / f"{root.name}.plan")


def keys(found):
    return {s.key: s.split for s in found.samples()}


WANTED = {key: key.partition("/")[0] for key in EXPECTED}


# Ultralytics


@pytest.mark.parametrize("path", ["/data/set", "..", "../other", "C:/set", "s3://bucket/set"])
def test_a_data_yaml_that_leads_out_of_its_folder_is_refused(tmp_path, path):
    foreign.ultralytics(tmp_path)
    text = (tmp_path / "data.yaml").read_text()
    (tmp_path / "data.yaml").write_text(text.replace("path: .", f"path: '{path}'"))
    for layout in ("auto", "ultralytics"):
        with pytest.raises(LayoutError, match=r"data.yaml:1: path: expected a path below the folder of data.yaml, got"):
            candidates(tmp_path, layout)
    assert candidates(tmp_path, "mirror")[0].layout == "mirror"  # the way out that the hint names


def test_splits_of_a_data_yaml_may_be_lists_of_images(tmp_path):
    foreign.ultralytics_lists(tmp_path / "set")
    found = plan(tmp_path / "set")
    assert (found.layout, keys(found)) == ("ultralytics", WANTED)
    assert [s.image_source for s in found.samples()] == [f"images/{k}.jpg" for k in sorted(EXPECTED)]


def test_roboflows_way_up_and_the_same_folder_twice_are_read_as_ultralytics_reads_them(tmp_path):
    foreign.pairs(tmp_path / "set", "{split}/images/{name}.jpg", "{split}/masks/{name}.png")
    put(tmp_path / "set", "data.yaml", "train: ../train/images\nval: ../val/images\ntest: val/images\nnames: [a, b]\n")
    found = plan(tmp_path / "set")
    assert keys(found) == WANTED
    assert "test names the same again and is passed over" in found.why


def test_a_data_yaml_of_another_task_says_nothing_of_masks(tmp_path):
    put(tmp_path, "data.yaml", "path: /elsewhere\ntrain: images/train\nnames: [a]\n")
    put(tmp_path, "images/train/a.jpg", b"")
    put(tmp_path, "annotations/train/a.png", b"")
    assert [a.layout for a in candidates(tmp_path, "auto")] == ["mirror"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("images/train", "photos/train"), "data.yaml:2: train: expected a folder with a part called images"),
        (("images/train", "images/trian"), "data.yaml:2: train: no folder"),
        (("names:", "masks_dir: ../masks\nnames:"), "data.yaml:4: masks_dir: expected the name of a folder"),
        (("images/val", "val.txt"), "val.txt is a list and others are folders"),
    ],
)
def test_what_is_wrong_in_a_data_yaml_is_told_with_its_line(tmp_path, change, message):
    foreign.ultralytics(tmp_path)
    text = (tmp_path / "data.yaml").read_text()
    (tmp_path / "data.yaml").write_text(text.replace(*change))
    with pytest.raises(LayoutError, match=message):
        candidates(tmp_path, "ultralytics")


# Cityscapes: the same street three times


@pytest.mark.parametrize(
    ("words", "layout", "table"),
    [
        ({}, "cityscapes", "preset:cityscapes"),
        ({"classes": "preset:cityscapes"}, "cityscapes", "preset:cityscapes"),
        ({"classes": "preset:cityscapes-trainids"}, "cityscapes-trainids", "preset:cityscapes-trainids"),
        ({"layout": "cityscapes", "classes": "preset:cityscapes-trainids"}, "cityscapes-trainids", None),
        ({"layout": "cityscapes-color"}, "cityscapes-color", "preset:cityscapes"),
        ({"layout": "cityscapes-trainids"}, "cityscapes-trainids", "preset:cityscapes-trainids"),
        ({"classes": "small.csv"}, "cityscapes-trainids", None),
        ({"classes": "ids.csv"}, "cityscapes", None),
    ],
)
def test_of_three_kinds_of_masks_the_class_table_means_one(tmp_path, words, layout, table):
    root = tmp_path / "set"
    for kind in ("labelIds", "labelTrainIds", "color", "instanceIds"):
        put(root, f"gtFine/train/x/a_gtFine_{kind}.png", b"")
    put(root, "leftImg8bit/train/x/a_leftImg8bit.png", b"")
    put(tmp_path, "small.csv", "name,r,g,b\nroad,1,2,3\ncar,4,5,6\n")
    put(tmp_path, "ids.csv", "name,id,r,g,b\nroad,7,1,2,3\ncar,26,4,5,6\n")
    words = {k: str(tmp_path / v) if str(v).endswith(".csv") else v for k, v in words.items()}
    found = plan(root, **words)
    assert found.layout == layout
    assert table is None or found.class_table == table
    assert [s.source.rpartition("_")[2] for s in found.samples()] == [
        {"cityscapes": "labelIds.png", "cityscapes-trainids": "labelTrainIds.png"}.get(layout, "color.png")
    ]
    others = {"cityscapes", "cityscapes-trainids", "cityscapes-color"} - {layout}
    assert "layout" in words or all(f"--layout {name} reads" in found.why for name in others)


def test_coarse_labels_are_read_where_there_are_no_fine_ones(tmp_path):
    put(tmp_path / "set", "gtCoarse/train/x/a_gtCoarse_labelTrainIds.png", b"")
    put(tmp_path / "set", "leftImg8bit/train/x/a_leftImg8bit.png", b"")
    assert keys(plan(tmp_path / "set")) == {"train/x/a": "train"}


# ADE20K: 0 is ignored, ids are shifted by one


def test_folders_called_training_alone_do_not_make_class_0_ignored(tmp_path):
    foreign.pairs(tmp_path, "images/training/{name}.jpg", "annotations/training/{name}.png")
    assert [a.layout for a in candidates(tmp_path, "auto")] == ["mirror"]
    assert [a.layout for a in candidates(tmp_path, "ade20k")] == ["ade20k"]
    put(tmp_path, "annotations/training/ADE_train_00000001.png", b"")
    for name in "abc":
        (tmp_path / f"annotations/training/{name}.png").unlink()
    (found,) = candidates(tmp_path, "auto")
    assert (found.layout, found.preset, found.zero_ignored) == ("ade20k", "preset:ade20k", True)


def test_a_table_that_ignores_0_itself_is_not_shifted_a_second_time():
    table = load_table("preset:ade20k")
    assert table.with_zero_ignored() is table
    assert table.source_ids[1] == 0
    assert table.source_ids[150] == 149


def test_a_table_from_0_on_is_shifted_for_masks_that_hold_id_plus_one(tmp_path):
    put(tmp_path, "classes.csv", "name,r,g,b\n" + "".join(f"c{n},{n},1,2\n" for n in range(254)))
    shifted = load_table(str(tmp_path / "classes.csv")).with_zero_ignored()
    assert [shifted.source_ids[v] for v in (0, 1, 2, 254, 255)] == [255, 0, 1, 253, 255]
    put(tmp_path, "more.csv", "name,r,g,b\n" + "".join(f"c{n},{n},1,2\n" for n in range(255)))
    with pytest.raises(ClassTableError, match="no value for 254, as 255 is ignored"):
        load_table(str(tmp_path / "more.csv")).with_zero_ignored()


def test_reduce_zero_label_is_said_for_mmseg_and_unsaid_for_ade20k(tmp_path):
    places = ("img_dir/{split}/{name}.jpg", "ann_dir/{split}/{name}.png")
    foreign.pairs(tmp_path / "set", *places, values=lambda a: np.where(a == 255, 0, a + 1).astype(np.uint8))
    foreign.metainfo(tmp_path / "set")
    words = ("--scheduler", "inline", "--no-guard", "--json")
    done = labelprep("convert", tmp_path / "set", "-o", tmp_path / "a", "--reduce-zero-label", *words)
    assert done.code == 0
    assert done.summary["ignored"] == 18
    foreign.ade20k(tmp_path / "ade")
    table = tmp_path / "ade/t.csv"
    put(tmp_path / "ade", "t.csv", "name,r,g,b\nother,0,0,0\n" + "".join(f"{n},{i},9,9\n" for i, n in enumerate(NAMES)))
    words = (*words, "--classes", table, "--no-reduce-zero-label")
    kept = labelprep("convert", tmp_path / "ade", "-o", tmp_path / "b", *words)
    assert (kept.code, kept.summary["ignored"]) == (0, 0)


# Mapillary, nnU-Net


def test_the_class_table_chooses_a_version_of_mapillarys_labels(tmp_path):
    foreign.mapillary(tmp_path / "set")
    newest = plan(tmp_path / "set")
    assert newest.class_table == str(tmp_path / "set/config_v2.0.json")
    for name in ("config_v1.2.json", str(tmp_path / "set/config_v1.2.json")):
        older = plan(tmp_path / "set", classes=name)
        assert {s.source.split("/")[1] for s in older.samples()} == {"v1.2"}


def test_further_channels_of_nnunet_are_left_out_and_said(tmp_path):
    foreign.nnunet(tmp_path / "set")
    found = plan(tmp_path / "set")
    assert "they have further channels, of which _0000 alone is taken" in found.why
    assert all(s.image_source.endswith("_0000.png") for s in found.samples())
    assert [f.code for f in found.findings()] == []


@pytest.mark.parametrize("text", ["{}", "[]", "[3]", '[{"train": 3}]', "no", "[" * 100_000])
def test_folds_that_are_none_are_an_error_with_their_file(tmp_path, text):
    foreign.nnunet(tmp_path / "set")
    put(tmp_path / "set", "splits_final.json", text)
    with pytest.raises(LayoutError, match=r"splits_final\.json: expected a list of folds"):
        plan(tmp_path / "set")


# VOC and CVAT, mmseg lists


def test_cvats_segmentation_mask_is_read_with_its_table_and_lists(tmp_path):
    root = tmp_path / "set"
    for split, name in foreign.SAMPLES:
        put(root, f"JPEGImages/{split}/{name}.png", foreign.photo(name, ".png"))
        put(root, f"SegmentationClass/{split}/{name}.png", png(foreign.painted(foreign.ids(name))))
    rows = [
        f"{n}:{','.join(map(str, c))}::"
        for n, c in zip(("background", *NAMES), ((0, 0, 0), *foreign.COLORS), strict=True)
    ]
    put(root, "labelmap.txt", "\r\n".join(["# label:color_rgb:parts:actions", *rows, ""]))
    put(root, "ImageSets/Segmentation/default.txt", "\ufeff# made by hand\r\n\r\ntrain/a\r\ntrain/b.png\r\nval/c\r\n")
    words = ("--ignore", "background", "--scheduler", "inline", "--no-guard", "--json")
    done = labelprep("convert", root, "-o", tmp_path / "out", *words)
    assert (done.code, done.summary["layout"], done.summary["ignored"]) == (0, "voc", 18)
    assert keys(plan(root)) == dict.fromkeys(EXPECTED, "default")


def test_mmseg_lists_of_stems_give_the_splits(tmp_path):
    root = tmp_path / "set"
    for _, name in foreign.SAMPLES:
        put(root, f"img_dir/{name}.jpg", b"")
        put(root, f"ann_dir/{name}.png", b"")
    put(root, "splits/train.txt", "a\r\nb.png\r\n\r\n# held out\r\n")
    put(root, "splits/val.txt", "c")
    found = plan(root)
    assert (found.layout, keys(found)) == ("mmseg", {"a": "train", "b": "train", "c": "val"})


def test_prefixes_and_suffixes_in_any_case_of_ending_are_taken_off(tmp_path):
    root = tmp_path / "set"
    put(root, "images/x/img_a_rgb.JPG", b"")
    put(root, "masks/x/gt_a_seg.PNG", b"")
    put(root, "masks/x/note_a_seg.png", b"")
    words = {"image_prefix": "img_", "image_suffix": "_rgb", "mask_prefix": "gt_", "mask_suffix": "_seg.png"}
    found = plan(root, **words)
    assert [(s.key, s.image_source) for s in found.samples()] == [("x/a", "images/x/img_a_rgb.JPG")]
    assert "mask suffix 'gt_…_seg.png'" in found.why
    assert "1 pictures that do not carry the suffix are left out" in found.why


def test_a_layout_that_there_is_not_is_told_with_the_nearest(tmp_path):
    done = labelprep("inspect", tmp_path, "--layout", "ultralitics")
    assert done.code == 2
    assert "did you mean 'ultralytics'?" in done.err
    with pytest.raises(LayoutError, match=r"unknown layout 'mapilary'; expected auto, .*; did you mean 'mapillary'"):
        candidates(tmp_path, "mapilary")


# lists of pairs


def test_a_list_of_pairs_may_name_its_keys(tmp_path):
    for name in ("one", "two"):
        put(tmp_path / "set", f"m/{name}.png", b"")
    put(tmp_path / "set", "pairs.csv", "mask,image,split,key\nm/one.png,,train,a/b.1\nm/two.png,,val,\n")
    assert keys(plan(tmp_path / "set")) == {"a/b.1": "train", "m/two": "val"}
    put(tmp_path / "set", "pairs.csv", "mask,image,key\nm/one.png,,../b\n")
    with pytest.raises(LayoutError, match=r"pairs.csv:2: \.\./b"):
        plan(tmp_path / "set")


@pytest.mark.parametrize("line", ['{"file_name": "a.jpg"}', '{"file_name": "a.jpg", "label": 3}', "{", "[1]", ""])
def test_metadata_without_masks_is_no_set_of_masks(tmp_path, line):
    put(tmp_path, "metadata.jsonl", line)
    put(tmp_path, "notes/a.txt", b"")
    assert candidates(tmp_path, "auto") == []


def test_metadata_that_leads_out_is_refused_before_anything_is_read(tmp_path):
    lines = [{"file_name": "a.jpg", "mask": "masks/a.png"}, {"file_name": "b.jpg", "mask": "../../b.png"}]
    put(tmp_path / "set", "train/metadata.jsonl", "\n".join(map(json.dumps, lines)))
    with pytest.raises(LayoutError, match=r"metadata.jsonl:2: \.\./\.\./b.png"):
        plan(tmp_path / "set")


# doubt, and folders that are too large to be walked for every rule


def test_two_layouts_in_one_folder_are_a_doubt_that_names_the_option_of_each(tmp_path):
    foreign.mmseg(tmp_path / "set")
    put(tmp_path / "set", "SegmentationClass/a.png", b"")
    put(tmp_path / "set", "JPEGImages/a.jpg", b"")
    with pytest.raises(LayoutError) as told:
        plan(tmp_path / "set")
    for option in ("--layout mmseg", "--layout voc --masks SegmentationClass"):
        assert option in str(told.value)
    assert plan(tmp_path / "set", layout="mmseg").layout == "mmseg"


def test_a_folder_of_many_pictures_is_not_listed_by_every_rule(tmp_path, monkeypatch):
    for n in range(300):
        put(tmp_path, f"images/{n}.jpg", b"")
        put(tmp_path, f"masks/{n}.png", b"")
    monkeypatch.setattr("labelprep.formats.folders._PROBE", 10)
    seen = []
    real = os.scandir

    class Counted:
        def __init__(self, path):
            self.entries = real(path)

        def __enter__(self):
            return self

        def __exit__(self, *error):
            self.entries.close()

        def __iter__(self):
            for entry in self.entries:
                seen.append(entry.name)
                yield entry

    monkeypatch.setattr("labelprep.formats.folders.os.scandir", Counted)
    assert [a.layout for a in candidates(tmp_path, "auto")] == ["mirror"]
    assert len(seen) < 200


def test_labelmes_names_beside_palette_masks_go_before_vocs_classes(tmp_path):
    data = Dataset(tmp_path / "set")
    for n in range(2):
        made = Image.fromarray(blocks(n, ids=3)).convert("P")
        data.mask(f"a{n}", made, folder="SegmentationClass")
    (data.root / "class_dict.csv").unlink()
    assert labelprep("inspect", data.root, "--json").summary["class_tables"] == ["preset:voc"]
    (data.root / "class_names.txt").write_text("_background_\ncrack\nrust\n", "utf-8")

    result = labelprep("convert", data.root, "-o", tmp_path / "out", "--mask-mode", "index", "--json")

    assert [row["name"] for row in result.summary["classes"]] == ["_background_", "crack", "rust"]
    assert result.summary["written"] == 2

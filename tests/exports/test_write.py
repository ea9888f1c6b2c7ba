"""What an export refuses, leaves out and says."""

import pytest

from tests.dataset import Dataset, blocks, labelprep, tree


@pytest.fixture
def data(tmp_path):
    return Dataset(tmp_path / "data")


def converted(data, *words):
    out = data.root.parent / "out"
    done = labelprep("convert", data.root, "-o", out, *words)
    assert done.code == 0, done.err
    return out


def test_a_folder_that_holds_something_else_stays_as_it_was(data, tmp_path):
    data.pair("a")
    out = converted(data)
    place = tmp_path / "full"
    place.mkdir()
    (place / "letter.txt").write_text("dear")
    refused = labelprep("export", out, "--layout", "voc", "-o", place)
    assert refused.code == 2
    assert "holds something else" in refused.err
    assert set(tree(place)) == {"letter.txt"}


def test_samples_without_image_are_left_out_and_said(data, tmp_path):
    data.pair("a")
    data.pair("b")
    out = converted(data)
    (image,) = (p for p in data.root.rglob("b.*") if "mask" not in str(p.relative_to(data.root)))
    image.unlink()
    done = labelprep("export", out, "--layout", "mirror", "-o", tmp_path / "ex", "--json")
    assert (done.code, done.summary["left_out"], done.summary["samples"]) == (3, 1, {"train": 1})
    assert "1 sample was left out as its image is not there or cannot be read: 'b'" in done.err


def test_masks_in_no_split_are_said(data, tmp_path):
    for key in "abc":
        data.pair(key)
    out = converted(data)
    (out / "splits").mkdir()
    (out / "splits/train.txt").write_text("a\nb\n")
    done = labelprep("export", out, "--layout", "mirror", "-o", tmp_path / "ex", "--json")
    assert (done.code, done.summary["unsplit"], done.summary["samples"]) == (0, 1, {"train": 2})
    assert "1 mask is in no split and left out" in done.err


def test_another_split_is_another_export(data, tmp_path):
    for key in "abcd":
        data.pair(key)
    out = converted(data)
    assert labelprep("export", out, "--layout", "mmseg", "-o", tmp_path / "ex").code == 0
    assert labelprep("split", out, "--ratios", "0.5", "0.5").code == 0
    refused = labelprep("export", out, "--layout", "mmseg", "-o", tmp_path / "ex")
    assert refused.code == 2
    assert "another set" in refused.err


def test_an_export_that_was_stopped_goes_on(data, tmp_path):
    for key in "abc":
        data.pair(key)
    out = converted(data)
    place = tmp_path / "ex"
    assert labelprep("export", out, "--layout", "mmseg", "-o", place).code == 0
    whole = tree(place)
    mark = place / "labelprep-export.json"
    mark.write_bytes(mark.read_bytes().replace(b"true", b"false"))
    (place / "ann_dir/train/b.png").unlink()
    (place / "metainfo.json").unlink()
    assert labelprep("export", out, "--layout", "mmseg", "-o", place).code == 0
    assert tree(place) == whole


def test_names_that_fall_together_without_folders_are_refused(data, tmp_path):
    data.pair("x/y")
    data.pair("x__y")
    out = converted(data)
    refused = labelprep("export", out, "--layout", "voc", "-o", tmp_path / "ex")
    assert refused.code == 2
    assert "would both be called 'x__y'" in refused.err


def test_colours_that_do_not_tell_classes_apart_are_refused(data, tmp_path):
    data.pair("a", blocks(ids=2))
    (data.root / "class_dict.csv").write_text("name,r,g,b\nroad,1,2,3\nkerb,1,2,3\n")
    out = converted(data, "--on-duplicate-color", "first")
    refused = labelprep("export", out, "--layout", "datumaro", "-o", tmp_path / "ex")
    assert refused.code == 2
    assert "road and kerb are all painted (1, 2, 3)" in refused.err


@pytest.mark.parametrize("layout", ["voc", "camvid"])
def test_a_line_break_in_a_name_does_not_break_a_list(data, tmp_path, layout):
    data.pair("a\nb")
    out = converted(data)
    refused = labelprep("export", out, "--layout", layout, "-o", tmp_path / "ex")
    assert refused.code == 2
    assert "holds a line break" in refused.err


def test_an_unknown_layout_names_those_there_are(data, tmp_path):
    data.pair("a")
    refused = labelprep("export", converted(data), "--layout", "vok", "-o", tmp_path / "ex")
    assert refused.code == 2
    assert "'voc'" in refused.err

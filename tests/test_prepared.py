"""The prepared folder as others read it: what does not fit together is told, not guessed."""

import json

import pytest

from labelprep.errors import UsageError
from labelprep.prepared import Prepared
from tests.dataset import COLORS, Dataset, blocks, labelprep


@pytest.fixture
def out(tmp_path):
    data = Dataset(tmp_path / "data")
    for n in range(3):
        data.pair(f"a{n}", COLORS[blocks(n, ids=6)])
    assert labelprep("convert", data.root, "-o", tmp_path / "out").code == 0
    (tmp_path / "out" / "splits").mkdir()
    return tmp_path / "out"


def test_a_split_list_edited_on_windows_names_the_same_keys(out):
    (out / "splits" / "train.txt").write_bytes(b"a0\r\na2\r\n")
    assert [row.key for row in Prepared.open(out).rows("train")] == ["a0", "a2"]


def test_a_split_list_with_a_key_that_no_sample_has_is_refused(out):
    (out / "splits" / "train.txt").write_text("a0\na1.png\n")
    with pytest.raises(UsageError, match=r"lists 1 keys that no sample has, such as 'a1\.png'"):
        Prepared.open(out).counts("train")
    result = labelprep("weights", out, "--split", "train")
    assert (result.code, (out / "weights").exists()) == (2, False)


def test_a_split_list_that_is_no_utf8_is_refused(out):
    (out / "splits" / "train.txt").write_bytes(b"\xff\xfea0")
    with pytest.raises(UsageError, match="expected UTF-8 text"):
        Prepared.open(out).counts("train")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("dataset.json", "[]", "schema version None"),
        ("dataset.json", '{"schema_version": 1}', "dataset.json is damaged"),
        ("dataset.json", "{", "dataset.json is damaged"),
        ("manifest.jsonl", "garbage\n", "manifest.jsonl: line 1 is damaged"),
        ("manifest.jsonl", "{}\n", "manifest.jsonl: line 1 is damaged"),
    ],
)
def test_a_damaged_folder_is_told_in_one_line(out, name, content, message):
    (out / name).write_text(content)
    result = labelprep("split", out)
    assert result.code == 2
    assert message in result.err


@pytest.mark.parametrize("below", ["", "images", "images/train"])
def test_images_that_moved_are_found_from_any_folder_that_held_them(tmp_path, below):
    data = Dataset(tmp_path / "data")
    for key in ("train/a", "train/b", "train/c"):
        data.pair(key)
    assert labelprep("convert", data.root, "-o", tmp_path / "out").code == 0
    data.root.rename(tmp_path / "moved")
    (tmp_path / "moved/images/train/a.png").unlink()
    prepared = Prepared.open(tmp_path / "out")
    found = [prepared.image_path(row, tmp_path / "moved" / below) for row in prepared.rows()]
    assert found == [tmp_path / f"moved/images/train/{name}.png" for name in "abc"]
    assert prepared.image_path(next(prepared.rows()), tmp_path / "nowhere") == tmp_path / "nowhere/images/train/a.png"


@pytest.mark.parametrize("name", ["key", "source", "image", "split"])
@pytest.mark.parametrize("path", ["../a", "a/../../../b", "/etc/passwd", "", "a\0b"])
def test_a_manifest_that_names_files_outside_is_refused(out, name, path):
    line = json.loads((out / "manifest.jsonl").read_text().splitlines()[1]) | {name: path}
    (out / "manifest.jsonl").write_text(json.dumps(line) + "\n")
    result = labelprep("verify", out)
    assert result.code == 2
    assert "does not lie below its folder" in result.err


def test_a_file_is_no_prepared_folder(out):
    assert "not a prepared folder" in labelprep("weights", out / "dataset.json").err


@pytest.mark.parametrize("ratios", [("nan", "1"), ("1", "0"), ("0.5", "0.4")])
def test_ratios_that_do_not_add_up_are_refused(out, ratios):
    assert labelprep("split", out, "--ratios", *ratios).code == 2

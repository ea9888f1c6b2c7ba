"""Forms that others write masks in and that are not read here are named, with what to do."""

import gzip

import pytest

from tests.dataset import Dataset, labelprep

FORMS = ("b.nii.gz", "c.NPY", "deep/d.gif", "e.mat")


@pytest.fixture
def data(tmp_path):
    data = Dataset(tmp_path / "data")
    data.pair("a")
    return data


def test_beside_masks_each_is_a_warning_with_its_path(data):
    for name in (*FORMS, "notes.txt", ".hidden.npy"):
        path = data.root / "masks" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"?")
    done = labelprep("validate", data.root, "--json")
    assert done.code == 0
    found = {f["path"]: (f["severity"], f["message"]) for f in done.findings if f["code"] == "unread-form"}
    assert found.keys() == {f"masks/{name}" for name in FORMS}
    assert found["masks/b.nii.gz"] == ("warning", "a medical volume; save its slices as gray PNGs of ids")


@pytest.mark.parametrize("words", [(), ("--masks", "masks")])
def test_where_there_is_nothing_else_the_error_says_so(data, words):
    (data.root / "masks/a.png").unlink()
    for name in ("b.nii.gz", "c.nii"):
        (data.root / "masks" / name).write_bytes(b"?")
    refused = labelprep("validate", data.root, *words)
    assert refused.code == 2
    assert "not read: b.nii.gz and 1 more: a medical volume; save its slices as gray PNGs of ids" in refused.err


def test_compressed_shards_are_named_beside_others_and_alone(data, tmp_path):
    assert labelprep("convert", data.root, "-o", tmp_path / "out").code == 0
    assert labelprep("export", tmp_path / "out", "-o", tmp_path / "shards", "--layout", "wds").code == 0
    (shard,) = (tmp_path / "shards").glob("*.tar")
    (tmp_path / "shards/more.tar.gz").write_bytes(gzip.compress(shard.read_bytes()))
    done = labelprep("validate", tmp_path / "shards", "--json")
    told = "a compressed shard; uncompress it (to .tar), and its samples are read in place"
    unread = [(f["path"], f["message"]) for f in done.findings if f["code"] == "unread-form"]
    assert (done.summary["masks"], unread) == (1, [("more.tar.gz", told)])
    shard.unlink()
    refused = labelprep("validate", tmp_path / "shards", "--layout", "wds")
    assert (refused.code, f"not read: more.tar.gz: {told}" in refused.err) == (2, True)

"""A path as text reads as a `Path` does."""

import json
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelprep.storage.file import File


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("files")


@given(data=st.binary(max_size=300), start=st.integers(0, 310), stop=st.integers(0, 310))
def test_any_range_of_a_file_is_what_a_slice_gives(folder, data, start, stop):
    path = folder / "any"
    path.write_bytes(data)
    assert File(path).read_bytes() == data
    assert File(path).read_range(start, max(start, stop)) == data[start : max(start, stop)]


@pytest.mark.parametrize("name", ["a.png", "a.b.PNG", ".hidden", "folder.x/a", "ä ö", "a."])
def test_names_are_those_of_paths(folder, name):
    file, path = File(folder / name), Path(folder / name)
    assert (file.name, file.suffix) == (path.name, path.suffix if not name.endswith(".") else ".")
    path.parent.mkdir(exist_ok=True)
    assert not file.is_file()
    path.write_bytes(b"12")
    assert file.is_file()
    assert file.stat().st_size == 2
    assert json.loads(orjson.dumps(file)) == json.loads(json.dumps(file)) == str(path)


@pytest.mark.parametrize("name", ["missing", "."])
def test_what_cannot_be_read_says_so_as_open_does(folder, name):
    with pytest.raises(OSError, match=r"No such file|Is a directory") as caught:
        File(folder / name).read_bytes()
    assert caught.value.errno


def test_a_file_that_is_cut_while_it_is_read_gives_what_is_there(folder, monkeypatch):
    path = folder / "cut"
    path.write_bytes(b"12345")
    longer = type("State", (), {"st_size": 8})
    monkeypatch.setattr("os.fstat", lambda _: longer)
    assert File(path).read_bytes() == b"12345"

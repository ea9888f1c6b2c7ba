"""Sources that change while a run works with them, and masks that failed and are tried again."""

import hashlib
import os
from pathlib import Path

import pytest

from labelprep.storage.file import File
from tests.dataset import Dataset, blocks, labelprep, tree

KEYS = [f"{n}" for n in range(6)]


@pytest.fixture
def data(tmp_path):
    made = Dataset(tmp_path / "data")
    for n, key in enumerate(KEYS):
        made.image(key, seed=n)
        made.mask(key, made.colors[blocks(n)])
    return made


def convert(data, out, *words):
    return labelprep("convert", data.root, "-o", out, "--scheduler", "inline", "--no-guard", "--json", *words)


def append(path):
    with path.open("ab") as file:
        file.write(b"more")


def truncate(path):
    os.truncate(path, path.stat().st_size - 1)


def swap(path):
    """Another picture of the same size in bytes in its place."""
    state = path.stat()
    other = path.with_suffix(".new")
    other.write_bytes(path.read_bytes())
    os.utime(other, ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    other.replace(path)


@pytest.fixture
def meddle(monkeypatch):
    """Lets something happen to a file just before the n-th mask is read, or when the last one was."""

    def arrange(nth, what):
        read, seen = File.read_bytes, []

        def reading(self):
            path = Path(self)
            if path.parent.name == "masks" and path.suffix == ".png" and "data" in path.parts:
                seen.append(self)
                if len(seen) == nth:
                    what()
            return read(self)

        monkeypatch.setattr(File, "read_bytes", reading)

    return arrange


@pytest.mark.parametrize("what", [append, truncate, swap, Path.unlink], ids=lambda w: w.__name__)
@pytest.mark.parametrize("place", ["masks/1.png", "masks/4.png", "images/1.png", "images/4.png"])
def test_a_file_that_changes_while_the_run_works_is_an_error_and_is_read_alone_by_the_next_run(
    data, tmp_path, meddle, monkeypatch, place, what
):
    """With the fourth mask about to be read, 1 has been read and 4 has not."""
    out = tmp_path / "out"
    meddle(4, lambda: what(data.root / place))
    result = convert(data, out)
    monkeypatch.undo()
    key = Path(place).stem
    assert result.code == 3
    (found,) = [f for f in result.findings if f["code"] == "source-changed"]
    assert (found["key"], found["severity"]) == (key, "error")
    assert place in found["message"]
    assert {path.stem for path in (out / "masks").iterdir()} == {*KEYS} - {key}
    assert labelprep("verify", out).code == 0

    again = convert(data, out)
    fresh = tmp_path / "fresh"
    assert convert(data, fresh).code == again.code
    assert tree(out) == tree(fresh)
    assert again.summary["converted_now"] == (0 if what is Path.unlink and place.startswith("masks") else 1)


def test_a_second_look_at_a_quiet_set_changes_nothing(data, tmp_path):
    assert convert(data, tmp_path / "out").code == 0
    before = tree(tmp_path / "out")
    again = convert(data, tmp_path / "out")
    assert (again.code, again.summary["converted_now"]) == (0, 0)
    assert tree(tmp_path / "out") == before


def spoil(data, key):
    mask = data.colors[blocks(3)].copy()
    mask[0, 0] = (1, 2, 3)
    return data.mask(key, mask)


def test_of_failed_masks_only_those_that_were_mended_are_read_again(data, tmp_path):
    out = tmp_path / "out"
    spoil(data, "2"), spoil(data, "4")
    first = convert(data, out)
    assert (first.code, first.summary["failed"], first.summary["retried_now"]) == (3, 2, 0)
    second = convert(data, out)
    assert (second.code, second.summary["converted_now"], second.summary["retried_now"]) == (3, 0, 0)
    assert "2 masks failed last time" in second.err
    data.mask("4", data.colors[blocks(4)])
    third = convert(data, out)
    assert (third.code, third.summary["converted_now"], third.summary["retried_now"]) == (3, 1, 1)
    assert third.summary["failed"] == 1
    data.mask("2", data.colors[blocks(2)])
    told = labelprep("convert", data.root, "-o", out)
    assert told.code == 0
    assert "1 mask failed last time" in told.err
    assert "1 that failed before were tried again" in told.out
    assert "last time" not in convert(data, out).err


@pytest.mark.parametrize("kind", ["masks", "images"])
def test_what_could_not_be_read_is_tried_again_though_nothing_about_it_changed(data, tmp_path, monkeypatch, kind):
    """A right that is given back changes neither size nor time."""
    closed = data.root / kind / "3.png"
    read = File.read_range

    def refusing(self, *words):
        if Path(self) == closed:
            raise PermissionError(13, "Permission denied", self)
        return read(self, *words)

    monkeypatch.setattr(File, "read_range", refusing)  # read_bytes reads so too
    first = convert(data, tmp_path / "out")
    assert (first.code, [f["code"] for f in first.findings if f["severity"] == "error"]) == (3, ["unreadable-file"])
    assert "Permission denied" in first.out
    monkeypatch.undo()
    second = convert(data, tmp_path / "out")
    assert (second.code, second.summary["converted_now"], second.summary["retried_now"]) == (0, 1, 1)


def test_images_of_one_size_are_read_once_and_again_when_one_of_them_changes(data, tmp_path, monkeypatch):
    for n, key in enumerate(KEYS):
        (data.root / "images" / f"{key}.png").unlink()
        data.image(key, ending=".bmp", seed=n)
    out, digest, read = tmp_path / "out", hashlib.file_digest, []

    def counting(file, kind):
        read.append(Path(file.name).name)
        return digest(file, kind)

    monkeypatch.setattr(hashlib, "file_digest", counting)

    def images():
        read.clear()
        result = convert(data, out)
        assert result.code == 0
        return sorted(name for name in read if name.endswith(".bmp")), result.codes

    every = [f"{key}.bmp" for key in KEYS]
    assert images() == (every, {"absent-class"})
    assert images() == ([], {"absent-class"})
    (data.root / "images/4.bmp").write_bytes((data.root / "images/3.bmp").read_bytes())
    assert images() == (["4.bmp"], {"absent-class", "duplicate-files"})
    read.clear()
    convert(data, out, "--rehash")
    assert sorted(name for name in read if name.endswith(".bmp")) == every

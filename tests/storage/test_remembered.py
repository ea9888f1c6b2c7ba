"""Hashes of files, remembered by size and time: read once, and again when either changes."""

import hashlib
import os
from contextlib import closing

import pytest

from labelprep.storage.remembered import Remembered


def opened(tmp_path, name, **more):
    folder = tmp_path / name
    folder.mkdir()
    return closing(Remembered(folder, tmp_path / "hashes.jsonl", **more))


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"one")
    return path


def test_the_hash_is_that_of_the_bytes_and_stays_while_size_and_time_do(tmp_path, file):
    with opened(tmp_path, "a") as first:
        before = first.sha256("file", file)
        assert before == digest(file)
        first.save()
    state = file.stat()
    file.write_bytes(b"two")
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))
    with opened(tmp_path, "b") as second:
        assert second.sha256("file", file) == before  # not read
    with opened(tmp_path, "c", trust=False) as third:
        assert third.sha256("file", file) == digest(file)
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    with opened(tmp_path, "d") as fourth:
        assert fourth.sha256("file", file) == digest(file) != before


def test_what_is_not_asked_for_is_forgotten_and_the_file_is_left_alone_where_nothing_changed(tmp_path, file):
    kept = tmp_path / "hashes.jsonl"
    other = tmp_path / "other"
    other.write_bytes(b"x")
    with opened(tmp_path, "a") as first:
        first.sha256("file", file), first.sha256("other", other)
        first.save()
    before = kept.stat().st_mtime_ns
    with opened(tmp_path, "b") as second:
        second.sha256("other", other), second.sha256("file", file)
        second.save()
    assert kept.stat().st_mtime_ns == before
    with opened(tmp_path, "c") as third:
        third.sha256("file", file)
        third.save()
    assert [line.split('"')[1] for line in kept.read_text().splitlines()] == ["file"]
    with opened(tmp_path, "d") as fourth:
        fourth.save()
    assert not kept.exists()


@pytest.mark.parametrize("text", ["", "[]\n", "no json\n", '["file", "3", 4, "ab"]\n', '{"file": 1}\n', "\x00\xff"])
def test_a_damaged_file_of_hashes_costs_one_reading(tmp_path, file, text):
    (tmp_path / "hashes.jsonl").write_text(text)
    with opened(tmp_path, "a") as hashes:
        assert hashes.sha256("file", file) == digest(file)


def test_a_file_that_cannot_be_read_has_none(tmp_path):
    with opened(tmp_path, "a") as hashes:
        assert hashes.sha256("gone", tmp_path / "gone") is None
        assert hashes.sha256("folder", tmp_path) is None

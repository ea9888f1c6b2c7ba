"""Files are there whole or not at all."""

import os
import subprocess
import sys

import pytest

from labelprep.errors import EnvironmentFailure, UsageError
from labelprep.storage.atomic import confined, sweep_temporary, temporary_name, write_atomic, write_lines


@pytest.fixture
def full_disk(monkeypatch):
    def replace(source, target):
        raise OSError(28, "No space left on device", str(target))

    monkeypatch.setattr(os, "replace", replace)


def test_bytes_arrive_in_folders_that_are_made_on_the_way(tmp_path):
    write_atomic(tmp_path / "a" / "b" / "c.bin", b"\0\r\n")
    assert (tmp_path / "a" / "b" / "c.bin").read_bytes() == b"\0\r\n"
    assert [p.name for p in (tmp_path / "a" / "b").iterdir()] == ["c.bin"]


def test_lines_end_in_one_line_feed_on_every_system(tmp_path):
    write_lines(tmp_path / "a.txt", ["é", "b"])
    assert (tmp_path / "a.txt").read_bytes() == b"\xc3\xa9\nb\n"


def test_a_failure_leaves_the_old_file_and_no_temporary_one(tmp_path, full_disk):
    path = tmp_path / "a.txt"
    path.write_bytes(b"old\n")
    for write in (lambda: write_atomic(path, b"new"), lambda: write_lines(path, ["new"])):
        with pytest.raises(EnvironmentFailure, match="No space left on device") as caught:
            write()
        assert (caught.value.path, caught.value.exit_code) == (str(path), 4)
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("a.txt", b"old\n")]


def test_lines_that_end_in_an_error_leave_nothing_behind(tmp_path):
    def lines():
        yield "one"
        message = "two"
        raise ValueError(message)

    with pytest.raises(ValueError, match="two"):
        write_lines(tmp_path / "a.txt", lines())
    assert list(tmp_path.iterdir()) == []


def test_equal_lines_leave_the_file_alone_and_others_announce_the_change(tmp_path):
    path, told = tmp_path / "a.txt", []
    write_lines(path, ["x"], before_change=lambda: told.append(path.exists()))
    before = path.stat().st_mtime_ns
    write_lines(path, ["x"], before_change=lambda: told.append("equal"))
    assert (told, path.stat().st_mtime_ns) == ([False], before)
    write_lines(path, ["y"], before_change=lambda: told.append(path.read_text()))
    assert (told, path.read_text()) == ([False, "x\n"], "y\n")


def test_a_temporary_name_is_short_hidden_and_never_the_same(tmp_path):
    long = temporary_name(tmp_path / ("ä" * 120 + ".png"))
    assert long.parent == tmp_path
    assert len(long.name.encode()) < 40
    assert long.name.startswith(".")
    assert long.name.endswith(".tmp")
    assert long != temporary_name(tmp_path / ("ä" * 120 + ".png"))  # by another host whose processes have equal ids


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no named pipes")
def test_what_is_no_file_is_never_replaced_by_one(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("pipe")
    before = {path.name: path.lstat().st_mode for path in tmp_path.iterdir()}
    for name, what in (("pipe", "a pipe"), ("folder", "a folder"), ("link", "a pipe")):
        for write in (lambda path: write_atomic(path, b"new"), lambda path: write_lines(path, ["new"])):
            with pytest.raises(UsageError, match=f"is {what}") as caught:
                write(tmp_path / name)
            assert caught.value.path == str(tmp_path / name)
    assert {path.name: path.lstat().st_mode for path in tmp_path.iterdir()} == before


def test_a_file_that_lines_come_from_is_the_one_that_is_named(tmp_path):
    (tmp_path / "source").mkdir()
    with pytest.raises(IsADirectoryError) as caught:
        write_lines(tmp_path / "a.txt", (path.read_text() for path in tmp_path.glob("source")))
    assert caught.value.filename == str(tmp_path / "source")
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_temporary_files_of_processes_that_have_gone_are_swept_and_nothing_else(tmp_path):
    with subprocess.Popen([sys.executable, "-c", "pass"]) as process:
        gone = process.pid
    left = f".{'0' * 16}.{gone}.tmp"
    kept = [temporary_name(tmp_path / "a").name, ".mine.tmp", f".{'0' * 16}.x.tmp", "a.tmp", f"{'0' * 16}.{gone}.tmp"]
    for name in (left, *kept):
        (tmp_path / name).touch()
    sweep_temporary(tmp_path)
    sweep_temporary(tmp_path / "missing")
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(kept)


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_a_folder_that_is_a_link_to_elsewhere_is_not_written_into(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "real" / "deep").mkdir(parents=True)
    (tmp_path / "out").symlink_to(tmp_path / "real")  # the reader's own choice
    (tmp_path / "real" / "inside").symlink_to("deep")
    (tmp_path / "real" / "outside").symlink_to(tmp_path / "elsewhere")
    out = tmp_path / "out"
    for name in ("a.png", "deep/a.png", "inside/a.png", "new/deeper/a.png"):
        assert confined(out, out / name) == out / name
    for name in ("outside/a.png", "outside/new/a.png", "deep/../../elsewhere/a.png"):
        with pytest.raises(UsageError, match="leads out of"):
            confined(out, out / name)

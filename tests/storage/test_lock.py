"""One run at a time has a folder, and it is free again however the run ends."""

import errno
import os
import platform
import subprocess
import sys
import time

import pytest

from labelprep.errors import EnvironmentFailure
from labelprep.storage.lock import exclusive

HOLD = """
import sys, time
from pathlib import Path
from labelprep.storage.lock import exclusive

with exclusive(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_the_second_run_is_told_which_process_holds_the_folder(tmp_path, holder):
    with (
        pytest.raises(
            EnvironmentFailure, match=rf"another run \(process {holder.pid} on {platform.node()}\)"
        ) as caught,
        exclusive(tmp_path),
    ):
        pass
    assert (caught.value.code, caught.value.exit_code) == ("busy", 4)


def test_a_killed_run_lets_go(tmp_path, holder):
    holder.kill()
    holder.wait()
    for _ in range(50):
        try:
            with exclusive(tmp_path):
                return
        except EnvironmentFailure:
            time.sleep(0.1)
    pytest.fail("still held")


def test_a_number_that_another_process_has_by_now_holds_nothing(tmp_path):
    (tmp_path / ".labelprep").mkdir()
    (tmp_path / ".labelprep" / "lock").write_text(f"process {os.getpid()} on {platform.node()}\n")
    with exclusive(tmp_path):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_a_lock_that_is_a_link_is_not_written_through(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("mine")
    (tmp_path / "out" / ".labelprep").mkdir(parents=True)
    (tmp_path / "out" / ".labelprep" / "lock").symlink_to(elsewhere)
    with pytest.raises(EnvironmentFailure, match="cannot write"), exclusive(tmp_path / "out"):
        pass
    assert elsewhere.read_text() == "mine"


def test_a_disk_without_room_for_the_holders_name_can_be_held_all_the_same(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with exclusive(tmp_path), pytest.raises(EnvironmentFailure, match="another run"), exclusive(tmp_path):
        pass


def test_an_error_inside_lets_go_and_leaves_no_name_behind(tmp_path):
    with pytest.raises(ZeroDivisionError), exclusive(tmp_path):
        1 / 0  # noqa: B018
    assert (tmp_path / ".labelprep" / "lock").read_text() == ""
    with exclusive(tmp_path):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="flock")
def test_a_file_system_without_locks_is_not_called_busy(tmp_path, monkeypatch):
    def without(stream, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", without)
    with pytest.raises(EnvironmentFailure, match="cannot be locked: No locks available") as caught, exclusive(tmp_path):
        pass
    assert caught.value.code == "environment"


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentFailure, match="cannot write") as caught, exclusive(tmp_path / "file"):
        pass
    assert str(tmp_path / "file") in caught.value.path

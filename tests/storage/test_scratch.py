"""The folder of a run's own tables: it goes with the run, and a killed run's goes with the next one."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing

import pytest

from labelprep.errors import EnvironmentFailure
from labelprep.storage.scratch import scratch

KILLED = """
import os, signal
from labelprep.storage.scratch import scratch

with scratch() as folder:
    print(folder, flush=True)
    (folder / "plan.sqlite").write_text("large")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The system's folder for temporary files, here and in child processes."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def old(folder):
    os.utime(folder, (0, 0))
    return folder


def test_it_goes_with_the_run_however_the_run_ends(temporary):
    with scratch() as folder:
        (folder / "table").write_text("x")
        assert folder.parent == temporary
    with pytest.raises(ZeroDivisionError), scratch():
        1 / 0  # noqa: B018
    assert list(temporary.iterdir()) == []


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kills a process")
def test_what_a_killed_run_left_goes_with_the_next_one_and_nothing_else_does(temporary):
    killed = subprocess.run([sys.executable, "-c", KILLED], capture_output=True, text=True, check=False)
    left = temporary / killed.stdout.strip()
    assert (left / "plan.sqlite").exists()
    (temporary / "labelprep-mine").mkdir()
    old(temporary / "labelprep-mine")
    elsewhere = temporary / "elsewhere"
    (elsewhere / ".labelprep").mkdir(parents=True)
    (elsewhere / ".labelprep" / "lock").touch()
    (temporary / "labelprep-link").symlink_to(elsewhere)
    with scratch() as other:
        old(other)
        with scratch():
            assert left.exists()  # it may have been made this moment
        old(left)
        with scratch():
            assert not left.exists()
        assert other.exists()  # it is held
    assert {p.name for p in temporary.iterdir()} == {"labelprep-mine", "elsewhere", "labelprep-link"}


def test_an_error_of_sqlite_about_the_place_names_the_folder(temporary):
    with pytest.raises(EnvironmentFailure, match="unable to open database file") as caught, scratch() as folder:
        sqlite3.connect(folder / "missing" / "table.sqlite").execute("SELECT 1")
    assert (caught.value.path, caught.value.exit_code) == (str(folder), 4)


def test_a_mistake_in_sql_stays_a_mistake(temporary):
    with (
        closing(sqlite3.connect(":memory:")) as table,
        pytest.raises(sqlite3.OperationalError, match="no such table"),
        scratch(),
    ):
        table.execute("SELECT * FROM unknown")


def test_no_folder_for_temporary_files_is_said(temporary, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(temporary / "missing"))
    with pytest.raises(EnvironmentFailure, match="no folder for temporary files") as caught, scratch():
        pass
    assert str(temporary / "missing") in caught.value.path


def test_a_signal_waits_until_the_folder_is_gone(temporary, monkeypatch):
    remove = shutil.rmtree

    def struck(*args, **words):
        signal.raise_signal(signal.SIGINT)
        remove(*args, **words)

    monkeypatch.setattr(shutil, "rmtree", struck)
    with pytest.raises(KeyboardInterrupt), scratch():
        pass
    assert list(temporary.iterdir()) == []

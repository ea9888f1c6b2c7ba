"""Disk, codecs and workers are tried for real."""

import socket

import pytest

from labelprep.doctor import check_codecs, check_cores, check_dask, check_disk, place
from tests.dataset import labelprep, tree


def test_a_disk_is_tried_and_left_as_it_was(tmp_path):
    check = check_disk(tmp_path)
    assert (check.state, tree(tmp_path)) == ("good", {})
    assert "GiB free" in check.found


def test_a_folder_that_is_not_there_and_a_full_disk_are_bad(tmp_path, monkeypatch):
    assert check_disk(tmp_path / "none").found == "No such file or directory"
    monkeypatch.setattr(place, "LITTLE", 1 << 60)
    assert check_disk(tmp_path).mend.startswith("make room")


def test_cores_and_codecs_are_measured(monkeypatch):
    assert check_cores().state == "good"
    monkeypatch.setattr(place, "SLOW", 0.0)
    assert check_codecs().state == "good"
    monkeypatch.setattr(place, "SLOW", float("inf"))
    assert check_codecs().state == "bad"


def test_a_cluster_where_nobody_answers_is_bad_with_the_mend():
    check = check_dask("tcp://127.0.0.1:1")
    assert (check.state, check.name) == ("bad", "Dask cluster at tcp://127.0.0.1:1")
    assert "dask scheduler" in check.mend


@pytest.mark.slow
def test_the_command_has_a_line_for_each_check_and_ends_with_4_where_one_is_bad(tmp_path):
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # taken, and nobody listens
        nobody = f"tcp://127.0.0.1:{held.getsockname()[1]}"
        result = labelprep("doctor", "--json", "-o", tmp_path, "--scheduler", nobody)
    *rows, summary = result.objects
    assert result.code == summary["exit_code"] == 4
    assert summary["checks"] == len(rows) == 16
    assert rows[-1]["state"] == "bad"
    assert {row["name"] for row in rows if row["state"] == "bad"} >= {f"Dask cluster at {nobody}"}

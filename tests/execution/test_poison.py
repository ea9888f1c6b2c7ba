"""Poison among thousands of masks: each is named with its cause, every other mask is converted."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest

from labelprep.prepared import Prepared
from tests.execution import hostile
from tests.execution.work import CODES

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals")


def convert(root, out, environment, *words):
    command = [sys.executable, "-m", "labelprep", "convert", str(root), "-o", str(out), "--json", "--palette", "colour"]
    return subprocess.run([*command, *words], env=environment, capture_output=True, text=True, check=False)


def named(result):
    objects = [json.loads(line) for line in result.stdout.splitlines()]
    return {o["key"]: o["code"] for o in objects if o.get("type") == "finding" and o["code"] in CODES.values()}


def run(tmp_path, masks, poisons, *words):
    planted = hostile.dataset(tmp_path / "data", masks, poisons)
    environment = hostile.environment(tmp_path / "site")
    began = time.monotonic()
    result = convert(
        tmp_path / "data", tmp_path / "out", environment, "--timeout", "4", "--memory-limit", "300M", *words
    )
    seconds = time.monotonic() - began
    assert result.returncode == 3, result.stderr
    assert named(result) == {key: CODES[kind] for key, kind in planted.items()}
    rows = {row.key: row.written for row in Prepared.open(tmp_path / "out").rows()}
    assert len(rows) == masks
    assert {key for key, written in rows.items() if not written} == set(planted)
    return seconds


def test_two_poisons_in_a_small_set_are_named_in_one_process_after_another(tmp_path):
    run(tmp_path, 60, 2, "--scheduler", "inline")

    # the machine may be better next time: they are tried again, and nothing else is
    good = {**hostile.environment(tmp_path / "site"), "PYTHONPATH": str(hostile.ROOT)}
    again = convert(tmp_path / "data", tmp_path / "out", good)
    assert again.returncode == 0
    assert json.loads(again.stdout.splitlines()[-1])["converted_now"] == 2


def test_four_poisons_in_two_thousand(tmp_path):
    run(tmp_path, 2000, 4, "--scheduler", "local", "--jobs", "2")


@pytest.mark.chaos
def test_sixteen_poisons_in_ten_thousand(tmp_path):
    seconds = run(tmp_path, 10_000, 16, "--scheduler", "local", "--jobs", "2")
    print(f"{seconds:.1f} s")

"""A chain that is told to stop, in whatever stage: the exit code, the last line, nothing left over, and going on."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from labelprep.stages import RunContext
from labelprep.stages._learning import heeding, require_torch
from tests.dataset import Dataset, blocks, labelprep
from tests.execution import hostile

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals")
SPEC = """\
dataset: {root: raw}
stages:
  check: {use: validate, fail_on: never}
  masks: {use: convert, out: build/masks}
  splits: {use: split, from: masks, ratios: [0.5, 0.5]}
  train: {use: train, from: [masks, splits], model: single_conv, epochs: 500, batch_size: 4}
"""
WORDS = ("run", "spec.yaml", "--scheduler", "inline")


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = Dataset(tmp_path / "raw")
    for n in range(24):
        data.image(f"{n}")
        data.mask(f"{n}", data.colors[blocks(n)])
    Path("spec.yaml").write_text(SPEC)
    Path("temporary").mkdir()
    return tmp_path


def is_in(stage):
    """Whether the record of the chain says that a stage has begun and not ended."""
    record = Path("build/.labelprep/run.lock.json")
    if not record.exists():
        return False
    entry = json.loads(record.read_text())["stages"].get(stage)
    return entry is not None and entry["exit_code"] is None


def stopped(number, when, *words):
    """Runs the chain, sends a signal as soon as `when` says so, and gives exit code and stderr."""
    process = subprocess.Popen(
        [sys.executable, "-m", "labelprep", *WORDS, *words],
        env=hostile.slow(Path("site").resolve(), TMPDIR=str(Path("temporary").resolve())),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for _ in range(2400):
        if when() or process.poll() is not None:
            break
        time.sleep(0.05)
    process.send_signal(number)
    err = process.communicate(timeout=120)[1]
    assert "Traceback" not in err, err
    return process.returncode, err.splitlines()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_chain_stopped_in_its_first_stage_goes_on_with_the_last_line(project, number):
    code, said = stopped(number, lambda: is_in("check"), "check", "masks", "--force")
    assert code == 128 + number, said
    assert said[-2:] == [
        "stopped in stage 'check'; what is finished stays. To go on:",
        "labelprep run spec.yaml --scheduler inline check masks",
    ]
    assert list(Path("temporary").iterdir()) == []
    again = labelprep(*WORDS, "check", "masks", "--json")
    assert (again.code, again.summary["ran"]) == (0, ["check", "masks"])


def test_training_ends_between_two_batches_and_is_begun_again(project):
    few = ("--set", "dataset.limit=6")
    code, said = stopped(signal.SIGTERM, lambda: Path("build/train/last.pt").exists(), *few)
    assert code == 143, said
    assert said[-1] == "labelprep run spec.yaml --scheduler inline --set dataset.limit=6"
    assert "stopping when the work under way is done; Ctrl-C again stops at once" in said
    assert [path.name for path in project.rglob("*.tmp")] == []
    again = labelprep(*WORDS, *few, "--json", "--set", "train.epochs=1")
    assert again.code == 0
    assert again.summary["ran"] == ["train"]


class Loud:
    """A reporter that is interrupted when the third unit is done."""

    def __init__(self):
        self.said, self.done = [], 0

    def progress(self, what, done, total, **figures):
        self.done = done
        if done == 3:
            signal.raise_signal(signal.SIGINT)

    def message(self, text):
        self.said.append(text)


def test_a_learning_stage_finishes_the_unit_under_way_and_no_more():
    loud = Loud()

    def work():
        with heeding(RunContext(reporter=loud)) as progress:
            for done in range(1, 10):
                progress("evaluating", done, 9)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert loud.done == 3
    assert len(loud.said) == 1
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_threads_of_torch_do_not_wait_in_a_loop_unless_somebody_wants_that(monkeypatch):
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    require_torch()
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    require_torch()
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"

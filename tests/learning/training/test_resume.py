"""A run that was stopped anywhere ends as if it had not been."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from labelprep.errors import UsageError
from labelprep.learning.checkpoint import Checkpoint
from labelprep.learning.train import train
from tests.learning.conftest import QUICK

ROOT = Path(__file__).parents[3]
NOISY = replace(QUICK, model="tests.learning.networks:noisy", epochs=3, batch_size=2, crop=(24, 24), lr=0.02)
EVERYTHING = {
    "plain": NOISY,
    "momentum, poly, accumulation": replace(
        NOISY, optimizer="sgd", schedule="poly", warmup=0.5, accumulate=3, clip_grad=1.0, val_every=2
    ),
    "average, cosine, rare": replace(NOISY, ema=0.9, schedule="cosine", sampling="rare", channels_last=True, keep=2),
    "fp16": replace(NOISY, model="single_conv", precision="fp16"),
}


class Stopping:
    """A reader who wishes to stop at the nth report of a kind of work."""

    def __init__(self, what, number):
        self.what, self.left = what, number

    def __call__(self, what, done, total, **figures):
        self.left -= what.startswith(self.what)
        if self.left == 0:
            self.left = -1
            raise KeyboardInterrupt


def ends(run):
    """Bitwise what a run leaves: weights of best and last, figures of all epochs, and the kept checkpoints."""
    history = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    for line in history:
        for name in ("seconds", "images_per_second", "data_wait", "peak_memory_mb"):
            del line[name]
    weights = {
        path.name: Checkpoint.load(path).identity for path in sorted(run.glob("*.pt")) if path.name != "state.pt"
    }
    return history, weights


@pytest.mark.parametrize("options", EVERYTHING.values(), ids=EVERYTHING)
def test_stopped_anywhere_and_gone_on_is_as_never_stopped(street, tmp_path, options):
    whole = train(street.prepared, tmp_path / "whole", options)
    run = tmp_path / "stopped"
    for what, number in (("epoch 1/", 1), ("epoch 2/", 2), ("validating", 1), ("epoch 3/", 3)):
        with pytest.raises(KeyboardInterrupt):
            train(street.prepared, run, options, progress=Stopping(what, number))
        torch.manual_seed(number)  # what is outside does not matter
    said = []
    result = train(street.prepared, run, options, say=said.append)
    assert said[0].startswith("goes on in epoch 3, behind batch 3")
    assert result.identity == whole.identity
    assert (result.confusion == whole.confusion).all()
    assert ends(run) == ends(tmp_path / "whole")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_a_gpu_too(street, tmp_path):
    options = replace(NOISY, device="cuda", deterministic=True, precision="bf16", ema=0.9, crop=(24, 24))
    whole = train(street.prepared, tmp_path / "whole", options)
    with pytest.raises(KeyboardInterrupt):
        train(street.prepared, tmp_path / "stopped", options, progress=Stopping("epoch 2/", 3))
    assert train(street.prepared, tmp_path / "stopped", options).identity == whole.identity
    assert ends(tmp_path / "stopped") == ends(tmp_path / "whole")


def test_more_epochs_go_on_from_a_finished_run(street, tmp_path):
    train(street.prepared, tmp_path / "whole", NOISY)
    train(street.prepared, tmp_path / "parts", replace(NOISY, epochs=1))
    train(street.prepared, tmp_path / "parts", NOISY)
    assert ends(tmp_path / "parts") == ends(tmp_path / "whole")


def test_a_schedule_cannot_be_stretched_afterwards(street, tmp_path):
    options = replace(NOISY, schedule="poly", epochs=1)
    train(street.prepared, tmp_path, options)
    with pytest.raises(UsageError, match="holds an earlier training run: epochs 1 there and 2 here"):
        train(street.prepared, tmp_path, replace(options, epochs=2))


def test_another_run_is_refused_saying_what_differs_and_replaced_on_request(street, tmp_path, make_street):
    train(street.prepared, tmp_path / "run", QUICK)
    before = (tmp_path / "run" / "best.pt").read_bytes()
    with pytest.raises(UsageError, match="its 4 epochs are done"):
        train(street.prepared, tmp_path / "run", QUICK)
    with pytest.raises(UsageError, match=r"lr 0\.05 there and 0\.1 here"):
        train(street.prepared, tmp_path / "run", replace(QUICK, lr=0.1))
    other = make_street(tmp_path / "other", train=3, val=1)
    with pytest.raises(UsageError, match="another prepared set") as caught:
        train(other.prepared, tmp_path / "run", QUICK)
    assert "--overwrite" in caught.value.hint
    assert (tmp_path / "run" / "best.pt").read_bytes() == before
    result = train(other.prepared, tmp_path / "run", QUICK, existing="replace")
    assert len(result.history) == 4
    assert result.confusion.sum() < 1024


def test_an_unfinished_run_goes_on_unless_it_is_to_start_anew(street, tmp_path):
    for existing, first in (("refuse", 2), ("replace", 2), ("anew", 1)):
        with pytest.raises(KeyboardInterrupt):
            train(street.prepared, tmp_path, QUICK, existing="anew", progress=Stopping("epoch 2/", 1))
        seen = []
        train(
            street.prepared,
            tmp_path,
            replace(QUICK, epochs=4),
            existing=existing,
            progress=lambda what, *_, seen=seen, **__: seen.append(what),
        )
        assert seen[0] == f"epoch {first}/4"


def test_a_damaged_state_is_told(street, tmp_path):
    train(street.prepared, tmp_path, replace(QUICK, epochs=1))
    (tmp_path / "state.pt").write_bytes(b"PK")
    with pytest.raises(UsageError, match="the state of the run is damaged"):
        train(street.prepared, tmp_path, QUICK)


def test_the_state_is_read_without_running_code(street, tmp_path):
    train(street.prepared, tmp_path, replace(NOISY, ema=0.9, epochs=1))
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    assert set(state) >= {"model", "average", "optimizer", "scheduler", "scaler", "processes", "epoch", "done"}
    assert set(state["processes"][0]["random"]) == {"python", "numpy", "torch"}


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_sigterm_saves_and_the_command_that_is_told_goes_on(street, tmp_path):
    run = tmp_path / "run"
    words = ["train", str(street.root), "-o", str(run), "--model", "single_conv", "--batch-size", "1"]
    words += ["--device", "cpu", "--lr", "0.01", "--epochs", "100000"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "labelprep", *words], stderr=subprocess.PIPE, text=True, env=environment, cwd=ROOT
    )
    lines = []
    for line in process.stderr:
        lines.append(line)
        if line.startswith("epoch 3/"):
            process.send_signal(signal.SIGTERM)
            break
    lines += process.stderr.readlines()
    process.stderr.close()
    assert process.wait(120) == 143, "".join(lines)
    assert lines[-1].split() == ["labelprep", *words]
    assert "To go on:" in lines[-2]
    state = torch.load(run / "state.pt", weights_only=True)
    assert state["epoch"] >= 3
    options = replace(QUICK, epochs=state["epoch"] + 1, batch_size=1, lr=0.01)
    whole = train(street.prepared, tmp_path / "whole", options)
    assert train(street.prepared, run, options).identity == whole.identity

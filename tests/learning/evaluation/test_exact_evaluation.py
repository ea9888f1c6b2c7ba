"""An evaluation is the same bytes for any batch size, number of loading processes and number of processes."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from labelprep.learning.checkpoint import load_trained
from labelprep.learning.distributed import Group
from labelprep.learning.evaluate import evaluate
from labelprep.learning.evaluation.parts import Parts
from labelprep.learning.options import EvalOptions
from tests.dataset import tree

CPU = torch.device("cpu")
OPTIONS = {"split": "train", "entropy_maps": 3, "suspect_pixels": 4, "suspect_below": 0.3, "bootstrap": 50}


@pytest.fixture(scope="module")
def alone(trained_run, street, tmp_path_factory):
    """The folder of an evaluation, one image after the other; beside the others, since its paths are relative."""
    folder = tmp_path_factory.mktemp("exact") / "alone"
    result = evaluate(
        load_trained(trained_run.folder, CPU), street.prepared, folder, EvalOptions(**OPTIONS, batch_size=1)
    )
    return folder, result


@pytest.mark.parametrize(("batch_size", "workers"), [(2, 0), (5, 0), (3, 2)])
def test_batches_and_loading_processes_change_no_byte(alone, trained_run, street, batch_size, workers):
    folder = alone[0].with_name(f"{batch_size}-{workers}")
    options = EvalOptions(**OPTIONS, batch_size=batch_size, workers=workers)
    result = evaluate(load_trained(trained_run.folder, CPU), street.prepared, folder, options)
    assert result.identity == alone[1].identity
    assert tree(folder) == tree(alone[0])


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def test_two_processes_change_no_byte(alone, trained_run, street):
    folder = alone[0].with_name("two")
    words = [word for name, value in OPTIONS.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    command = [sys.executable, "-m", "labelprep", "-q", "eval", str(trained_run.folder), "--data", str(street.root)]
    command += ["-o", str(folder), "--device", "cpu", *words]
    place = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "OMP_NUM_THREADS": "1"}
    started = [
        subprocess.Popen(
            command, env=os.environ | place | {"RANK": rank}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            cwd=Path(__file__).parents[3],
        )
        for rank in "01"
    ]  # fmt: skip
    said = [process.communicate() for process in started]
    assert [process.returncode for process in started] == [0, 0], said
    assert "mean IoU" in said[0][0]
    assert said[1][0] == ""
    assert tree(folder) == tree(alone[0])


def test_each_process_looks_at_its_share(tmp_path):
    shares = [Parts(tmp_path, Group(rank, 3, CPU)).share(10) for rank in range(3)]
    assert sorted(n for share in shares for n in share) == list(range(10))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_no_part_of_the_work_stays_behind(alone):
    assert not [path for path in alone[0].iterdir() if path.name.startswith(".")]
    assert {path.name for path in alone[0].iterdir() if path.is_file()} == {
        "confusion.npy", "entropy_error.csv", "metrics.json", "per_class.csv", "per_image.npy", "ranked_by_entropy.csv",
        "ranked_by_error.csv", "reliability.csv", "samples.jsonl", "suspects.jsonl", "uncertainty.json",
    }  # fmt: skip

"""Two processes train one model; gloo on the CPU stands in for GPUs."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from labelprep.learning.checkpoint import load_trained
from labelprep.learning.data.batches import Draws
from labelprep.learning.data.train_data import normalized
from labelprep.learning.options import PredictOptions
from labelprep.learning.predict import predict
from tests.dataset import tree

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def pair(tmp_path_factory, make_street):
    """What both processes found, after nine training and five validation images: neither divides by two."""
    folder = tmp_path_factory.mktemp("pair")
    street = make_street(folder, train=9, val=5)
    (folder / "source" / "images" / "a" / "0x.png").write_bytes(b"no image")
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-W", "error", "-m", "tests.learning.one_of_two"]
    processes = [
        subprocess.Popen([*words, str(rank), str(folder)], cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
        for rank in range(2)
    ]
    try:
        said = [process.communicate(timeout=600)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    assert [process.returncode for process in processes] == [0, 0], "\n".join(said)
    found = [json.loads((folder / f"found-{rank}.json").read_text()) for rank in range(2)]
    return SimpleNamespace(folder=folder, street=street, found=found)


def test_both_end_with_the_same_weights_and_figures(pair):
    assert pair.found[0][:3] == pair.found[1][:3]


def test_validation_counts_every_pixel_of_every_image_once(pair):
    """Counted here in one process, image by image, with the checkpoint that was written."""
    trained = load_trained(pair.folder / "whole", torch.device("cpu"), own_model="tests.learning.networks:noisy")
    confusion = np.zeros((3, 3), np.int64)
    for key, (image, ids) in pair.street.drawings.items():
        if pair.street.splits[key] == "val":
            with torch.inference_mode():
                logits = trained.model(normalized(torch.from_numpy(image.transpose(2, 0, 1))[None]))
            guess, valid = logits[0].numpy().argmax(0), ids != 255
            np.add.at(confusion, (ids[valid], guess[valid]), 1)
    assert pair.found[0][0][1] == confusion.tolist()


def test_both_predict_the_images_in_turns_and_leave_what_one_would(pair):
    trained = load_trained(pair.folder / "whole", torch.device("cpu"), own_model="tests.learning.networks:noisy")
    images = pair.folder / "source" / "images"
    one = predict(trained, images, pair.folder / "predicted alone", PredictOptions(entropy=True))
    assert (one.images, len(one.failed)) == (14, 1)
    assert "0x.png" in one.failed[0]
    assert pair.found[0][4] == pair.found[1][4] == [one.images, list(one.failed), one.identity]
    assert tree(pair.folder / "predicted") == tree(pair.folder / "predicted alone")


def test_a_wish_to_stop_that_one_of_them_hears_stops_both_and_they_go_on_exactly(pair):
    assert pair.found[0][1] == pair.found[1][1] == "stopped"
    assert pair.found[0][2] == pair.found[0][0]


def test_a_loss_that_is_not_finite_in_one_of_them_stops_both_naming_the_same_files(pair):
    for found in pair.found:
        assert "on the batch of: a/" in found[3]
    assert pair.found[0][3] == pair.found[1][3]


def test_processes_take_turns_along_one_order():
    whole = Draws(9, batch_size=2, seed=0)
    parts = [Draws(9, batch_size=2, seed=0, rank=rank, world=2) for rank in range(2)]
    left_out = set()
    for epoch in range(1, 6):
        for draws in (whole, *parts):
            draws.epoch = epoch
        order = whole._order(epoch)
        first, second = ([index for _, index in draws] for draws in parts)
        assert [i for both in zip(first, second, strict=True) for i in both] == order[:8]
        left_out.add(order[8])
    assert len(left_out) > 1

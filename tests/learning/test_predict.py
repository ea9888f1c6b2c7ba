import json

import numpy as np
import pytest
import torch
from PIL import Image

from labelprep.errors import UsageError
from labelprep.learning.checkpoint import load_trained
from labelprep.learning.evaluate import evaluate
from labelprep.learning.options import EvalOptions, PredictOptions
from labelprep.learning.predict import find_images, predict
from labelprep.steps.palette import read_ids
from tests.dataset import labelprep

CPU = torch.device("cpu")


@pytest.fixture
def trained(trained_run):
    return load_trained(trained_run.folder, CPU)


def test_predicting_a_folder_gives_the_masks_of_the_evaluation(trained, street, tmp_path):
    images = street.root.parent / "source" / "images"
    done = predict(trained, images, tmp_path / "out", PredictOptions())
    assert (done.images, done.failed) == (12, ())
    evaluate(trained, street.prepared, tmp_path / "eval", EvalOptions())
    for key in (f"b/{i}" for i in range(4)):
        wanted = (tmp_path / "eval" / "predictions" / f"{key}.png").read_bytes()
        assert (tmp_path / "out" / "predictions" / f"{key}.png").read_bytes() == wanted
    assert not (tmp_path / "out" / "entropy").exists()
    about = json.loads((tmp_path / "out" / "predict.json").read_text())
    assert about["table_hash"] == street.prepared.table.hash


def test_entropy_needs_no_truth(trained, street, tmp_path):
    images = street.root.parent / "source" / "images" / "b"
    predict(trained, images, tmp_path, PredictOptions(entropy=True))
    for line in (tmp_path / "samples.jsonl").read_text().splitlines():
        sample = json.loads(line)
        with Image.open(tmp_path / sample["entropy"]) as image:
            values = np.asarray(image) / 65535
        assert values.mean() == pytest.approx(sample["entropy_mean"], abs=1e-5)
        assert sample["entropy_sum"] == pytest.approx(values.size * sample["entropy_mean"], rel=1e-5)
        assert 0 < sample["entropy_mean"] < 1


def test_masks_keep_the_size_of_their_images_whatever_the_model_sees(trained, tmp_path):
    (tmp_path / "in").mkdir()
    for name, size in (("a.jpg", (31, 17)), ("b.png", (8, 40))):
        Image.new("RGB", size, (40, 200, 40)).save(tmp_path / "in" / name)
    predict(trained, tmp_path / "in", tmp_path / "out", PredictOptions(size=(16, 16)))
    assert read_ids(tmp_path / "out" / "predictions" / "a.png").shape == (17, 31)
    assert read_ids(tmp_path / "out" / "predictions" / "b.png").shape == (40, 8)


def test_the_identity_follows_the_masks(trained, street, tmp_path):
    images = street.root.parent / "source" / "images"
    first, again = (predict(trained, images, tmp_path / name, PredictOptions()) for name in ("one", "two"))
    fewer = predict(trained, images / "b", tmp_path / "three", PredictOptions())
    assert first.identity == again.identity != fewer.identity


def test_images_that_cannot_be_read_are_listed_and_the_others_done(trained, tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(b"no image")
    done = predict(trained, tmp_path, tmp_path / "out", PredictOptions())
    assert done.images == 1
    assert len(done.failed) == 1
    assert "bad.png: the image cannot be read" in done.failed[0]


def test_a_process_that_follows_another_tells_nothing(trained_run, tmp_path, monkeypatch):
    Image.new("RGB", (8, 8)).save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(b"no image")
    words = ("predict", trained_run.folder, tmp_path, "-o", tmp_path / "out", "--device", "cpu")
    first = labelprep(*words)
    assert first.out == f"1 masks in {tmp_path / 'out' / 'predictions'}; 1 images could not be read\n"
    monkeypatch.setenv("RANK", "1")
    follower = labelprep(*words)
    assert (first.code, follower.code, follower.out, follower.err) == (3, 3, "", "")


def test_a_ranking_of_another_run_goes(trained, tmp_path):
    (tmp_path / "in").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "in" / "a.png")
    for entropy in (True, False):
        predict(trained, tmp_path / "in", tmp_path / "out", PredictOptions(entropy=entropy))
        assert (tmp_path / "out" / "ranked_by_entropy.csv").exists() == entropy
        assert not (tmp_path / "out" / ".parts").exists()


def test_folders_without_images_and_two_images_for_one_mask_are_refused(tmp_path):
    with pytest.raises(UsageError, match="no such folder"):
        find_images(tmp_path / "none")
    with pytest.raises(UsageError, match="no images below it"):
        find_images(tmp_path)
    for name in ("a.png", "A.JPG"):
        Image.new("RGB", (4, 4)).save(tmp_path / name)
    with pytest.raises(UsageError, match=r"two images for one mask a\.png"):
        find_images(tmp_path)


def test_a_published_model_paints_the_classes_of_pascal_voc(monkeypatch, tmp_path):
    """With the network's shape, categories and image size, but without the download."""
    from torchvision.models import get_model_weights

    seen = []

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.bias = torch.nn.Parameter(torch.zeros(1))

        def forward(self, images):
            seen.append(tuple(images.shape))
            logits = torch.zeros(1, 21, *images.shape[2:]) + self.bias
            logits[:, 15] = 1
            return {"out": logits}

    monkeypatch.setattr("labelprep.learning.models.tv.get_model", lambda name, *, weights, progress: Net())
    trained = load_trained("torchvision:deeplabv3_resnet101", CPU)
    assert trained.table.names[15] == "person"
    (tmp_path / "in").mkdir()
    Image.new("RGB", (60, 40)).save(tmp_path / "in" / "a.png")
    predict(trained, tmp_path / "in", tmp_path / "out", PredictOptions(entropy=True))
    assert seen == [(1, 3, 520, 780)]
    with Image.open(tmp_path / "out" / "predictions" / "a.png") as image:
        assert image.size == (60, 40)
        assert image.convert("RGB").getpixel((3, 3)) == (192, 128, 128)
    assert get_model_weights("deeplabv3_resnet101").DEFAULT.meta["categories"][15] == "person"

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from labelprep import metrics
from labelprep.class_rows import ClassRow
from labelprep.classes import ClassTable
from labelprep.errors import MismatchError, UsageError
from labelprep.learning.checkpoint import Checkpoint
from labelprep.learning.train import train
from labelprep.prepared import Prepared
from labelprep.weights import ClassWeights
from tests.learning.conftest import QUICK

ONCE = replace(QUICK, epochs=1)


def test_the_loss_falls_and_the_model_beats_the_majority_class(trained_run, street):
    history = trained_run.result.history
    losses = [epoch.train_loss for epoch in history]
    assert losses == sorted(losses, reverse=True)
    assert history[-1].val_loss < history[0].val_loss
    baseline = metrics.majority_baseline(trained_run.result.confusion)["mean_iou"]
    assert trained_run.result.best.val_miou > baseline + 0.3


def test_the_run_folder_tells_what_was_done(trained_run, street):
    lines = [json.loads(line) for line in (trained_run.folder / "history.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3, 4]
    assert set(lines[0]) == {
        *("epoch", "train_loss", "val_loss", "train_accuracy", "val_accuracy", "val_miou", "lr", "seconds"),
        *("images_per_second", "data_wait", "peak_memory_mb"),
    }
    facts = json.loads((trained_run.folder / "run.json").read_text())
    assert facts["table_hash"] == street.prepared.table.hash
    assert facts["data"] == {"identity": street.prepared.identity, "train_images": 8, "val_images": 4}
    assert facts["options"]["loss"] == "ce+dice"
    assert str(street.root) not in json.dumps(facts)
    assert "Conv2d" in (trained_run.folder / "model.txt").read_text("utf-8")
    assert {path.name for path in trained_run.folder.iterdir()} == {
        *("run.json", "train.yaml", "model.txt", "preflight.json", "samples.png", "history.jsonl", "history.csv"),
        "state.pt",
        *("best.pt", "last.pt", "best.safetensors", "last.safetensors"),
    }


def test_the_best_checkpoint_has_the_highest_validation_miou(street, tmp_path):
    result = train(street.prepared, tmp_path, replace(QUICK, lr=0.5, epochs=5))
    mious = [epoch.val_miou for epoch in result.history]
    assert Checkpoint.load(tmp_path / "best.pt").epoch == 1 + mious.index(max(mious)) == result.best.epoch
    assert Checkpoint.load(tmp_path / "last.pt").epoch == 5
    assert metrics.mean_iou(result.confusion) == max(mious)


def test_validation_figures_are_those_of_the_saved_model(trained_run, street):
    """Counted here with numpy, image by image."""
    from labelprep.learning.checkpoint import load_trained
    from labelprep.learning.data.train_data import normalized

    trained = load_trained(trained_run.folder, torch.device("cpu"))
    confusion = np.zeros((3, 3), np.int64)
    for key, (image, ids) in street.drawings.items():
        if street.splits[key] == "val":
            with torch.inference_mode():
                logits = trained.model(normalized(torch.from_numpy(image.transpose(2, 0, 1))[None]))
            predicted = logits[0].numpy().argmax(0)
            for truth, guess in zip(ids.ravel(), predicted.ravel(), strict=True):
                if truth != 255:
                    confusion[truth, guess] += 1
    np.testing.assert_array_equal(trained_run.result.confusion, confusion)
    assert trained_run.result.best.val_accuracy == np.trace(confusion) / confusion.sum()


def test_one_seed_gives_the_same_weights_whatever_the_state_outside(street, tmp_path):
    options = replace(QUICK, crop=(24, 24), epochs=2)
    results = []
    for number, seed in enumerate((3, 3, 4)):
        torch.manual_seed(number)
        state = torch.get_rng_state()
        results.append(train(street.prepared, tmp_path / str(number), replace(options, seed=seed)))
        assert torch.equal(torch.get_rng_state(), state)
    first, again, other = results
    assert first.identity == again.identity != other.identity
    assert [epoch.figures() for epoch in first.history] == [epoch.figures() for epoch in again.history]


@pytest.mark.parametrize(
    "options",
    [
        replace(ONCE, model="unet_small", lr=0.01, resize=(24, 20)),
        replace(ONCE, model="lraspp_mobilenet_v3_large", loss="0.5*focal+dice", optimizer="sgd", batch_size=3),
        replace(ONCE, model="deeplabv3_mobilenet_v3_large", loss="ce", optimizer="adam", batch_size=7),
    ],
    ids=lambda options: options.model,
)
def test_every_kind_of_model_trains(street, tmp_path, options):
    """Eight images in batches of 3 and 7: a last batch of two, and one of a single image."""
    result = train(street.prepared, tmp_path, options)
    assert np.isfinite(result.best.train_loss)
    assert result.parameters == Checkpoint.load(tmp_path).build().parameter_count()


def test_batch_normalisation_of_single_images_is_refused_before_training(street, tmp_path):
    with pytest.raises(UsageError, match="cannot be trained on batches of 1") as caught:
        train(street.prepared, tmp_path, replace(ONCE, model="deeplabv3_mobilenet_v3_large", batch_size=1))
    assert "--batch-size 2" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_images_of_several_sizes_train_by_crop_and_validate_whole(make_street, tmp_path):
    street = make_street(tmp_path, sizes=((32, 32), (40, 36), (24, 50)))
    with pytest.raises(UsageError, match="images of 3 sizes"):
        train(street.prepared, tmp_path / "run", ONCE)
    result = train(street.prepared, tmp_path / "run", replace(ONCE, crop=(36, 36)))
    valid = sum(int((ids != 255).sum()) for key, (_, ids) in street.drawings.items() if street.splits[key] == "val")
    assert result.confusion.sum() == valid


def test_class_weights_of_the_file_reach_the_loss(street, tmp_path):
    ClassWeights.of(street.prepared.counts("train"), street.prepared.table).save(tmp_path / "w.json")
    plain = train(street.prepared, tmp_path / "plain", ONCE)
    weighted = train(street.prepared, tmp_path / "weighted", replace(ONCE, weights=tmp_path / "w.json"))
    assert plain.identity != weighted.identity
    facts = json.loads((tmp_path / "weighted" / "run.json").read_text())
    assert facts["class_weights"] == list(ClassWeights.load(tmp_path / "w.json").weights)


def test_class_weights_of_another_table_are_refused_naming_both(street, tmp_path):
    other = ClassTable.build([ClassRow(name, (color,)) for name, color in [("a", (1, 1, 1)), ("b", (2, 2, 2))]])
    counts = type(street.prepared.totals).of(np.array([[0, 1]], np.uint8), 2, 255)
    ClassWeights.of(counts, other).save(tmp_path / "w.json")
    with pytest.raises(MismatchError, match=r"w\.json has 2 entries .*prepared set has 3 classes"):
        train(street.prepared, tmp_path / "run", replace(ONCE, weights=tmp_path / "w.json"))


def test_a_loss_that_is_not_finite_stops_with_the_keys_of_the_batch(street, tmp_path):
    with pytest.raises(
        UsageError, match=r"the loss became (nan|inf) in epoch \d+, on the batch of: a/\d, a/\d"
    ) as caught:
        train(street.prepared, tmp_path, replace(QUICK, model="unet_small", optimizer="sgd", lr=1e30))
    assert "lower --lr" in caught.value.hint


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"loss": "ce+hinge"}, "cannot use 'hinge'"),
        ({"optimizer": "lion"}, "optimizer must be adam, adamw or sgd"),
        ({"model": "vgg"}, "no model named 'vgg'"),
        ({"train_split": "training"}, "no split named 'training'; there are: train, val"),
        ({"device": "tpu9"}, "no device named 'tpu9'"),
    ],
)
def test_wrong_words_are_refused_before_anything_is_written(street, tmp_path, change, message):
    with pytest.raises(UsageError, match=message):
        train(street.prepared, tmp_path / "run", replace(ONCE, **change))
    assert not (tmp_path / "run").exists()


def test_an_empty_split_is_told(street, tmp_path, make_street):
    small = make_street(tmp_path, train=2, val=1)
    (small.root / "splits").mkdir()
    (small.root / "splits" / "train.txt").write_text("a/0\na/1\n")
    (small.root / "splits" / "val.txt").write_text("")
    with pytest.raises(UsageError, match="split 'val' is empty"):
        train(Prepared.open(small.root), tmp_path / "run", ONCE)


def test_progress_and_epochs_are_told(street, tmp_path):
    seen, epochs = [], []

    def progress(what, done, total, **figures):
        seen.append((what, done, total))
        assert set(figures) == {"loss"}

    train(street.prepared, tmp_path, replace(QUICK, epochs=2), progress=progress, on_epoch=epochs.append)
    assert seen[:4] == [("epoch 1/2", 1, 2), ("epoch 1/2", 2, 2), ("validating 1/2", 1, 1), ("epoch 2/2", 1, 2)]
    assert [epoch.epoch for epoch in epochs] == [1, 2]

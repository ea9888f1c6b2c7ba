import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from labelprep import metrics
from labelprep.class_rows import ClassRow
from labelprep.classes import ClassTable
from labelprep.errors import MismatchError
from labelprep.learning.checkpoint import load_trained
from labelprep.learning.evaluate import evaluate
from labelprep.learning.options import EvalOptions
from labelprep.learning.train import train
from labelprep.prepared import Prepared
from labelprep.score import score_folder
from labelprep.steps.palette import read_ids
from tests.learning.conftest import QUICK, draw, write_prepared

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def evaluation(trained_run, street, tmp_path_factory):
    folder = tmp_path_factory.mktemp("eval")
    trained = load_trained(trained_run.folder, CPU)
    return folder, evaluate(trained, street.prepared, folder, EvalOptions(entropy_maps=2, batch_size=3))


def samples_of(folder):
    return [json.loads(line) for line in (folder / "samples.jsonl").read_text().splitlines()]


def test_scoring_the_written_masks_gives_the_same_figures_as_the_model(evaluation, street):
    folder, result = evaluation
    scored = score_folder(folder / "predictions", street.prepared, "val")
    assert scored["confusion"] == result.confusion.tolist()
    for name in ("mean_iou", "pixel_accuracy", "classes", "absent"):
        assert scored[name] == result.metrics[name]


def test_the_model_chosen_in_training_evaluates_to_the_same_confusion(evaluation, trained_run):
    moved = np.abs(evaluation[1].confusion - trained_run.result.confusion).sum()
    assert moved <= 4  # training validates in batches, whose last bits may decide between two equal classes


def test_metrics_files_agree(evaluation, street):
    folder, result = evaluation
    written = json.loads((folder / "metrics.json").read_text())
    assert written == result.metrics
    confusion = np.load(folder / "confusion.npy")
    assert confusion.dtype == np.int64
    assert written["mean_iou"] == metrics.mean_iou(confusion)
    assert (written["split"], written["images"]) == ("val", 4)
    lines = (folder / "per_class.csv").read_text().splitlines()
    assert lines[0] == "id,name,support,predicted,iou,dice,precision,recall,boundary_iou,iou_low,iou_high"
    assert [line.split(",")[1] for line in lines[1:]] == list(street.prepared.table.names)


def test_the_baseline_is_the_training_splits_majority_and_is_beaten(evaluation, street):
    result = evaluation[1]
    majority = int(street.prepared.counts("train").pixels.argmax())
    assert result.metrics["baseline"] == {
        **metrics.majority_baseline(result.confusion, street.prepared.counts("train").pixels),
        "name": street.prepared.table.names[majority],
    }
    assert result.metrics["mean_iou"] > result.metrics["baseline"]["mean_iou"] + 0.3


def test_predictions_are_palette_pngs_of_the_same_table(evaluation, street):
    with Image.open(evaluation[0] / "predictions" / "b" / "0.png") as image:
        assert image.mode == "P"
        palette = np.array(image.getpalette(), np.uint8).reshape(-1, 3)
        assert set(np.unique(np.asarray(image))) <= {0, 1, 2}
    np.testing.assert_array_equal(palette, street.prepared.table.palette)


def test_samples_point_to_their_files_and_carry_their_own_figures(evaluation, street):
    folder, result = evaluation
    samples = samples_of(folder)
    assert [sample["key"] for sample in samples] == ["b/0", "b/1", "b/2", "b/3"]
    for sample in samples:
        truth, guess = read_ids(folder / sample["truth"]), read_ids(folder / sample["prediction"])
        valid = truth != 255
        assert sample["pixels"] == valid.sum()
        classes = [c for c in range(3) if ((truth == c) & valid).any() or ((guess == c) & valid).any()]
        hits = [((truth == c) & (guess == c)).sum() for c in classes]
        either = [(((truth == c) | (guess == c)) & valid).sum() for c in classes]
        assert sample["iou_per_image"] == pytest.approx(np.mean([h / e for h, e in zip(hits, either, strict=True)]))
        assert sample["entropy_sum"] == pytest.approx(sample["entropy_mean"] * valid.sum(), rel=1e-5)
        assert (folder / sample["image"]).is_file()
    assert sum(sample["pixels"] for sample in samples) == result.confusion.sum()


def test_entropy_maps_are_those_of_the_most_uncertain_images_on_a_fixed_scale(evaluation, street, trained_run):
    folder = evaluation[0]
    samples = sorted(samples_of(folder), key=lambda sample: -sample["entropy_mean"])
    assert [sample["entropy"] is not None for sample in samples] == [True, True, False, False]
    for sample in samples[:2]:
        with Image.open(folder / sample["entropy"]) as image:
            assert image.mode == "I;16"
            values = np.asarray(image) / 65535
        valid = read_ids(folder / sample["truth"]) != 255
        assert values[valid].mean() == pytest.approx(sample["entropy_mean"], abs=1e-5)


def test_another_class_table_is_refused_naming_both(trained_run, tmp_path):
    rows = [ClassRow("road", ((128, 64, 128),)), ClassRow("water", ((0, 0, 255),)), ClassRow("sky", ((70, 130, 230),))]
    prepared = write_prepared(tmp_path, {"a": draw(0)}, {"a": "val"}, table=ClassTable.build(rows))
    with pytest.raises(MismatchError, match=r"two class tables: .*, .*prepared.* has 3 .*'grass'.*'water'") as caught:
        evaluate(load_trained(trained_run.folder, CPU), prepared, tmp_path / "eval", EvalOptions())
    assert str(trained_run.folder) in caught.value.message
    assert not (tmp_path / "eval").exists()


def test_a_model_trained_on_resized_images_is_scored_at_the_masks_own_size(make_street, tmp_path):
    street = make_street(tmp_path, sizes=((32, 32), (40, 36)))
    train(street.prepared, tmp_path / "run", replace(QUICK, resize=(20, 24)))
    trained = load_trained(tmp_path / "run", CPU)
    result = evaluate(trained, street.prepared, tmp_path / "eval", EvalOptions())
    assert result.confusion.sum() == street.prepared.counts("val").pixels.sum()
    assert score_folder(tmp_path / "eval" / "predictions", street.prepared, "val")["confusion"] == (
        result.confusion.tolist()
    )


def test_all_masks_are_scored_where_there_is_no_validation_split(trained_run, street, tmp_path):
    drawings = {"x": street.drawings["a/0"], "y": street.drawings["a/1"]}
    prepared = write_prepared(tmp_path, drawings, {})
    options = EvalOptions(predictions=False)
    result = evaluate(load_trained(trained_run.folder, CPU), prepared, tmp_path / "eval", options)
    assert result.metrics["split"] is None
    assert result.confusion.sum() == prepared.totals.pixels.sum()
    assert not (tmp_path / "eval" / "predictions").exists()
    assert [sample["prediction"] for sample in samples_of(tmp_path / "eval")] == [None, None]


def test_evaluating_anew_leaves_no_mask_of_before_and_touches_nothing_else(trained_run, street, tmp_path):
    trained = load_trained(trained_run.folder, CPU)
    evaluate(trained, street.prepared, tmp_path, EvalOptions(split="train", entropy_maps=1))
    (tmp_path / "predictions" / "mine.png").write_bytes(b"mine")
    evaluate(trained, Prepared.open(street.root), tmp_path, EvalOptions(split="val"))
    found = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.png")}
    assert found == {"predictions/mine.png", *(f"predictions/b/{i}.png" for i in range(4))}

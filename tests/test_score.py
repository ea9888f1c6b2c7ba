import json

import numpy as np
import pytest

from labelprep import metrics
from labelprep.class_rows import ClassRow
from labelprep.classes import ClassTable
from labelprep.errors import UsageError
from labelprep.prepared import Prepared, Row
from labelprep.score import score_folder
from labelprep.steps.count import ClassCounts
from labelprep.steps.palette import encode_mask, save_palette
from tests import reference

TABLE = ClassTable.build([ClassRow(name, ((i, 9, 9),)) for i, name in enumerate(("a", "b", "c"))])


@pytest.fixture
def truth():
    rng = np.random.default_rng(0)
    return {f"deep/{i}" if i % 2 else str(i): rng.choice([0, 1, 2, 255], (4, 5)).astype(np.uint8) for i in range(4)}


@pytest.fixture
def prepared(tmp_path, truth):
    out = tmp_path / "out"
    counts = ClassCounts.zero(3)
    lines = []
    for number, (key, ids) in enumerate(truth.items()):
        save_palette(out / "masks" / f"{key}.png", ids, TABLE)
        one = ClassCounts.of(ids, 3, 255)
        counts += one
        split = "val" if number < 2 else "train"
        pixels = tuple(one.pixels.tolist())
        lines.append(Row(key, f"{key}.png", split=split, height=4, width=5, xxh3="0", pixels=pixels))
    lines.append(Row("failed", "failed.png", split="val"))
    (out / "manifest.jsonl").write_text("".join(row.to_json() + "\n" for row in lines))
    info = {"schema_version": 1, "class_table": TABLE.to_dict(), "totals": counts.to_dict(), "options": {}}
    (out / "dataset.json").write_text(json.dumps(info))
    return Prepared.open(out)


@pytest.fixture
def predictions(truth):
    rng = np.random.default_rng(1)
    return {key: rng.integers(0, 3, ids.shape).astype(np.uint8) for key, ids in truth.items()}


def write(folder, predictions):
    for key, ids in predictions.items():
        (folder / f"{key}.png").parent.mkdir(parents=True, exist_ok=True)
        (folder / f"{key}.png").write_bytes(encode_mask(ids, TABLE))  # also ids that save_palette refuses
    return folder


def test_the_score_is_that_of_all_pixels_counted_one_by_one(tmp_path, prepared, truth, predictions):
    found = score_folder(write(tmp_path / "pred", predictions), prepared, width=0)
    flat = [np.concatenate([x[key].ravel() for key in truth]).tolist() for x in (predictions, truth)]
    matrix = np.array(reference.confusion(*flat, 3))
    assert found["confusion"] == matrix.tolist()
    assert {name: found[name] for name in metrics.summary(matrix, "abc")} == metrics.summary(matrix, "abc")
    assert found["masks"] == 4
    own = [reference.metrics(predictions[k].ravel().tolist(), truth[k].ravel().tolist(), 3)["mean_iou"] for k in truth]
    assert found["mean_iou_per_image"] == pytest.approx(sum(own) / 4)
    json.dumps(found, allow_nan=False)


def test_a_perfect_prediction_scores_one_and_may_hold_the_ignore_index(tmp_path, prepared, truth):
    found = score_folder(write(tmp_path / "pred", truth), prepared)
    assert found["mean_iou"] == found["pixel_accuracy"] == found["mean_iou_per_image"] == 1


def test_only_the_masks_of_the_split_are_scored(tmp_path, prepared, truth, predictions):
    keys = list(truth)[:2]
    seen = {}
    pred = write(tmp_path / "pred", {key: predictions[key] for key in keys})
    found = score_folder(pred, prepared, "val", on_sample=lambda key, matrix, _: seen.setdefault(key, matrix))
    assert found["masks"] == 2
    assert list(seen) == keys
    assert sum(seen.values()).tolist() == found["confusion"]


def test_an_unknown_split_is_an_error(tmp_path, prepared):
    with pytest.raises(UsageError, match="no split named 'test'"):
        score_folder(tmp_path, prepared, "test")


def test_everything_wrong_with_the_predictions_is_listed_at_once(tmp_path, prepared, truth, predictions):
    first, second, third, _ = truth
    bad = dict(predictions)
    del bad[first]
    bad[second] = np.zeros((5, 4), np.uint8)
    bad[third] = np.where(truth[third] == 255, 255, 7).astype(np.uint8)
    with pytest.raises(UsageError, match="3 files cannot be used") as caught:
        score_folder(write(tmp_path / "pred", bad), prepared)
    message = str(caught.value)
    valid = int((truth[third] != 255).sum())
    assert f"{first}.png: cannot read it: No such file or directory" in message
    assert f"{second}.png: is 4x5, its truth 5x4" in message
    assert f"{third}.png: ids must be below 3 where the truth is valid, but there are 7 ({valid} pixels)" in message


def test_a_valid_pixel_without_a_prediction_is_an_error(tmp_path, prepared, truth):
    nothing = {key: np.full_like(ids, 255) for key, ids in truth.items()}
    with pytest.raises(UsageError, match=r"there are 255 \(\d+ pixels\)"):
        score_folder(write(tmp_path / "pred", nothing), prepared)

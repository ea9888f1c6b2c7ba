import math

import numpy as np
import pytest

from labelprep import metrics
from tests import reference

SCORES = (
    *("pixels", "pixel_accuracy", "mean_accuracy", "mean_iou", "mean_dice", "mean_precision"),
    "frequency_weighted_iou",
)


def close(values):
    """Equal up to rounding, None (0/0) equal to None alone."""
    return pytest.approx([math.nan if v is None else v for v in values], rel=1e-12, nan_ok=True)


def with_nan(values):
    return [math.nan if v is None else v for v in values]


def random_case(seed):
    rng = np.random.default_rng(seed)
    classes = int(rng.integers(2, 6))
    labels = rng.choice([*range(classes), 255], 60)
    labels[labels == 1] = rng.choice([1, 255])  # class 1 is absent from the truth of some
    prediction = rng.integers(0, classes, 60)
    prediction[prediction == classes - 1] = rng.choice([0, classes - 1])
    return prediction.tolist(), labels.tolist(), classes


@pytest.mark.parametrize("seed", range(20))
def test_all_figures_equal_those_counted_pixel_by_pixel(seed):
    prediction, labels, classes = random_case(seed)
    matrix = np.array(reference.confusion(prediction, labels, classes))
    wanted = reference.metrics(prediction, labels, classes)
    found = metrics.summary(matrix, [f"c{i}" for i in range(classes)])
    assert with_nan(found[name] for name in SCORES) == close(wanted[name] for name in SCORES)
    for name in ("iou", "dice", "precision", "recall"):
        assert with_nan(row[name] for row in found["classes"]) == close(wanted[name]), name


def test_a_matrix_worked_out_by_hand():
    #            predicted a, b, c
    matrix = np.array([[5, 1, 0], [2, 8, 0], [0, 0, 4]])
    assert metrics.iou(matrix).tolist() == [5 / 8, 8 / 11, 1]
    assert metrics.dice(matrix).tolist() == [10 / 13, 16 / 19, 1]
    assert metrics.precision(matrix).tolist() == [5 / 7, 8 / 9, 1]
    assert metrics.recall(matrix).tolist() == [5 / 6, 8 / 10, 1]
    assert metrics.pixel_accuracy(matrix) == 17 / 20
    assert metrics.mean_accuracy(matrix) == pytest.approx((5 / 6 + 8 / 10 + 1) / 3)
    assert metrics.mean_iou(matrix) == pytest.approx((5 / 8 + 8 / 11 + 1) / 3)
    assert metrics.frequency_weighted_iou(matrix) == pytest.approx((6 * 5 / 8 + 10 * 8 / 11 + 4) / 20)


def test_the_example_of_torchmetrics_confusion_matrix_documentation():
    # target [2, 1, 0, 0], prediction [2, 1, 0, 1]: [[1, 1, 0], [0, 1, 0], [0, 0, 1]]; its Jaccard index is 2/3
    matrix = np.array([[1, 1, 0], [0, 1, 0], [0, 0, 1]])
    assert metrics.mean_iou(matrix) == pytest.approx(2 / 3)


def test_a_class_absent_from_truth_and_prediction_is_listed_and_left_out():
    matrix = np.array([[3, 0, 1], [0, 0, 0], [0, 0, 4]])
    found = metrics.summary(matrix, ["a", "b", "c"])
    assert found["absent"] == ["b"]
    row = found["classes"][1]
    assert [row[name] for name in ("iou", "dice", "precision", "recall")] == [None] * 4
    assert found["mean_iou"] == pytest.approx((3 / 4 + 4 / 5) / 2)


def test_a_class_predicted_but_absent_from_the_truth_counts_as_zero():
    matrix = np.array([[3, 1], [0, 0]])
    found = metrics.summary(matrix, ["a", "b"])
    assert found["absent"] == []
    assert found["classes"][1] == {
        "id": 1,
        "name": "b",
        "support": 0,
        "predicted": 1,
        "iou": 0.0,
        "dice": 0.0,
        "precision": 0.0,
        "recall": None,
    }
    assert found["mean_iou"] == pytest.approx((3 / 4) / 2)
    assert found["mean_accuracy"] == 3 / 4  # its recall is 0/0


def test_a_class_of_the_truth_that_is_never_predicted_has_no_precision():
    row = metrics.summary(np.array([[3, 0], [2, 0]]), ["a", "b"])["classes"][1]
    assert (row["precision"], row["recall"], row["iou"]) == (None, 0.0, 0.0)


def test_an_empty_matrix_gives_none_everywhere_and_no_nan():
    found = metrics.summary(np.zeros((2, 2), np.int64), ["a", "b"])
    assert found["pixels"] == 0
    assert all(found[name] is None for name in SCORES[1:])
    assert found["absent"] == ["a", "b"]


def test_counts_beyond_the_range_of_float32_stay_exact():
    matrix = np.array([[2**30 + 1, 1], [0, 2**24 + 1]])
    assert metrics.recall(matrix).tolist() == [(2**30 + 1) / (2**30 + 2), 1]
    assert metrics.summary(matrix, "ab")["pixels"] == 2**30 + 2**24 + 3


def test_the_baseline_predicts_the_largest_class_of_the_truth_or_of_training():
    matrix = np.array([[1, 5, 0], [9, 1, 0], [0, 0, 4]])  # truth: 6, 10, 4
    own = metrics.majority_baseline(matrix)
    assert own["class"] == 1
    assert own["pixel_accuracy"] == 10 / 20
    assert own["mean_iou"] == pytest.approx((10 / 20) / 3)
    assert own["mean_accuracy"] == pytest.approx(1 / 3)
    trained = metrics.majority_baseline(matrix, np.array([7, 7, 3]))
    assert trained["class"] == 0
    assert trained["mean_iou"] == pytest.approx((6 / 20) / 3)


def test_the_baseline_counts_a_training_class_that_the_truth_lacks():
    found = metrics.majority_baseline(np.array([[4, 0], [0, 0]]), np.array([1, 9]))
    assert found["mean_iou"] == 0
    assert found["pixel_accuracy"] == 0


@pytest.mark.parametrize("matrix", [np.zeros((2, 3), np.int64), np.zeros(4, np.int64), np.zeros((2, 2))])
def test_what_is_no_confusion_matrix_is_refused(matrix):
    with pytest.raises(ValueError, match=r"confusion must be integers of shape \(C, C\)"):
        metrics.iou(matrix)


def test_names_and_training_counts_must_fit():
    with pytest.raises(ValueError, match="names must be one per class, 2, but are 1"):
        metrics.summary(np.eye(2, dtype=np.int64), ["a"])
    with pytest.raises(ValueError, match="one count per class, 2"):
        metrics.majority_baseline(np.eye(2, dtype=np.int64), np.array([1]))


def test_undefined_values_are_nan_per_class_and_the_matrix_stays_as_it_was():
    matrix = np.array([[1, 0], [0, 0]])
    matrix.setflags(write=False)
    assert math.isnan(metrics.iou(matrix)[1])
    metrics.majority_baseline(matrix)

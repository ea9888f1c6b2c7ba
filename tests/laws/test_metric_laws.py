"""Laws of the metrics: bounds, additivity of the matrix they come from, and what relates them."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from labelprep import metrics


def matrices():
    side = st.integers(1, 5)
    return side.flatmap(lambda c: npst.arrays(np.int64, (c, c), elements=st.integers(0, 2**40) | st.just(0)))


@given(matrices())
def test_every_figure_is_none_or_within_zero_and_one_and_json_takes_it(matrix):
    found = metrics.summary(matrix, [str(i) for i in range(len(matrix))])
    json.dumps(found, allow_nan=False)
    figures = [v for name, v in found.items() if name not in ("pixels", "classes", "absent")]
    figures += [row[name] for row in found["classes"] for name in ("iou", "dice", "precision", "recall")]
    assert all(v is None or 0 <= v <= 1 + 1e-12 for v in figures)


@given(matrices())
def test_dice_follows_from_iou(matrix):
    for iou, dice in zip(metrics.iou(matrix).tolist(), metrics.dice(matrix).tolist(), strict=True):
        assert math.isnan(dice) if math.isnan(iou) else dice == pytest.approx(2 * iou / (1 + iou))


@given(matrices())
def test_swapping_truth_and_prediction_swaps_recall_and_precision_alone(matrix):
    np.testing.assert_array_equal(metrics.recall(matrix), metrics.precision(matrix.T))
    np.testing.assert_array_equal(metrics.iou(matrix), metrics.iou(matrix.T))


@given(matrices(), st.data())
def test_the_order_of_the_classes_only_moves_the_figures(matrix, data):
    order = data.draw(st.permutations(range(len(matrix))))
    moved = matrix[np.ix_(order, order)]
    np.testing.assert_array_equal(metrics.iou(matrix)[order], metrics.iou(moved))
    assert metrics.mean_iou(matrix) == metrics.mean_iou(moved)


@given(matrices())
def test_the_baseline_knows_the_truth_alone(matrix):
    shuffled = np.zeros_like(matrix)
    shuffled[:, 0] = matrix.sum(1)
    assert metrics.majority_baseline(matrix) == metrics.majority_baseline(shuffled)

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelprep import metrics
from labelprep.errors import EnvironmentFailure
from labelprep.scoring import per_image
from labelprep.scoring.per_image import CountsFile, Means, image_counts, image_scores


def test_scores_of_one_image_are_the_metrics_of_its_own_matrix():
    confusion = np.array([[5, 1, 0], [2, 8, 0], [0, 0, 0]])
    edges = np.array([[1, 2, 0], [2, 2, 0], [2, 4, 0]])
    found = image_scores(image_counts(confusion, edges))
    whole = metrics.summary(confusion, "abc", edges)
    assert found == {
        "iou_per_image": whole["mean_iou"],
        "dice_per_image": whole["mean_dice"],
        "pixel_accuracy_per_image": whole["pixel_accuracy"],
        "boundary_iou_per_image": whole["mean_boundary_iou"],
    }
    assert whole["mean_boundary_iou"] == pytest.approx((1 / 3 + 2 / 4) / 2)


def test_an_image_without_a_valid_pixel_has_no_scores_and_enters_no_mean():
    empty = image_scores(np.zeros((6, 2), np.int64))
    assert set(empty.values()) == {None}
    means = Means()
    means.add(empty)
    assert set(means.values().values()) == {None}
    means.add(dict.fromkeys(per_image.FIGURES, 0.25))
    assert set(means.values().values()) == {0.25}
    assert set(means.values()) == {f"mean_{name}" for name in per_image.FIGURES}


@given(st.lists(st.floats(0, 1), min_size=1))
def test_means_are_of_sums_that_are_rounded_once(values):
    means = Means()
    for value in values:
        means.add(dict.fromkeys(per_image.FIGURES, value))
    assert set(means.values().values()) == {math.fsum(values) / len(values)}


def test_the_file_is_there_whole_or_not_at_all(tmp_path, monkeypatch):
    counts = np.arange(3 * 6 * 2).reshape(3, 6, 2)
    file = CountsFile(tmp_path / "per_image.npy", 3, 2)
    for one in counts:
        file.add(one)
    assert not (tmp_path / "per_image.npy").exists()
    monkeypatch.setattr(per_image, "SMALL", 0)  # then it is mapped
    table = file.finish()
    assert isinstance(table, np.memmap)
    np.testing.assert_array_equal(table, counts)
    file.discard()
    assert [path.name for path in tmp_path.iterdir()] == ["per_image.npy"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_an_error_with_the_file_named(tmp_path):
    file = CountsFile(tmp_path / "per_image.npy", 10**6, 2)
    file._file.close()
    with Path("/dev/full").open("wb", buffering=0) as full:
        file._file = full
        with pytest.raises(EnvironmentFailure, match="No space left on device") as caught:
            file.add(np.zeros((6, 2), np.int64))
    assert caught.value.path.endswith("per_image.npy")
    file.discard()
    assert list(tmp_path.iterdir()) == []

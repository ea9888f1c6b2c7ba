import numpy as np
import pytest

from labelprep import metrics
from labelprep.scoring import bootstrap
from labelprep.scoring.bootstrap import iou_intervals


def matrices(images, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    found = rng.integers(0, 50, (images, classes, classes)) + np.eye(classes, dtype=np.int64) * 200
    found[::3, 2] = found[::3, :, 2] = 0  # a class that many images lack
    return found


def counts_of(confusions):
    diagonal = np.diagonal(confusions, axis1=1, axis2=2)
    return np.stack([diagonal, confusions.sum(2), confusions.sum(1)], 1).astype(np.int64)


def test_each_replicate_is_the_mean_iou_of_the_images_drawn():
    confusions = matrices(7)
    found = iou_intervals(counts_of(confusions), replicates=40, seed=3)
    rng = np.random.default_rng(3)
    drawn = [confusions[rng.integers(0, 7, 7)].sum(0) for _ in range(40)]
    means = [metrics.mean_iou(one) for one in drawn]
    assert [found["low"], found["high"]] == pytest.approx(np.percentile(means, [2.5, 97.5]), rel=1e-12)
    each = np.array([metrics.iou(one) for one in drawn])
    for c in range(3):
        assert found["classes"][c] == pytest.approx(np.nanpercentile(each[:, c], [2.5, 97.5]), rel=1e-12)


def test_how_much_is_held_in_memory_changes_nothing(monkeypatch, tmp_path):
    counts = counts_of(matrices(23))
    whole = iou_intervals(counts, replicates=50, seed=1)
    monkeypatch.setattr(bootstrap, "_DRAWS", 60)
    monkeypatch.setattr(bootstrap, "_ROWS", 5)
    np.save(tmp_path / "counts.npy", counts)
    assert iou_intervals(np.load(tmp_path / "counts.npy", mmap_mode="r"), replicates=50, seed=1) == whole


def test_the_interval_holds_the_estimate_and_narrows_with_more_images():
    confusions = matrices(400, seed=5)
    widths = []
    for images in (20, 400):
        found = iou_intervals(counts_of(confusions[:images]), replicates=300, seed=0)
        assert found["low"] < metrics.mean_iou(confusions[:images].sum(0)) < found["high"]
        widths.append(found["high"] - found["low"])
    assert widths[1] < widths[0] / 2


def test_equal_images_leave_no_doubt():
    confusions = np.repeat(matrices(1, seed=2), 9, axis=0)
    found = iou_intervals(counts_of(confusions), replicates=20, seed=0)
    assert found["low"] == pytest.approx(found["high"]) == pytest.approx(metrics.mean_iou(confusions[0]))


def test_there_is_none_without_images_replicates_or_pixels():
    assert iou_intervals(np.zeros((0, 3, 2), np.int64), replicates=9, seed=0) is None
    assert iou_intervals(counts_of(matrices(3)), replicates=0, seed=0) is None
    assert iou_intervals(np.zeros((4, 3, 2), np.int64), replicates=9, seed=0) is None


def test_a_class_that_no_replicate_holds_has_no_interval():
    confusions = matrices(4)
    confusions[:, 2] = confusions[:, :, 2] = 0
    assert iou_intervals(counts_of(confusions), replicates=9, seed=0)["classes"][2] is None

import cv2
import numpy as np
import pytest

from labelprep import metrics
from labelprep.scoring import boundary
from labelprep.scoring.boundary import boundary_counts, edge_width, edges


def mask_edge(mask, width):
    """The paper's formula for one class: the mask without its erosion, the picture's border being an edge."""
    padded = np.pad(mask.astype(np.uint8), 1)
    eroded = cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=width)
    return mask & ~eroded[1:-1, 1:-1].astype(bool)


def blobs(seed, size=(40, 60), ids=3):
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, ids, (-(-size[0] // 9), -(-size[1] // 7)))
    return np.kron(coarse, np.ones((9, 7), np.int64))[: size[0], : size[1]].astype(np.uint8)


@pytest.mark.parametrize("width", [1, 2, 5, 19, 60])
@pytest.mark.parametrize("seed", range(3))
def test_counts_are_those_of_eroding_every_class_by_itself(seed, width):
    truth, guess = blobs(seed), blobs(seed + 10)
    guess[::3] = truth[::3]
    truth[5:9, 20:33] = 255
    found = boundary_counts(guess, truth, 3, ignore_index=255, width=width)
    guess = np.where(truth == 255, 255, guess)
    for c in range(3):
        near, far = mask_edge(truth == c, width), mask_edge(guess == c, width)
        assert found[:, c].tolist() == [(near & far).sum(), near.sum(), far.sum()]


@pytest.mark.parametrize("band", [1, 7, 512])
def test_bands_of_rows_change_nothing(monkeypatch, band):
    ids = blobs(4)
    whole = edges(ids, 3)
    monkeypatch.setattr(boundary, "BAND", band)
    np.testing.assert_array_equal(edges(ids, 3), whole)


def test_16_bit_ids_are_told_apart():
    ids = np.zeros((9, 9), np.uint16)
    ids[:, 5:] = 256
    assert edges(ids, 1)[4].tolist() == [True, False, False, False, True, True, False, False, True]


def test_a_width_as_large_as_the_picture_gives_plain_iou():
    truth, guess = blobs(1), blobs(2)
    confusion = np.zeros((3, 3), np.int64)
    np.add.at(confusion, (truth, guess), 1)
    counts = boundary_counts(guess, truth, 3, ignore_index=255, width=60)
    np.testing.assert_array_equal(metrics.boundary_iou(counts), metrics.iou(confusion))


def test_an_error_at_an_edge_costs_more_than_in_plain_iou():
    truth = np.zeros((60, 60), np.uint8)
    truth[:, 30:] = 1
    guess = np.roll(truth, 2, 1)
    guess[:, :2] = 0
    confusion = np.zeros((2, 2), np.int64)
    np.add.at(confusion, (truth, guess), 1)
    counts = boundary_counts(guess, truth, 2, ignore_index=255, width=3)
    assert (metrics.boundary_iou(counts) < metrics.iou(confusion) - 0.1).all()
    perfect = boundary_counts(truth, truth, 2, ignore_index=255, width=3)
    assert metrics.boundary_iou(perfect).tolist() == [1, 1]


def test_what_is_predicted_at_ignored_pixels_does_not_matter():
    truth = blobs(3)
    truth[10:20, 10:30] = 255
    counts = [
        boundary_counts(np.where(truth == 255, fill, blobs(5)), truth, 3, ignore_index=255, width=4) for fill in (0, 2)
    ]
    np.testing.assert_array_equal(*counts)


def test_width_is_a_share_of_the_diagonal_or_pixels_and_zero_counts_nothing():
    assert edge_width((300, 400), 0.02) == 10
    assert edge_width((300, 400), 1) == 1
    assert edge_width((300, 400), 7.0) == 7
    assert boundary_counts(blobs(1), blobs(1), 3, ignore_index=255, width=0).tolist() == [[0] * 3] * 3

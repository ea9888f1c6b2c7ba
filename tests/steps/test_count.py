"""Exact counts: what one mask adds, what is refused, and the way through JSON."""

import json

import numpy as np
import pytest

from labelprep.steps.count import ClassCounts


def counted(rows, classes=3, ignore_index=255, dtype=np.uint8):
    return ClassCounts.of(np.array(rows, dtype), classes, ignore_index)


def test_one_mask_by_hand():
    counts = counted([[0, 0, 2], [255, 2, 0]])
    assert counts.to_dict() == {
        "pixels": [3, 0, 2],
        "images": [1, 0, 1],
        "pixels_where_present": [5, 0, 5],
        "ignored": 1,
        "total": 6,
        "masks": 1,
    }


def test_sums_keep_the_valid_pixels_of_the_masks_that_hold_a_class():
    both = counted([[0, 0, 255]]) + counted([[0, 1, 1, 1]])
    assert both.pixels_where_present.tolist() == [6, 4, 0]
    assert both.images.tolist() == [2, 1, 0]
    assert (both.total, both.ignored, both.masks) == (7, 1, 2)


def test_zero_changes_nothing():
    one = counted([[0, 1, 255]])
    assert ClassCounts.zero(3) + one == one
    assert one != ClassCounts.zero(3)
    assert one != "counts"


def test_counts_do_not_round_beyond_32_bits():
    big = ClassCounts.of_pixels(np.array([2**53 + 1, 1]), ignored=2**40)
    total = big + big
    assert total.pixels.tolist() == [2**54 + 2, 2]
    assert (total.ignored, total.total) == (2**41, 2**54 + 4 + 2**41)


def test_more_than_255_classes_count_in_16_bits():
    counts = counted([[299, 255, 65535]], 300, 65535, np.uint16)
    assert (counts.pixels[299], counts.pixels[255], counts.ignored) == (1, 1, 1)


@pytest.mark.parametrize(
    ("ids", "said"), [([3, 3, 200], r"3 \(2 pixels\), 200 \(1 pixels\)$"), ([300, 255], r"300 \(1 pixels\)$")]
)
def test_an_id_of_no_class_is_named_with_its_pixels(ids, said):
    with pytest.raises(ValueError, match=said):
        counted([ids], dtype=np.uint16)


def test_json_gives_the_same_counts_back():
    counts = counted([[0, 1, 255]]) + counted([[2, 2]])
    assert ClassCounts.from_dict(json.loads(json.dumps(counts.to_dict()))) == counts

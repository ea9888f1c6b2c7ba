"""Laws of counting: exact for any split of the work, and equal to looking at every pixel."""

import json
from functools import reduce

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from labelprep.steps.count import ClassCounts

CLASSES = 4
ids = st.sampled_from([*range(CLASSES), 255])
masks = npst.arrays(np.uint8, npst.array_shapes(min_dims=2, max_dims=2, max_side=6), elements=ids)


def count(mask):
    return ClassCounts.of(mask, CLASSES, 255)


def total(counts):
    return reduce(ClassCounts.__add__, counts, ClassCounts.zero(CLASSES))


@given(st.lists(masks, max_size=6))
def test_counts_equal_looking_at_every_pixel(found):
    counts = total(map(count, found))
    images = [mask.ravel().tolist() for mask in found]
    assert counts.pixels.tolist() == [sum(image.count(c) for image in images) for c in range(CLASSES)]
    assert counts.images.tolist() == [sum(c in image for image in images) for c in range(CLASSES)]
    valid = [len(image) - image.count(255) for image in images]
    assert counts.pixels_where_present.tolist() == [
        sum(n for image, n in zip(images, valid, strict=True) if c in image) for c in range(CLASSES)
    ]
    assert counts.ignored == sum(image.count(255) for image in images)
    assert counts.total == counts.pixels.sum() + counts.ignored == sum(map(len, images))
    assert counts.masks == len(images)


@given(st.lists(masks, max_size=6), st.data())
def test_counts_are_free_of_order_and_partition(found, data):
    each = [count(mask) for mask in data.draw(st.permutations(found))]
    cut = data.draw(st.integers(0, len(each)))
    assert total(map(count, found)) == total(each[:cut]) + total(each[cut:])


@given(masks)
def test_zero_changes_nothing_and_the_parts_stay_as_they_were(mask):
    counts, zero = count(mask), ClassCounts.zero(CLASSES)
    before = counts.to_dict()
    assert counts + zero == zero + counts == counts
    assert counts.to_dict() == before
    assert zero == ClassCounts.zero(CLASSES)


@given(st.lists(masks, min_size=1, max_size=3))
def test_counts_come_back_from_json(found):
    counts = total(map(count, found))
    assert ClassCounts.from_dict(json.loads(json.dumps(counts.to_dict()))) == counts

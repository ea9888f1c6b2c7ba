"""Where crops lie: laws for every size, stride and edge."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelprep.tiling import boxes

SIDES = st.tuples(st.integers(1, 40), st.integers(1, 40))


@given(SIDES, SIDES, SIDES, st.sampled_from(["shift", "pad", "drop"]))
def test_crops_have_their_size_and_lie_where_they_may(image, size, stride, edge):
    found = list(boxes(image, size, stride, edge))
    assert len(set(found)) == len(found)
    for box in found:
        if edge == "shift":
            assert (box.height, box.width) == (min(size[0], image[0]), min(size[1], image[1]))
        else:
            assert (box.height, box.width) == size
        inside = box.y + box.height <= image[0] and box.x + box.width <= image[1]
        assert inside or edge == "pad"
        assert 0 <= box.y < image[0]
        assert 0 <= box.x < image[1]
    assert edge == "drop" or found


@given(SIDES, SIDES, SIDES, st.sampled_from(["shift", "pad"]))
def test_every_pixel_is_in_a_crop_where_strides_leave_no_gaps(image, size, stride, edge):
    stride = (min(stride[0], size[0]), min(stride[1], size[1]))
    seen = np.zeros(image, bool)
    for box in boxes(image, size, stride, edge):
        seen[box.y : box.y + box.height, box.x : box.x + box.width] = True
    assert seen.all()


@pytest.mark.parametrize(
    ("edge", "corners"),
    [("shift", [0, 4, 6]), ("pad", [0, 4, 8]), ("drop", [0, 4])],
)
def test_the_last_crop_of_ten_columns(edge, corners):
    assert [box.x for box in boxes((4, 10), (4, 4), (4, 4), edge)] == corners

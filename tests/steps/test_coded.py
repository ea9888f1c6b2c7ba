"""A mask is the same whether it is encoded whole or part by part."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from labelprep.steps import coded
from labelprep.steps.coded import encode


@pytest.mark.parametrize("part", [1, 7, 64, 1 << 20])
@given(
    hnp.arrays(
        st.sampled_from([np.uint8, np.uint16, np.uint32]),
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=20),
        elements=st.integers(0, 5) | st.integers(0, 255),
    )
)
def test_values_counts_first_pixels_and_codes_are_those_of_the_whole(part, pixels):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coded, "PART", part)
        found = encode(pixels)
        values, first, codes, counts = np.unique(pixels, return_index=True, return_inverse=True, return_counts=True)
        for ours, theirs in zip(
            (found.values, found.first, found.codes, found.pixels, found.picture()),
            (values, first, codes.reshape(pixels.shape), counts, pixels),
            strict=True,
        ):
            np.testing.assert_array_equal(ours, theirs)
        wide = np.arange(len(values), dtype=np.int64) * 3
        np.testing.assert_array_equal(found.spread(wide), wide[codes.reshape(pixels.shape)])
        flags = np.arange(len(values)) % 2 == 0
        np.testing.assert_array_equal(found.spread(flags), flags[codes.reshape(pixels.shape)])


def test_codes_are_as_narrow_as_the_number_of_values_allows():
    for size, kind in ((256, np.uint8), (257, np.uint16), (65536, np.uint16), (65537, np.uint32)):
        assert encode(np.arange(size, dtype=np.uint32).reshape(1, -1)).codes.dtype == kind

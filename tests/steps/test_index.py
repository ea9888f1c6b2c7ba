"""Colours to ids: equal to the slow reference for every pixel."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelprep.classes import ClassRow, ClassTable
from labelprep.errors import UsageError
from labelprep.steps.index import to_index
from tests import reference

TABLE = ClassTable.build(
    [
        ClassRow("road", ((128, 64, 128), (129, 64, 128))),
        ClassRow("sky", ((70, 130, 180),)),
        ClassRow("void", ((0, 0, 0),), ignore=True),
        ClassRow("car", ((0, 0, 142),)),
        ClassRow("lorry", ((0, 0, 70),), merge_into="car"),
    ]
)
COLORS = np.array(list(TABLE.color_ids), np.uint8)


@st.composite
def masks(draw, strange: bool):
    """Blocks of the table's colours; with a few strange pixels if asked."""
    height, width = draw(st.integers(1, 24)), draw(st.integers(1, 24))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    coarse = rng.integers(0, len(COLORS), (-(-height // 3), -(-width // 4)))
    rgb = COLORS[np.kron(coarse, np.ones((3, 4), np.int64))[:height, :width]]
    if strange:
        hit = rng.random((height, width)) < 0.1
        rgb = np.where(hit[..., None], rgb.astype(int) + rng.integers(-4, 5, rgb.shape), rgb).clip(0, 255)
    return rgb.astype(np.uint8)


@given(masks(strange=False))
def test_ids_equal_the_reference_pixel_by_pixel(rgb):
    np.testing.assert_array_equal(to_index(rgb, TABLE), reference.index_of(rgb, TABLE))


@given(masks(strange=False))
def test_a_swapped_array_read_as_bgr_gives_the_same_ids(rgb):
    swapped = np.ascontiguousarray(rgb[..., ::-1])
    np.testing.assert_array_equal(to_index(swapped, TABLE, "bgr"), to_index(rgb, TABLE))


@given(masks(strange=True), st.integers(0, 8))
@settings(max_examples=60)
def test_snapping_equals_the_reference_and_refuses_ties_and_far_pixels(rgb, radius):
    expected = reference.nearest_ids(rgb, TABLE, radius)
    if (expected < 0).any():
        with pytest.raises(UsageError, match="not in the class table"):
            to_index(rgb, TABLE, on_unknown=f"nearest:{radius}")
    else:
        np.testing.assert_array_equal(to_index(rgb, TABLE, on_unknown=f"nearest:{radius}"), expected)


def test_distances_do_not_overflow():
    """Squared differences reach 3 x 255^2; in 16 bits white is nearer to black than to light gray."""
    table = ClassTable.build([ClassRow("black", ((0, 0, 0),)), ClassRow("light", ((200, 200, 200),))])
    white = np.full((1, 1, 3), 255, np.uint8)
    assert to_index(white, table, on_unknown="nearest:500").tolist() == [[1]]


def test_a_tie_between_two_classes_is_refused():
    table = ClassTable.build([ClassRow("a", ((0, 0, 0),)), ClassRow("b", ((4, 0, 0),))])
    with pytest.raises(UsageError):
        to_index(np.array([[[2, 0, 0]]], np.uint8), table, on_unknown="nearest:9")


def test_unknown_colours_may_be_ignored_or_mapped():
    rgb = np.array([[[1, 2, 3], [128, 64, 128]]], np.uint8)
    assert to_index(rgb, TABLE, on_unknown="ignore").tolist() == [[255, 0]]
    assert to_index(rgb, TABLE, on_unknown="map:car").tolist() == [[2, 0]]
    with pytest.raises(UsageError, match="did you mean 'road'"):
        to_index(rgb, TABLE, on_unknown="map:raod")
    with pytest.raises(ValueError, match="on_unknown"):
        to_index(rgb, TABLE, on_unknown="skip")


def test_the_error_names_pixels_place_and_colour():
    rgb = np.tile(np.array([128, 64, 128], np.uint8), (4, 5, 1))
    rgb[2, 1:4] = (9, 8, 7)
    with pytest.raises(UsageError, match=r"\(9, 8, 7\) x 3 pixels, first at \(1, 2\)"):
        to_index(rgb, TABLE)


def test_source_ids_become_final_ids():
    ids = np.array([[0, 1, 2, 3, 4, 255]], np.uint8)
    assert to_index(ids, TABLE).tolist() == [[0, 1, 255, 2, 2, 255]]


@pytest.mark.parametrize("array", [np.zeros((2, 2, 4), np.uint8), np.zeros((2, 2), np.int32), np.zeros((2, 2, 3))])
def test_other_arrays_are_refused(array):
    with pytest.raises(ValueError, match="array must be"):
        to_index(array, TABLE)


@pytest.mark.parametrize(("value", "dtype"), [(65536, np.uint32), (2**32, np.uint64), (2**32 + 1, np.uint64)])
def test_ids_too_large_for_any_table_are_refused_and_never_wrapped(value, dtype):
    with pytest.raises(ValueError, match=str(value)):
        to_index(np.array([[0, value]], dtype), TABLE, on_unknown="ignore")


def test_wide_arrays_of_small_ids_are_read():
    for dtype in (np.uint16, np.uint32, np.uint64):
        assert to_index(np.array([[0, 1, 255]], dtype), TABLE).tolist() == [[0, 1, 255]]


def test_an_unknown_order_raises():
    with pytest.raises(ValueError, match="'gbr'"):
        to_index(np.zeros((1, 1, 3), np.uint8), TABLE, "gbr")

import numpy as np
import pytest
from PIL import Image

from labelprep.class_rows import ClassRow
from labelprep.classes import ClassTable
from labelprep.findings import Finding
from labelprep.report import marks

TABLE = ClassTable.build([ClassRow("a", ((10, 20, 30),)), ClassRow("b", ((40, 50, 60),))])


def painted(spot=None, color=(200, 100, 0), shape=(40, 60)):
    pixels = np.full((*shape, 3), (10, 20, 30), np.uint8)
    expected = np.zeros(shape, bool)
    if spot is not None:
        pixels[spot] = color
        expected[spot] = True
    return pixels, expected


@pytest.mark.parametrize("swapped", [False, True])
def test_the_pixels_of_a_colour_are_found_in_either_order(swapped):
    pixels, expected = painted(np.s_[5:9, 7:20])
    image = Image.fromarray(np.ascontiguousarray(pixels[..., ::-1]) if swapped else pixels)
    finding = Finding.of("unknown-color", "", color=(200, 100, 0), xy=(7, 5))
    assert np.array_equal(marks.offending(finding, image, TABLE), expected)


def test_unknown_colours_are_those_that_the_table_lacks():
    pixels, expected = painted(np.s_[0:3, 0:3])
    for code in ("blended-edges", "lossy-mask", "ignored-colors"):
        assert np.array_equal(marks.offending(Finding.of(code, ""), Image.fromarray(pixels), TABLE), expected)
    clean, _ = painted()
    assert marks.offending(Finding.of("lossy-mask", ""), Image.fromarray(clean), TABLE) is None


def test_ids_transparency_and_white_are_found():
    ids = np.zeros((20, 20), np.uint8)
    ids[3, 4] = 9
    found = marks.offending(Finding.of("id-out-of-range", "", xy=(4, 3)), Image.fromarray(ids), TABLE)
    assert np.argwhere(found).tolist() == [[3, 4]]
    binary = Image.fromarray(np.where(ids, np.uint8(255), np.uint8(0)))
    assert marks.offending(Finding.of("binary-mask", ""), binary, TABLE).sum() == 1
    rgba = np.full((20, 20, 4), 255, np.uint8)
    rgba[:2, :, 3] = 0
    assert marks.offending(Finding.of("transparent-pixels", ""), Image.fromarray(rgba), TABLE).sum() == 40


def test_a_finding_without_a_place_marks_nothing():
    pixels, _ = painted(np.s_[0:3, 0:3])
    assert marks.offending(Finding.of("damaged-file", ""), Image.fromarray(pixels), TABLE) is None


@pytest.mark.parametrize("xy", [(0, 0), (59, 39), (30, 20), (59, 0), (900, 900), None])
def test_the_part_that_is_enlarged_lies_inside_and_holds_the_place(xy):
    box = left, top, right, bottom = marks.box_around(None, xy, (40, 60))
    assert 0 <= left < right <= 60
    assert 0 <= top < bottom <= 40
    if xy is not None and xy[0] < 60:
        assert left <= xy[0] < right
        assert top <= xy[1] < bottom
    pixels, _ = painted()
    assert marks.magnified(pixels, box, 320).shape[2] == 3


def test_a_large_region_is_not_ringed_and_a_small_one_is():
    shape = (600, 800)
    bits = np.zeros(shape, bool)
    bits[100:105, 200:210] = True
    assert marks.is_small(marks.box_around(bits, (200, 100), shape), shape)
    bits[:] = True
    assert not marks.is_small(marks.box_around(bits, (0, 0), shape), shape)


def test_the_outline_leaves_the_pixels_themselves_alone():
    pixels, bits = painted(np.s_[10:14, 20:24])
    drawn = marks.outlined(pixels, bits)
    assert np.array_equal(drawn[bits], pixels[bits])
    assert tuple(drawn[9, 20]) == marks.RING
    assert tuple(drawn[8, 20]) == (0, 0, 0)
    assert np.array_equal(drawn[0], pixels[0])


def test_a_region_ends_where_the_pixels_do():
    bits = np.zeros((9, 9), bool)
    bits[1:3, 1:3] = bits[6:8, 6:8] = True
    assert marks.region_at(bits, (2, 2)).sum() == 4
    assert marks.region_at(bits, (5, 5)).sum() == 8


def test_one_pixel_of_a_large_picture_still_shows_when_thinned_out():
    pixels = np.zeros((900, 1200, 3), np.uint8)
    bits = np.zeros((900, 1200), bool)
    bits[450, 600] = True
    drawn = marks.marked(pixels, bits, marks.box_around(bits, None, bits.shape), 300)
    assert drawn.shape == (225, 300, 3)
    assert (drawn[108:118, 145:155] == marks.RING).all(-1).any()
    assert (drawn == marks.RING).all(-1).sum() > 20  # the ring around it

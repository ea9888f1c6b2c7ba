"""What the pixels of a mask mean: the order of the channels, indices or colours, alpha or not."""

import numpy as np
import pytest

from labelprep.classes import ClassRow, ClassTable
from labelprep.steps.decoded import Decoded, pack
from labelprep.steps.index import build_index
from labelprep.steps.meaning import Habits, understand

TABLE = ClassTable.build(
    [
        ClassRow("road", ((128, 64, 128),)),
        ClassRow("sky", ((70, 130, 180),)),
        ClassRow("car", ((0, 0, 142),)),
        ClassRow("gray", ((90, 90, 90),)),
        ClassRow("void", ((0, 0, 0),), ignore=True),
    ]
)
COLORS = np.array([(128, 64, 128), (70, 130, 180), (0, 0, 142), (90, 90, 90)], np.uint8)
TWO_WAYS = ClassTable.build([ClassRow("red", ((200, 0, 0),)), ClassRow("blue", ((0, 0, 200),))])


def rgb(array, alpha=None):
    alpha = None if alpha is None else np.array(alpha, np.uint8)
    return Decoded("rgb", pack(np.array(array, np.uint8)), "PNG", "RGB", alpha=alpha)


def gray(array):
    return Decoded("gray", np.array(array, np.uint8), "PNG", "L")


def palette(array, colors, mode="P"):
    full = np.zeros((256, 3), np.uint8)
    full[: len(colors)] = colors
    return Decoded("palette", np.array(array, np.uint8), "PNG", mode, palette=full, entries=len(colors))


def ids(meaning, table=TABLE):
    return build_index(meaning.reading, table).tolist()


def codes(meaning):
    return [f.code for f in meaning.findings]


def test_colours_in_the_table_decide_for_red_first():
    meaning = understand(rgb([[COLORS[1], COLORS[2]]]), TABLE, Habits())
    assert (ids(meaning), meaning.vote, codes(meaning)) == ([[1, 2]], "rgb", [])


def test_colours_that_fit_swapped_alone_decide_for_blue_first_and_are_told():
    meaning = understand(rgb([[COLORS[1][::-1], COLORS[2][::-1]]]), TABLE, Habits())
    assert (ids(meaning), meaning.vote, codes(meaning)) == ([[1, 2]], "bgr", ["swapped-red-blue"])


def test_colours_that_are_their_own_mirror_decide_nothing():
    meaning = understand(rgb([[COLORS[0], COLORS[3], (0, 0, 0)]]), TABLE, Habits())
    assert (ids(meaning), meaning.vote, meaning.undecided) == ([[0, 3, 255]], None, False)


def test_an_order_that_is_asked_for_is_taken_whatever_fits():
    meaning = understand(rgb([[COLORS[1]]]), TABLE, Habits(color_order="bgr"))
    assert (meaning.reading.unknown, meaning.vote) == (1, None)
    meaning = understand(rgb([[COLORS[1][::-1]]]), TABLE, Habits(color_order="bgr"))
    assert (ids(meaning), codes(meaning)) == ([[1]], [])


def test_mostly_swapped_colours_are_read_swapped_but_do_not_vote():
    mask = [[COLORS[1][::-1], COLORS[2][::-1], (1, 2, 3)]]
    meaning = understand(rgb(mask), TABLE, Habits())
    assert (meaning.reading.unknown, meaning.vote, codes(meaning)) == (1, None, ["swapped-red-blue"])


@pytest.mark.parametrize(
    ("tie", "expected", "told"),
    [("rgb", [[0, 1]], []), ("bgr", [[1, 0]], ["swapped-red-blue"]), ("error", None, ["ambiguous-order"])],
)
def test_colours_that_fit_both_ways_wait_and_then_take_what_they_are_told(tie, expected, told):
    mask = rgb([[(200, 0, 0), (0, 0, 200)]])
    waiting = understand(mask, TWO_WAYS, Habits(tie="wait"))
    assert (waiting.undecided, waiting.vote) == (True, None)
    meaning = understand(mask, TWO_WAYS, Habits(tie=tie))
    assert codes(meaning) == told
    assert not meaning.undecided
    assert (None if meaning.reading is None else ids(meaning, TWO_WAYS)) == expected


def test_three_equal_channels_are_ids_where_that_explains_more():
    meaning = understand(rgb(np.repeat([[[0], [1], [2], [255]]], 3, axis=2)), TABLE, Habits())
    assert (ids(meaning), codes(meaning)) == ([[0, 1, 2, 255]], ["equal-channels"])


def test_a_stray_gray_among_gray_classes_stays_an_unknown_colour():
    meaning = understand(rgb([[(90, 90, 90), (0, 0, 0), (91, 91, 91)]]), TABLE, Habits())
    assert codes(meaning) == []
    assert (meaning.reading.unknown, meaning.reading.ids[meaning.reading.strange].tolist()) == (1, [-1])


def test_gray_values_are_ids_or_gray_colours_by_what_fits():
    assert ids(understand(gray([[0, 2, 3, 255]]), TABLE, Habits())) == [[0, 2, 3, 255]]
    assert ids(understand(gray([[90, 0]]), TABLE, Habits())) == [[3, 255]]


@pytest.mark.parametrize("meaning", ["auto", "index", "colour"])
def test_a_palette_whose_entries_are_the_classes_reads_the_same_either_way(meaning):
    mask = palette([[0, 1, 2, 3]], COLORS)
    assert ids(understand(mask, TABLE, Habits(palette_meaning=meaning))) == [[0, 1, 2, 3]]


def test_a_palette_in_another_order_is_an_error_until_chosen():
    mask = palette([[0, 1]], COLORS[[1, 0]])
    told = understand(mask, TABLE, Habits())
    assert (told.reading, codes(told)) == (None, ["palette-order"])
    assert "entry 0 is 'road' by index and 'sky' by colour" in told.findings[0].message
    assert ids(understand(mask, TABLE, Habits(palette_meaning="index"))) == [[0, 1]]
    assert ids(understand(mask, TABLE, Habits(palette_meaning="colour"))) == [[1, 0]]


def test_a_palette_of_table_colours_in_places_beyond_the_table_means_its_colours():
    colors = np.zeros((40, 3), np.uint8)
    colors[[20, 30]] = COLORS[[2, 0]]
    assert ids(understand(palette([[20, 30]], colors), TABLE, Habits())) == [[2, 0]]


def test_a_decorative_palette_means_its_indices_and_a_half_fitting_one_is_told():
    plain = np.array([(1, 2, 3), (4, 5, 6)], np.uint8)
    meaning = understand(palette([[0, 1]], plain), TABLE, Habits())
    assert (ids(meaning), codes(meaning)) == ([[0, 1]], [])
    half = np.array([COLORS[2], (4, 5, 6)], np.uint8)
    meaning = understand(palette([[0, 1]], half), TABLE, Habits())
    assert (ids(meaning), codes(meaning)) == ([[0, 1]], ["palette-misfit"])


def test_index_255_is_ignored_whatever_its_colour_says_nothing_of():
    assert ids(understand(palette([[0, 255]], COLORS), TABLE, Habits())) == [[0, 255]]


def test_a_swapped_palette_votes():
    colors = np.zeros((9, 3), np.uint8)
    colors[7:] = COLORS[[1, 2]][:, ::-1]
    meaning = understand(palette([[7, 8]], colors), TABLE, Habits())
    assert (ids(meaning), meaning.vote, codes(meaning)) == ([[1, 2]], "bgr", ["swapped-red-blue"])


def test_blue_first_is_said_of_colour_masks_and_not_of_palettes_unless_only_that_fits():
    """cv2 writes no palettes: one in the same folder is red first by its format."""
    bgr = Habits(color_order="bgr")
    places = np.zeros((9, 3), np.uint8)
    places[7:] = COLORS[[1, 2]]
    right, swapped = palette([[7, 8]], places), palette([[7, 8]], places[:, ::-1])
    assert ids(understand(rgb([[COLORS[1][::-1], COLORS[2][::-1]]]), TABLE, bgr)) == [[1, 2]]
    assert (ids(understand(right, TABLE, bgr)), codes(understand(right, TABLE, bgr))) == ([[1, 2]], [])
    told = understand(swapped, TABLE, bgr)
    assert (ids(told), codes(told)) == ([[1, 2]], ["swapped-red-blue"])
    both = ClassTable.build([ClassRow("red", ((200, 0, 10),)), ClassRow("blue", ((10, 0, 200),))])
    places[7:] = [(200, 0, 10), (10, 0, 200)]
    assert ids(understand(palette([[7, 8]], places), both, bgr), both) == [[0, 1]]


def test_transparency_is_an_error_until_it_means_ignored():
    mask = rgb([[COLORS[0], COLORS[1], COLORS[2]]], [[0, 128, 255]])
    told = understand(mask, TABLE, Habits())
    assert (told.reading, codes(told), told.findings[0].xy) == (None, ["transparent-pixels"], (0, 0))
    ignored = understand(mask, TABLE, Habits(alpha="ignore"))
    assert (ids(ignored), codes(ignored)) == ([[255, 1, 2]], ["ignored-transparency"])
    assert "1 half transparent ones are read by their colour" in ignored.findings[0].message


def test_one_colour_under_a_shaped_alpha_is_told_as_a_mask_in_the_alpha_channel():
    mask = rgb([[COLORS[0]] * 3], [[0, 0, 255]])
    assert codes(understand(mask, TABLE, Habits())) == ["alpha-mask"]
    assert ids(understand(mask, TABLE, Habits(alpha="ignore"))) == [[255, 255, 0]]

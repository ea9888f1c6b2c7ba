"""What is strange about a mask, told with its place and its cause."""

import cv2
import numpy as np
import pytest
from PIL import Image

from labelprep.classes import ClassRow, ClassTable
from labelprep.steps.check import (
    MAX_LISTED,
    blended_pixels,
    changed_on_request,
    check_binary,
    check_file,
    check_unknown,
    diagnose_values,
    lumas,
    stretched_steps,
)
from labelprep.steps.coded import encode
from labelprep.steps.decoded import Decoded, pack
from labelprep.steps.look_up import Reading, color_book, value_book
from labelprep.steps.unknown import resolve_unknown, unknown_values

TABLE = ClassTable.build(
    [ClassRow("road", ((128, 64, 128),)), ClassRow("sky", ((70, 130, 180),)), ClassRow("car", ((0, 0, 142),))]
)
ROAD, SKY, CAR = ((128, 64, 128), (70, 130, 180), (0, 0, 142))
LUMAS = np.asarray(Image.fromarray(np.array([[ROAD, SKY, CAR]], np.uint8)).convert("L"))[0].tolist()


def colors(rows, table=TABLE):
    """A mask of colours, decoded and looked up."""
    pixels = pack(np.array(rows, np.uint8))
    return Decoded("rgb", pixels, "PNG", "RGB"), Reading(encode(pixels), color_book(table))


def values(rows, table=TABLE, palette=None):
    pixels = np.array(rows, np.uint8)
    kind = "gray" if palette is None else "palette"
    return Decoded(kind, pixels, "PNG", "L", palette=palette), Reading(encode(pixels), value_book(table))


def told(decoded, reading, policy="error", table=TABLE):
    unknown = unknown_values(reading)
    _, refused = resolve_unknown(reading, unknown, table, policy)
    return check_unknown(reading, unknown, refused, decoded, table), changed_on_request(unknown, refused, policy)


@pytest.mark.parametrize(
    ("path", "kind", "lossy", "codes"),
    [
        ("a.png", "PNG", False, []),
        ("deep/a.TIF", "TIFF", False, []),
        ("a.png", "BMP", False, ["wrong-ending"]),
        ("a.jpg", "JPEG", True, ["lossy-mask"]),
        ("a.png", "JPEG", True, ["wrong-ending", "lossy-mask"]),
        ("a", "PNG", False, []),
    ],
)
def test_endings_that_lie_and_losses_are_told(path, kind, lossy, codes):
    decoded = Decoded("rgb", np.zeros((1, 1), np.uint32), kind, "RGB", lossy=lossy)
    assert [f.code for f in check_file(decoded, path)] == codes


def test_unknown_colours_come_with_pixels_first_place_and_nearest_class_most_pixels_first():
    found, _ = told(*colors([[ROAD, (1, 2, 3), (0, 0, 140)], [(0, 0, 140), (0, 0, 140), SKY]]))
    assert [(f.code, f.color, f.pixels, f.xy, f.nearest, f.distance) for f in found] == [
        ("unknown-color", (0, 0, 140), 3, (2, 0), "car", 2.0),
        ("unknown-color", (1, 2, 3), 1, (1, 0), "car", 139.0),
    ]


def test_a_tie_is_named():
    table = ClassTable.build([ClassRow("a", ((0, 0, 0),)), ClassRow("b", ((4, 0, 0),))])
    found, _ = told(*colors([[(2, 0, 0)]], table), policy="nearest:9", table=table)
    assert "as near as another class" in found[0].message


def test_beyond_64_colours_the_rest_is_summed_up():
    strange = [(i, 255, 0) for i in range(MAX_LISTED + 6)]
    found, _ = told(*colors([strange]))
    assert [f.code for f in found[:-1]] == ["unknown-color"] * MAX_LISTED
    assert (found[-1].code, found[-1].pixels) == ("more-unknown-colors", 6)


def test_what_a_policy_changed_is_told_apart_from_what_it_refused():
    decoded, reading = colors([[(71, 130, 180), (71, 130, 180), (9, 9, 9)]])
    refused, changed = told(decoded, reading, "nearest:3")
    assert [(f.color, f.pixels) for f in refused] == [((9, 9, 9), 1)]
    assert [(f.code, f.pixels) for f in changed] == [("snapped-colors", 2)]
    for policy, code in (("ignore", "ignored-colors"), ("map:car", "mapped-colors")):
        refused, changed = told(decoded, reading, policy)
        assert (refused, changed[0].code, changed[0].pixels) == ([], code, 3)


def test_a_colour_between_its_neighbours_is_a_blend_across_and_down():
    middle = tuple((a + b) // 2 for a, b in zip(ROAD, SKY, strict=True))
    row = [ROAD, middle, SKY]
    for mask in ([row], [[c] for c in row]):
        assert blended_pixels(colors(mask)[1]) == 1
        assert [f.code for f in told(*colors(mask))[0]] == ["unknown-color", "blended-edges"]


@pytest.mark.parametrize("strange", [(9, 200, 9), ROAD[::-1]])
def test_a_colour_off_the_line_between_its_neighbours_is_none(strange):
    assert blended_pixels(colors([[ROAD, strange, SKY]])[1]) == 0


def test_a_blend_needs_two_neighbours_of_different_colour():
    middle = (100, 97, 154)
    assert blended_pixels(colors([[ROAD, middle, ROAD]])[1]) == 0
    assert blended_pixels(colors([[ROAD, middle, middle]])[1]) == 0


def test_ids_outside_the_table_are_told_with_its_span():
    found, _ = told(*values([[0, 1, 9], [9, 2, 0]]))
    assert found[0].message == "id 9: 2 pixels, first at (2, 0); the class table has 0..2"


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ([[1, 2, 3]], "shifted-ids"),
        ([[0, 1, 3]], None),
        ([[0, 127, 255]], "stretched-gray"),
        ([LUMAS], "palette-luma"),
    ],
)
def test_the_cause_of_strange_ids_is_named(rows, code):
    found = diagnose_values(values(rows)[1], TABLE)
    assert [f.code for f in found] == ([] if code is None else [code])


def test_a_table_without_a_usable_source_id_breaks_no_diagnosis():
    table = ClassTable.build([ClassRow("plate", ((1, 2, 3),), id=-1)], renumber=True)
    found, _ = told(*values([[0, 1]], table), table=table)
    assert "the class table has 0 ids" in found[0].message


def test_lumas_are_those_that_pillow_and_opencv_write():
    written = np.array([[ROAD, SKY, CAR]], np.uint8)
    for grays in (LUMAS, cv2.cvtColor(written, cv2.COLOR_RGB2GRAY)[0].tolist()):
        assert [lumas(TABLE)[v] for v in grays] == ["road", "sky", "car"]


@pytest.mark.parametrize(
    ("found", "classes", "steps"),
    [([0, 127, 255], 3, 2), ([0, 85, 170, 255], 5, 3), ([0, 255], 5, 0), ([0, 10, 255], 5, 0), ([1, 128, 255], 5, 0)],
)
def test_even_steps_are_seen_where_the_classes_allow_them(found, classes, steps):
    assert stretched_steps(np.array(found), classes) == steps


def test_0_and_255_alone_are_a_binary_where_255_means_nothing_else():
    two = ClassTable.build([ClassRow("background", ((1, 1, 1),)), ClassRow("polyp", ((2, 2, 2),))])
    white = np.full((256, 3), 255, np.uint8)
    void = np.zeros((256, 3), np.uint8)
    for palette, codes in ((None, ["binary-mask"]), (white, ["binary-mask"]), (void, [])):
        decoded, reading = values([[0, 255, 255]], two, palette)
        assert [f.code for f in check_binary(reading, decoded, two)] == codes
    assert check_binary(*reversed(values([[0, 1, 255]], two)), two) == []
    (found,) = check_binary(*reversed(values([[0, 255, 255]])), TABLE)
    assert (found.severity, found.pixels) == ("warning", 2)

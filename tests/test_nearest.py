"""The nearest known word is offered whatever others call a thing, and nothing where nothing comes near."""

import pytest

from labelprep.exports import LAYOUTS
from labelprep.nearest import LAYOUTS_ELSEWHERE, nearest
from tests.dataset import labelprep


@pytest.mark.parametrize("word", LAYOUTS_ELSEWHERE)
def test_names_that_others_give_to_layouts_lead_to_one_that_is_written(word):
    assert nearest(word, LAYOUTS) == LAYOUTS_ELSEWHERE[word]


@pytest.mark.parametrize(
    ("word", "known", "found"),
    [
        ("WebDataset", LAYOUTS, "wds"),
        ("hugging_face", LAYOUTS, "hf"),
        ("coco-panoptic", LAYOUTS, "coco"),
        ("yolo", ("ultralytics", "yolo-segment"), "yolo-segment"),  # known words go before what is meant elsewhere
        ("tree", ("treeline", "trees"), "trees"),
        ("sid", ("sidewalk",), "sidewalk"),
        ("", LAYOUTS, None),
        (3, LAYOUTS, None),
        ("zebra", LAYOUTS, None),
    ],
)
def test_the_nearest_word(word, known, found):
    assert nearest(word, known) == found


def test_an_export_asks_for_a_layout_that_there_is(tmp_path):
    refused = labelprep("export", tmp_path, "-o", tmp_path / "x", "--layout", "webdataset")
    assert (refused.code, "; did you mean 'wds'?" in refused.err) == (2, True)
    refused = labelprep("export", tmp_path, "-o", tmp_path / "x")
    assert refused.code == 2
    assert "Missing option '--layout'. Choose from: mirror, pairs, ultralytics, " in refused.err

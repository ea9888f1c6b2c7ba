"""Where convert writes, what it refuses, and when it has finished only in part."""

import pytest

from tests.dataset import COLORS, Dataset, blocks, labelprep, tree


@pytest.fixture
def data(tmp_path):
    made = Dataset(tmp_path / "data")
    for n in range(3):
        made.pair(f"a{n}", COLORS[blocks(n, ids=6)])
    return made


@pytest.mark.parametrize("place", ["masks/out", "images/out"])
def test_an_output_that_the_next_run_would_take_for_input_is_refused(data, place):
    before = tree(data.root)
    result = labelprep("convert", data.root, "-o", data.root / place)
    assert result.code == 2
    assert "where masks and images are looked for" in result.err
    assert tree(data.root) == before


def test_an_output_beside_the_masks_is_no_input_of_the_next_run(data):
    for _ in range(2):
        result = labelprep("convert", data.root, "-o", data.root / "out", "--json")
        assert (result.code, result.summary["masks"]) == (0, 3)


def test_a_trial_with_a_limit_does_not_sweep_a_finished_folder(data, tmp_path):
    out = tmp_path / "out"
    assert labelprep("convert", data.root, "-o", out).code == 0
    before = tree(out)
    result = labelprep("convert", data.root, "-o", out, "--limit", "1")
    assert result.code == 2
    assert "limit was None, is 1" in result.err
    assert tree(out) == before
    assert labelprep("convert", data.root, "-o", out, "--limit", "1", "--overwrite", "--json").summary["masks"] == 1


def test_names_that_collide_are_left_out_and_the_exit_code_says_so(data, tmp_path):
    data.pair("b")
    data.mask("b", ending=".bmp")
    result = labelprep("convert", data.root, "-o", tmp_path / "out", "--json")
    assert result.code == 3
    assert (result.summary["written"], result.summary["left_out"]) == (3, 1)
    assert "1 files or names were left out" in labelprep("convert", data.root, "-o", tmp_path / "out").out


def test_a_listed_mask_that_does_not_exist_is_left_out(data, tmp_path):
    (data.root / "pairs.csv").write_text("image,mask\nimages/a0.png,masks/a0.png\nimages/a1.png,masks/gone.png\n")
    result = labelprep("convert", data.root, "-o", tmp_path / "out", "--json")
    assert (result.code, result.summary["written"], result.summary["left_out"]) == (3, 1, 1)

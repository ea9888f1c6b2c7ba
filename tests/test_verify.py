"""verify sees whatever was done to a prepared folder behind labelprep's back."""

import numpy as np
import pytest

from labelprep.prepared import Prepared
from labelprep.steps.palette import read_ids, save_palette
from tests.dataset import COLORS, Dataset, blocks, labelprep


@pytest.fixture
def out(tmp_path):
    data = Dataset(tmp_path / "data")
    for n in range(4):
        data.pair(f"deep/mask{n}", COLORS[blocks(n, ids=6)])
    assert labelprep("convert", data.root, "-o", tmp_path / "out", "--ignore", "void").code == 0
    return tmp_path / "out"


def codes(out):
    result = labelprep("verify", out, "--json")
    assert result.code == (1 if result.findings else 0)
    return [f["code"] for f in result.findings]


def test_an_untouched_folder_is_what_it_says(out):
    assert codes(out) == []
    assert "is what its manifest says" in labelprep("verify", out).out


def test_one_changed_pixel_is_seen(out):
    prepared = Prepared.open(out)
    ids = read_ids(prepared.mask_path("deep/mask1")).copy()
    ids[3, 4] = (ids[3, 4] + 1) % 5
    save_palette(prepared.mask_path("deep/mask1"), ids, prepared.table)
    assert codes(out) == ["output-changed"]


def test_missing_damaged_resized_and_stray_masks_are_seen(out):
    prepared = Prepared.open(out)
    prepared.mask_path("deep/mask0").unlink()
    prepared.mask_path("deep/mask1").write_bytes(b"no mask")
    save_palette(prepared.mask_path("deep/mask2"), np.zeros((2, 2), np.uint8), prepared.table)
    save_palette(out / "masks" / "mine.png", np.zeros((2, 2), np.uint8), prepared.table)
    assert sorted(codes(out)) == ["output-changed", "output-changed", "output-missing", "output-stray"]


def test_a_manifest_that_was_edited_is_seen(out):
    manifest = out / "manifest.jsonl"
    manifest.write_text(manifest.read_text().replace('"ignored":', '"ignored":1', 1))
    assert "output-changed" in codes(out)


def test_another_folder_is_no_prepared_folder(tmp_path):
    result = labelprep("verify", tmp_path)
    assert result.code == 2
    assert "labelprep convert" in result.err


def test_convert_mends_what_verify_found(out):
    Prepared.open(out).mask_path("deep/mask0").write_bytes(b"no mask")
    labelprep("convert", out.parent / "data", "-o", out, "--ignore", "void", "--rehash")
    assert codes(out) == []

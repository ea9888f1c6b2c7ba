"""Real data that nobody here made: no false alarms, and every pixel comes back."""

import numpy as np
import pytest
from PIL import Image

from labelprep.prepared import Prepared
from labelprep.steps.palette import painted
from tests.dataset import labelprep

SETS = {
    "uuad": (110, ["--ignore", "Unlabelled"]),
    "camseq": (34, ["--ignore", "Void"]),
    "quintal": (168, []),
    "voc_labelme/SegmentationClassAug": (201, ["--classes", "preset:voc"]),
}


@pytest.mark.parametrize("name", SETS)
def test_clean_sets_give_no_error_and_no_warning_but_absent_classes_and_missing_images(shared_data, name):
    masks, options = SETS[name]
    result = labelprep("validate", shared_data / name, "--json", *options)
    assert result.code == 0
    assert result.summary["good"] == masks
    loud = {f["code"] for f in result.findings if f["severity"] != "note"}
    assert loud <= {"absent-class", "image-missing"}


@pytest.mark.parametrize("name", SETS)
def test_painted_with_its_palette_every_output_gives_the_source_back(shared_data, tmp_path, name):
    masks, options = SETS[name]
    assert labelprep("convert", shared_data / name, "-o", tmp_path / "out", *options).code == 0
    prepared = Prepared.open(tmp_path / "out")
    seen = 0
    for row in prepared.rows():
        source = np.asarray(Image.open(shared_data / name / row.source).convert("RGB"))
        ids = np.asarray(Image.open(prepared.mask_path(row.key)))
        np.testing.assert_array_equal(painted(ids, prepared.table), source)
        np.testing.assert_array_equal(np.bincount(ids.ravel(), minlength=256)[: len(row.pixels)], row.pixels)
        seen += 1
    assert seen == masks
    assert prepared.totals.total == sum(row.height * row.width for row in prepared.rows())


def test_swapped_by_cv2_the_same_masks_give_the_same_ids(shared_data, tmp_path):
    """What people do: read with Pillow, write with cv2."""
    import shutil

    import cv2

    copy = tmp_path / "swapped"
    shutil.copytree(shared_data / "uuad", copy, ignore=shutil.ignore_patterns("train", "test", "lr"))
    for path in (copy / "hr-mask").rglob("*.png"):
        cv2.imwrite(str(path), np.asarray(Image.open(path).convert("RGB")))
    for folder, root in (("plain", shared_data / "uuad"), ("out", copy)):
        assert labelprep("convert", root, "-o", tmp_path / folder, "--ignore", "Unlabelled").code == 0
    plain = {row.key: row.xxh3 for row in Prepared.open(tmp_path / "plain").rows("val")}
    assert {row.key: row.xxh3 for row in Prepared.open(tmp_path / "out").rows("val")} == plain

"""Questions about the whole set: copies, leaks, near misses and classes that never appear."""

from contextlib import closing

import numpy as np
import pytest

from labelprep.classes import ClassRow, ClassTable
from labelprep.findings import Finding
from labelprep.setwide import Copies, NearMisses, absent_classes
from labelprep.steps.count import ClassCounts


def copies_of(folder, *samples):
    """The findings about (key, split, bytes of the image or None, hash of the mask)."""
    planned = []
    for key, split, image, _ in samples:
        path = None if image is None else folder / f"{key}.jpg"
        if path is not None and image != b"gone":
            path.write_bytes(image)
        size = 0 if image is None else len(image)
        planned.append((key, split, path and str(path), size))

    class Plan:
        def twins(self):
            return iter(planned)

    with closing(Copies(folder)) as copies:
        copies.add_plan(Plan())
        for key, *_, mask in samples:
            copies.add_mask(key, mask)
        return [(f.code, f.severity, f.key, f.message) for f in copies.findings()]


def test_the_same_image_twice_is_told_once_with_how_many_masks_it_has(tmp_path):
    found = copies_of(
        tmp_path,
        ("a", None, b"one", "m1"),
        ("b", None, b"two", "m2"),
        ("c", None, b"one", "m1"),
        ("d", None, b"other size", "m1"),
        ("e", None, b"two", "m3"),
        ("f", None, b"two", "m3"),
    )
    assert found == [
        ("duplicate-files", "warning", "a", "2 samples hold the same image, with the same mask, e.g. a and c"),
        ("duplicate-files", "warning", "b", "3 samples hold the same image, with 2 different masks, e.g. b and e"),
    ]


def test_an_image_in_two_splits_is_a_leak(tmp_path):
    found = copies_of(
        tmp_path,
        ("a", "train", b"one", "m"),
        ("b", None, b"one", "m"),
        ("c", "train", b"one", "m"),
        ("d", "val", b"one", "m"),
    )
    assert [f[:3] for f in found] == [("leaked-split", "error", "a"), ("duplicate-files", "warning", "a")]
    assert found[0][3] == "one image lies in train and val: a and d"


def test_masks_without_images_are_compared_by_their_own_bytes(tmp_path):
    found = copies_of(
        tmp_path, ("a", None, None, "m"), ("b", None, None, "x"), ("c", None, None, "m"), ("d", None, None, "")
    )
    assert found == [("duplicate-files", "note", "a", "2 masks without images are the same file, e.g. a and c")]


def test_images_that_cannot_be_read_are_no_copies_of_each_other(tmp_path):
    assert copies_of(tmp_path, ("a", None, b"gone", "m"), ("b", None, b"gone", "m")) == []


def test_thousands_of_copies_of_one_image_make_one_finding(tmp_path):
    (tmp_path / "0.jpg").write_bytes(b"same")
    samples = [(f"{n:04}", None, b"same", "m") for n in range(2000)]
    (found,) = copies_of(tmp_path, *samples)
    assert found[3] == "2000 samples hold the same image, with the same mask, e.g. 0000 and 0001"


def unknown(color, distance=1.4):
    return {"code": "unknown-color", "color": color, "nearest": "sky", "distance": distance, "path": "masks/a.png"}


@pytest.mark.parametrize(("files", "masks", "told"), [(2, 2, 0), (3, 3, 1), (3, 40, 0), (4, 40, 1)])
def test_a_near_miss_is_told_where_at_least_three_and_a_tenth_of_the_masks_show_it(files, masks, told):
    misses = NearMisses()
    for n in range(masks):
        misses.add([unknown([70, 131, 180])] if n < files else [])
    found = list(misses.findings())
    assert len(found) == told
    if found:
        assert (found[0].code, found[0].color, found[0].nearest) == ("off-table", (70, 131, 180), "sky")
        assert f"{files} of {masks} masks" in found[0].message


def test_far_colours_and_lossy_masks_are_no_near_misses():
    misses = NearMisses()
    for _ in range(5):
        misses.add([unknown([1, 2, 3], distance=50.0)])
        misses.add([unknown([4, 5, 6]), {"code": "lossy-mask"}])
    assert list(misses.findings()) == []


def test_classes_without_a_pixel_are_named_unless_nothing_was_counted():
    table = ClassTable.build([ClassRow("road", ((1, 2, 3),)), ClassRow("sky", ((4, 5, 6),))])
    assert list(absent_classes(ClassCounts.zero(2), table)) == []
    (found,) = absent_classes(ClassCounts.of_pixels(np.array([7, 0]), 1), table)
    assert isinstance(found, Finding)
    assert (found.code, found.message) == ("absent-class", "class 1 'sky' (4, 5, 6) has no pixel in 1 masks")

"""The image beside a mask: its size is read from the header alone, and it comes along whole or not at all."""

import io
import os

import numpy as np
import pytest
from PIL import Image

from labelprep.errors import EnvironmentFailure
from labelprep.steps.images import TRANSPOSED, bring, check_image


def codes(path, size, exif_rotate=False):
    return [f.code for f in check_image(path, size, exif_rotate=exif_rotate)]


def saved(path, size=(32, 24), orientation=None):
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    Image.new("RGB", size).save(path, exif=exif)
    return path


def test_a_mask_without_image_is_told_by_the_plan_and_not_here():
    assert check_image(None, (3, 4), exif_rotate=False) == []


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "a.bmp", "a.webp"])
def test_equal_sizes_are_no_finding_and_others_are_shown(tmp_path, name):
    path = saved(tmp_path / name)
    assert codes(path, (32, 24)) == []
    (found,) = check_image(path, (31, 24), exif_rotate=False)
    assert (found.code, found.message) == ("size-differs", "image 32x24, mask 31x24")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_an_exif_rotation_is_named_where_it_exchanges_the_sides(tmp_path, orientation, name):
    path = saved(tmp_path / name, orientation=orientation)
    turns = orientation in TRANSPOSED
    assert codes(path, (24, 32)) == ["size-differs-exif" if turns else "size-differs"]
    assert codes(path, (24, 32), exif_rotate=True) == ([] if turns else ["size-differs"])
    assert codes(path, (32, 24)) == []
    assert codes(path, (32, 24), exif_rotate=True) == (["size-differs"] if turns else [])


@pytest.mark.parametrize(
    "content", [b"", b"no image", b"\x89PNG\r\n\x1a\n" + bytes(40), b"II*\0\xff\xff\xff\xff", b"BM" + bytes(9)]
)
def test_a_file_that_is_no_image_is_a_finding(tmp_path, content):
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    (found,) = check_image(path, (3, 4), exif_rotate=False)
    assert found.code == "image-unreadable"
    assert "a.jpg cannot be read: " in found.message
    assert str(tmp_path) not in found.message, "OUT depends on no absolute path"


def test_a_missing_file_is_a_finding(tmp_path):
    (found,) = check_image(tmp_path / "a.jpg", (3, 4), exif_rotate=False)
    assert found.message == "the image a.jpg cannot be read: No such file or directory"


def test_headers_cut_or_changed_anywhere_never_end_the_run(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "image"
    for kind in ("JPEG", "TIFF", "WEBP", "GIF", "PNG"):
        out = io.BytesIO()
        Image.new("RGB", (32, 24)).save(out, kind)
        whole = out.getvalue()
        for _ in range(60):
            broken = bytearray(whole[: rng.integers(1, len(whole))])
            broken[rng.integers(len(broken))] = rng.integers(256)
            path.write_bytes(broken)
            assert set(codes(path, (32, 24), exif_rotate=True)) <= {
                "image-unreadable",
                "size-differs",
                "size-differs-exif",
            }


def test_an_image_beyond_pillows_own_limit_is_no_fault(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)  # Pillow refuses twice as many
    assert codes(saved(tmp_path / "a.jpg"), (32, 24)) == []
    assert Image.MAX_IMAGE_PIXELS == 100


@pytest.mark.parametrize("link", ["hard", "copy"])
def test_an_image_comes_along_and_may_come_again(tmp_path, link):
    source, target = saved(tmp_path / "a.png"), tmp_path / "out" / "deep" / "b.png"
    for _ in range(2):
        bring(source, target, link)
        assert target.read_bytes() == source.read_bytes()
        assert target.samefile(source) == (link == "hard")
        assert [p.name for p in target.parent.iterdir()] == ["b.png"]


def test_where_linking_is_impossible_the_error_names_copying(tmp_path, monkeypatch):
    def across(source, target):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", across)
    with pytest.raises(EnvironmentFailure, match="cannot hard-link the image") as caught:
        bring(saved(tmp_path / "a.png"), tmp_path / "out" / "b.png", "hard")
    assert "--link copy" in caught.value.hint
    assert list((tmp_path / "out").iterdir()) == []

import base64
import io
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labelprep.errors import EnvironmentFailure
from labelprep.prepared import Prepared
from labelprep.report import gallery, pictures
from labelprep.report.write import write_report


def shades(height=30, width=40):
    return np.random.default_rng(1).integers(0, 255, (height, width, 3)).astype(np.uint8)


def test_equal_pictures_are_one_file_and_sharp_ones_are_exact(tmp_path):
    album = pictures.Album(tmp_path)
    one = album.add(shades(), "a", 100, sharp=True)
    again = album.add(shades(), "b", 100, sharp=True)
    assert one.src == again.src
    assert (one.width, one.height, again.alt) == (40, 30, "b")
    with Image.open(tmp_path / one.src) as image:
        assert np.array_equal(np.asarray(image.convert("RGB")), shades())


@pytest.mark.parametrize(("height", "width"), [(300, 400), (400, 10), (1, 5000)])
def test_large_pictures_are_thinned_out(tmp_path, height, width):
    figure = pictures.Album(tmp_path).add(shades(height, width), "a", 100)
    assert max(figure.width, figure.height) == 100
    assert min(figure.width, figure.height) >= 1


def test_what_cannot_be_shown_is_nothing(tmp_path):
    (tmp_path / "damaged.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    Image.new("1", (9000, 9000)).save(tmp_path / "large.png")
    for name in ("damaged.png", "large.png", "gone.png"):
        assert pictures.opened(tmp_path / name) is None
    assert pictures.opened(None) is None


FAILING = Path("/proc/self/mem")  # opens, and gives an I/O error for the first byte


@pytest.mark.skipif(not FAILING.exists(), reason="needs /proc")
def test_a_disk_that_fails_ends_the_report_and_loses_no_picture(folders, tmp_path):
    for path in (folders.out / "masks/val/d.png", folders.root / "raw/images/val/d.png", folders.eval / "metrics.json"):
        kept = path.read_bytes()
        path.unlink()
        path.symlink_to(FAILING)
        with pytest.raises(EnvironmentFailure, match=r"cannot be read: Input/output error") as caught:
            write_report([folders.out, folders.eval], tmp_path / "report")
        assert os.path.normpath(caught.value.path) == str(path)
        assert not (tmp_path / "report" / "report.json").exists()
        path.unlink()
        path.write_bytes(kept)


@pytest.mark.skipif(not FAILING.exists(), reason="needs /proc")
def test_an_image_that_convert_could_not_read_either_has_no_picture(folders):
    path = folders.root / "raw" / "images" / "val" / "d.png"
    path.unlink()
    path.symlink_to(FAILING)
    prepared = Prepared.open(folders.out)
    row = next(row for row in prepared.rows() if row.key == "val/d")
    assert pictures.image_of(prepared, replace(row, findings=("image-unreadable",))) is None


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "I;16", "I", "F", "YCbCr"])
def test_every_mode_becomes_rgb(mode):
    pixels = pictures.rgb(Image.new(mode, (4, 3)))
    assert pixels.shape == (3, 4, 3)
    assert pixels.dtype == np.uint8


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_ids_come_back_from_the_page(dtype):
    ids = np.random.default_rng(2).integers(0, np.iinfo(dtype).max + 1, (17, 23)).astype(dtype)
    head, data = gallery.ids_as_data(ids).split(",")
    assert head == "data:image/png;base64"
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        values = np.asarray(image.convert("RGB")).astype(int)
    assert np.array_equal(values[..., 0] | (values[..., 1] << 8 if dtype == np.uint16 else 0), ids)


def test_thinning_takes_the_nearest_id():
    ids = np.arange(12).reshape(3, 4)
    assert np.array_equal(pictures.thinned(ids, 3, 4), ids)
    assert pictures.thinned(np.kron(ids, np.ones((5, 5), int)), 3, 4).tolist() == ids.tolist()

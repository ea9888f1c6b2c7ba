import io

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from labelprep.learning.data import png_images
from labelprep.learning.data.reading import read_image

pytest.importorskip("cv2")


def png(mode="RGB", **words):
    random = np.random.default_rng(3)
    channels = {"L": (), "RGB": (3,), "RGBA": (4,)}[mode]
    buffer = io.BytesIO()
    Image.fromarray(random.integers(0, 256, (9, 14, *channels), np.uint8)).save(buffer, "PNG", **words)
    return buffer.getvalue()


def pillow(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("words", [{}, {"icc_profile": b"\0" * 128}, {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0"}], ids=len)
def test_colours_are_those_that_pillow_reads(mode, words):
    data = png(mode, **words)
    assert np.array_equal(png_images.decode(data), pillow(data))


def test_gamma_and_orientation_change_no_pixel():
    exif = Image.Exif()
    exif[0x0112] = 6
    about = PngImagePlugin.PngInfo()
    about.add(b"gAMA", (40000).to_bytes(4, "big"))
    data = png(pnginfo=about, exif=exif)
    assert np.array_equal(png_images.decode(data), pillow(data))


def test_what_a_reader_could_take_otherwise_is_left_to_pillow(tmp_path):
    gray, plain = png("L"), png()
    assert png_images.decode(gray) is None
    assert png_images.decode(png(transparency=(1, 2, 3))) is None
    assert png_images.decode(b"\xff\xd8\xff") is None
    damaged = bytearray(plain)
    damaged[60] ^= 1
    assert png_images.decode(bytes(damaged)) is None
    assert png_images.decode(plain[:-20]) is None
    (tmp_path / "a.png").write_bytes(gray)
    assert np.array_equal(read_image(tmp_path / "a.png").numpy().transpose(1, 2, 0), pillow(gray))


def test_all_files_of_pngsuite_give_the_same_pixels_with_and_without(shared_data, monkeypatch):
    seen = 0
    for path in sorted((shared_data / "badpng_tables" / "pngsuite").glob("[!x]*.png")):
        if (found := png_images.decode(path.read_bytes())) is not None:
            assert np.array_equal(found, pillow(path.read_bytes())), path.name
            seen += 1
    assert seen > 5


def test_without_opencv_pillow_reads(tmp_path, monkeypatch):
    monkeypatch.setattr(png_images, "_opencv", lambda: None)
    data = png()
    (tmp_path / "a.png").write_bytes(data)
    assert png_images.decode(data) is None
    assert np.array_equal(read_image(tmp_path / "a.png").numpy().transpose(1, 2, 0), pillow(data))

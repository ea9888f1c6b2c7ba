"""decode: every mask a person brings becomes the pixels it holds; damaged files never become pixels."""

import io
import struct
import warnings
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from labelprep.errors import DamagedFileError
from labelprep.steps.decode import decode
from labelprep.steps.decoded import pack


def png(image: Image.Image, **options) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG", **options)
    return out.getvalue()


def saved(image: Image.Image, kind: str, **options) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def gray_png(values: np.ndarray, depth: int) -> bytes:
    """A gray PNG of 1, 2, 4, 8 or 16 bits, packed by hand."""
    height, width = values.shape
    if depth == 16:
        rows = [b"\0" + row.astype(">u2").tobytes() for row in values]
    else:
        bits = ((values[..., None] >> np.arange(depth - 1, -1, -1)) & 1).reshape(height, -1).astype(np.uint8)
        rows = [b"\0" + np.packbits(row).tobytes() for row in bits]
    header = struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"".join(rows))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


RGB = np.random.default_rng(0).integers(0, 256, (9, 13, 3), np.uint8)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "WEBP"])
def test_colours_come_back_from_every_lossless_format(kind):
    options = {"lossless": True} if kind == "WEBP" else {}
    decoded = decode(saved(Image.fromarray(RGB), kind, **options))
    assert (decoded.kind, decoded.format, decoded.lossy) == ("rgb", kind, False)
    np.testing.assert_array_equal(decoded.pixels, pack(RGB))


def test_a_file_written_by_cv2_holds_the_swapped_colours():
    data = cv2.imencode(".png", RGB)[1].tobytes()
    np.testing.assert_array_equal(decode(data).pixels, pack(np.ascontiguousarray(RGB[..., ::-1])))


@pytest.mark.parametrize("depth", [2, 4, 8, 16])
def test_gray_values_are_those_in_the_file_at_every_depth(depth):
    values = np.arange(15, dtype=np.int64).reshape(3, 5) % 2**depth
    decoded = decode(gray_png(values, depth))
    assert decoded.kind == "gray"
    np.testing.assert_array_equal(decoded.pixels, values)


def test_one_bit_is_a_palette_of_black_and_white():
    values = np.array([[0, 1, 1], [1, 0, 0]])
    decoded = decode(gray_png(values, 1))
    assert decoded.kind == "palette"
    np.testing.assert_array_equal(decoded.pixels, values)
    assert decoded.palette[:2].tolist() == [[0, 0, 0], [255, 255, 255]]


@pytest.mark.parametrize("entries", [2, 4, 16, 200])
def test_palette_indices_come_back_at_every_depth(entries):
    index = (np.arange(30, dtype=np.uint8) % entries).reshape(5, 6)
    image = Image.fromarray(index)
    colors = np.random.default_rng(1).integers(0, 256, (entries, 3), np.uint8)
    image.putpalette(colors.tobytes())
    decoded = decode(png(image))
    assert (decoded.kind, decoded.entries) == ("palette", entries)
    np.testing.assert_array_equal(decoded.pixels, index)
    np.testing.assert_array_equal(decoded.palette[:entries], colors)


def test_alpha_is_kept_apart_and_absent_where_all_is_opaque():
    rgba = np.dstack([RGB, np.full((9, 13), 255, np.uint8)])
    assert decode(png(Image.fromarray(rgba))).alpha is None
    rgba[2, 3, 3] = 7
    decoded = decode(png(Image.fromarray(rgba)))
    assert decoded.alpha[2, 3] == 7
    np.testing.assert_array_equal(decoded.pixels, pack(RGB))


def test_transparency_keys_of_gray_colour_and_palette_become_alpha():
    gray = decode(png(Image.fromarray(np.array([[3, 4]], np.uint8)), transparency=4))
    assert gray.alpha.tolist() == [[255, 0]]
    color = decode(png(Image.fromarray(RGB), transparency=tuple(RGB[0, 0].tolist())))
    assert color.alpha[0, 0] == 0
    image = Image.fromarray(np.array([[0, 1]], np.uint8))
    image.putpalette(bytes(range(6)))
    assert decode(png(image, transparency=1)).alpha.tolist() == [[255, 0]]


@pytest.mark.parametrize("clear", [0, 1])
def test_the_transparency_key_of_a_one_bit_file_becomes_alpha(clear):
    ids = np.array([[0, 1, 1], [1, 0, 0]], np.uint8)
    data = gray_png(ids, 1)
    key = chunk(b"tRNS", bytes([0, clear]))
    decoded = decode(data[:33] + key + data[33:])
    np.testing.assert_array_equal(decoded.pixels, ids)
    np.testing.assert_array_equal(decoded.alpha == 0, ids == clear)


def tiff_of_four_bits(values: np.ndarray) -> bytes:
    """A gray TIFF of 4 bits, packed by hand."""
    height, width = values.shape
    pixels = b"".join(bytes(a << 4 | b for a, b in row.reshape(-1, 2)) for row in values)
    tags = {256: width, 257: height, 258: 4, 259: 1, 262: 1, 273: 8, 277: 1, 278: height, 279: len(pixels)}
    entries = b"".join(struct.pack("<HHIHH", tag, 3, 1, value, 0) for tag, value in tags.items())
    folder = struct.pack("<H", len(tags)) + entries + bytes(4)
    return b"II*\0" + struct.pack("<I", 8 + len(pixels)) + pixels + folder


def test_a_gray_tiff_of_four_bits_holds_ids_and_not_grays():
    ids = np.arange(16, dtype=np.uint8).reshape(2, 8)
    decoded = decode(tiff_of_four_bits(ids))
    assert (decoded.kind, decoded.mode) == ("gray", "L at 4 bits")
    np.testing.assert_array_equal(decoded.pixels, ids)


def test_a_tiff_of_sixteen_bits_a_colour_is_refused_and_not_cut_to_eight():
    data = cv2.imencode(".tiff", RGB.astype(np.uint16) * 200)[1].tobytes()
    with pytest.raises(DamagedFileError, match="16 bits per channel") as caught:
        decode(data)
    assert caught.value.code == "unsupported-mode"


def test_interlaced_files_read_like_others(shared_data):
    suite = shared_data / "badpng_tables" / "pngsuite"
    pairs = [(p, suite / p.name.replace("basi", "basn")) for p in sorted(suite.glob("basi*.png"))]
    checked = 0
    for interlaced, plain in pairs:
        if "16" in interlaced.name:
            continue
        a, b = decode(interlaced.read_bytes()), decode(plain.read_bytes())
        np.testing.assert_array_equal(a.pixels, b.pixels)
        checked += 1
    assert checked >= 8


def test_jpeg_and_lossy_webp_are_told_as_lossy():
    assert decode(saved(Image.fromarray(RGB), "JPEG")).lossy
    assert decode(saved(Image.fromarray(RGB), "WEBP", quality=50)).lossy
    assert not decode(saved(Image.fromarray(RGB), "WEBP", lossless=True)).lossy


@pytest.mark.parametrize("compression", [None, "jpeg", "tiff_lzw", "tiff_adobe_deflate"])
def test_a_tiff_is_lossy_where_it_holds_jpeg(compression):
    decoded = decode(saved(Image.fromarray(RGB), "TIFF", compression=compression))
    assert decoded.lossy == (compression == "jpeg")


def test_a_large_picture_is_refused_from_its_header_before_decoding():
    bomb = png(Image.new("1", (30_000, 30_000)))
    with pytest.raises(DamagedFileError, match="900,000,000 pixels") as refused:
        decode(bomb)
    assert refused.value.code == "too-many-pixels"


def test_sixteen_bits_per_colour_are_refused_by_name(shared_data):
    with pytest.raises(DamagedFileError, match="16 bits per channel") as refused:
        decode((shared_data / "badpng_tables" / "pngsuite" / "basn2c16.png").read_bytes())
    assert refused.value.code == "unsupported-mode"


def test_every_broken_file_of_the_png_suite_is_refused(shared_data):
    broken = sorted((shared_data / "badpng_tables" / "pngsuite").glob("x*.png"))
    assert len(broken) == 14
    for path in broken:
        with pytest.raises(DamagedFileError):
            decode(path.read_bytes())


def test_files_that_crashed_decoders_give_pixels_or_one_error(shared_data):
    for folder in ("libspng_crashers", "pillow"):
        for path in sorted((shared_data / "badpng_tables" / folder).iterdir()):
            try:
                decode(path.read_bytes())
            except DamagedFileError as error:
                assert error.message  # noqa: PT017 - any other exception fails the test


@pytest.mark.parametrize("writer", ["cv2", "pillow palette"])
def test_no_flipped_bit_and_no_cut_changes_a_pixel_unseen(writer):
    """Every byte of a small file, one flipped bit each, and every length."""
    index = np.repeat(np.arange(4, dtype=np.uint8), 24).reshape(8, 12)
    if writer == "cv2":
        data = cv2.imencode(".png", np.stack([index * 60] * 3, axis=-1))[1].tobytes()
    else:
        image = Image.fromarray(index)
        image.putpalette(bytes(768))
        data = png(image)
    truth = decode(data)
    for at in range(len(data)):
        for bit in (1, 16, 128):
            damaged = bytearray(data)
            damaged[at] ^= bit
            assert_same_or_refused(bytes(damaged), truth)
        assert_same_or_refused(data[:at], truth)


@pytest.mark.parametrize("interlace", [0, 1])
@pytest.mark.parametrize("depth", [1, 8, 16])
def test_a_file_whose_rows_run_out_is_damaged_although_every_checksum_is_right(depth, interlace):
    """Pillow fills such pictures up with zeros."""
    content = zlib.compress(bytes(6 * (1 + 2 * depth)))
    header = struct.pack(">IIBBBBB", 16, 9, depth, 0, 0, 0, interlace)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", content) + chunk(b"IEND", b"")
    with pytest.raises(DamagedFileError, match=f"end after {6 * (1 + 2 * depth)} of"):
        decode(b"\x89PNG\r\n\x1a\n" + body)


def test_indices_without_a_palette_and_files_without_pixels_are_damaged():
    for size, color_type, message in ((3, 3, "without a palette"), (0, 0, "0 x 3 pixels")):
        header = struct.pack(">IIBBBBB", size, 3, 8, color_type, 0, 0, 0)
        body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(12))) + chunk(b"IEND", b"")
        with pytest.raises(DamagedFileError, match=message):
            decode(b"\x89PNG\r\n\x1a\n" + body)


def assert_same_or_refused(data, truth):
    try:
        decoded = decode(data)
    except DamagedFileError:
        return
    np.testing.assert_array_equal(decoded.pixels, truth.pixels)
    assert decoded.kind == truth.kind


def test_what_is_no_image_says_so():
    for data, text in ((b"", "empty"), (b"hello, world", "not an image"), (b"GIF89a" + bytes(30), "not an image")):
        with pytest.raises(DamagedFileError, match=text):
            decode(data)


def test_pillows_warnings_about_a_cut_header_reach_nobody():
    data = saved(Image.fromarray(RGB), "TIFF", compression="tiff_lzw")
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        for at in range(len(data)):
            with pytest.raises(DamagedFileError):
                decode(data[:at])
    assert heard == []

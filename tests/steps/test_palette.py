"""Palette PNGs: what is written is what every honest reader gets back."""

import io

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from labelprep.class_rows import voc_colormap
from labelprep.classes import ClassRow, ClassTable
from labelprep.errors import ClassTableError, DamagedFileError
from labelprep.steps.palette import encode_mask, painted, read_ids, save_palette
from tests import reference


def table_of(classes: int, **options) -> ClassTable:
    return ClassTable.build([ClassRow(f"class {i}", ((i % 256, i // 256, 7),)) for i in range(classes)], **options)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 255), st.data())
def test_ids_come_back_for_every_size_and_number_of_classes(height, width, classes, data):
    table = table_of(classes)
    seed = data.draw(st.integers(0, 2**32 - 1))
    ids = np.random.default_rng(seed).choice([*range(classes), 255], (height, width)).astype(np.uint8)
    image = Image.open(io.BytesIO(encode_mask(ids, table)))
    assert image.mode == "P"
    np.testing.assert_array_equal(np.asarray(image), ids)
    np.testing.assert_array_equal(np.asarray(image.convert("RGB")), painted(ids, table))


def test_few_classes_still_give_eight_bits_and_256_entries():
    """Pillow left alone writes 4 bits here, and 255 comes back as 15."""
    data = encode_mask(np.array([[0, 5, 255]], np.uint8), table_of(12))
    assert data[24] == 8
    image = Image.open(io.BytesIO(data))
    assert np.asarray(image).tolist() == [[0, 5, 255]]
    assert len(image.getpalette()) == 768


def test_every_id_survives_a_round_trip_through_a_file(tmp_path):
    ids = np.arange(256, dtype=np.uint8).reshape(16, 16)
    save_palette(tmp_path / "deep" / "mask.png", ids, table_of(255))
    np.testing.assert_array_equal(read_ids(tmp_path / "deep" / "mask.png"), ids)
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["mask.png"]


def test_an_identity_palette_survives_readers_that_expand_palettes():
    ids = np.array([[0, 1, 2, 11, 255]], np.uint8)
    data = np.frombuffer(encode_mask(ids, table_of(12), palette="identity"), np.uint8)
    np.testing.assert_array_equal(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), ids)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data.tobytes())).convert("L")), ids)


def test_index_masks_hold_more_than_255_classes_in_16_bits():
    table = table_of(300, index_output=True)
    ids = np.array([[0, 255, 299, 65535]], np.uint16)
    image = Image.open(io.BytesIO(encode_mask(ids, table, mask_mode="index")))
    assert image.mode == "I;16"
    np.testing.assert_array_equal(np.asarray(image), ids)
    with pytest.raises(ClassTableError, match="--mask-mode index"):
        encode_mask(ids, table)


def test_ids_that_do_not_fit_are_refused_not_wrapped():
    with pytest.raises(ValueError, match="300"):
        encode_mask(np.array([[300]], np.uint16), table_of(12))
    with pytest.raises(ValueError, match="float"):
        encode_mask(np.array([[1.5]]), table_of(12))
    with pytest.raises(ValueError, match="-1"):
        encode_mask(np.array([[-1]]), table_of(12))
    with pytest.raises(ValueError, match="shape"):
        encode_mask(np.zeros((2, 2, 3), np.uint8), table_of(12))
    with pytest.raises(ValueError, match="zip"):
        encode_mask(np.zeros((2, 2), np.uint8), table_of(12), png_level="zip")


def test_the_same_ids_give_the_same_bytes():
    ids = np.random.default_rng(0).integers(0, 12, (50, 60), np.uint8)
    assert encode_mask(ids, table_of(12)) == encode_mask(ids.copy(), table_of(12))


def test_the_voc_colormap_follows_its_bit_rule():
    np.testing.assert_array_equal(voc_colormap(), reference.voc_colormap())
    with pytest.raises(ValueError, match="read-only"):
        voc_colormap()[0, 0] = 1


@pytest.mark.parametrize("mode", ["P", "L", "I;16", "1-bit palette", "transparent entry"])
def test_ids_are_read_as_pillow_reads_them(tmp_path, mode):
    ids = np.random.default_rng(0).integers(0, 2 if mode == "1-bit palette" else 250, (37, 41))
    image = Image.fromarray(ids.astype(np.uint16 if mode == "I;16" else np.uint8))
    words = {}
    if mode in ("P", "1-bit palette", "transparent entry"):
        image.putpalette(bytes(range(250)) * 3)
        words = {"1-bit palette": {"bits": 1}, "transparent entry": {"transparency": 3}}.get(mode, {})
    image.save(tmp_path / "mask.png", **words)
    np.testing.assert_array_equal(read_ids(tmp_path / "mask.png"), np.asarray(Image.open(tmp_path / "mask.png")))


def test_a_damaged_mask_gives_no_ids(tmp_path):
    path = tmp_path / "mask.png"
    save_palette(path, np.zeros((30, 30), np.uint8), table_of(3))
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamagedFileError, match="wrong checksum") as caught:
        read_ids(path)
    assert caught.value.path == str(path)


def test_reading_ids_from_a_colour_file_is_an_error_that_names_the_command(tmp_path):
    Image.new("RGB", (3, 3)).save(tmp_path / "rgb.png")
    with pytest.raises(Exception, match="labelprep convert"):
        read_ids(tmp_path / "rgb.png")


def test_an_id_of_no_class_is_not_saved(tmp_path):
    with pytest.raises(ValueError, match=r"below 12 or 255, but there are 12 \(2 pixels\), 40 \(1 pixels\)"):
        save_palette(tmp_path / "a.png", np.array([[11, 12, 12, 40, 255]], np.uint8), table_of(12))
    assert list(tmp_path.iterdir()) == []


def test_reading_a_mask_beyond_pillows_own_limit(tmp_path, monkeypatch):
    ids = np.zeros((20, 20), np.uint8)
    save_palette(tmp_path / "a.png", ids, table_of(3))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    np.testing.assert_array_equal(read_ids(tmp_path / "a.png"), ids)

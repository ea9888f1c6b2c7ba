"""Laws of the road: in any kind of file, a mask has the ids of the slow reference, and its counts partition it."""

import functools
import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from labelprep.classes import ClassRow, ClassTable
from labelprep.prepare import Context, prepare_sample
from labelprep.prepared import mask_path
from labelprep.steps.count import ClassCounts
from labelprep.steps.meaning import Habits
from labelprep.steps.plan import Sample
from tests import reference

# Ids and colours agree nowhere by chance: no gray colour but void's, no colour whose mirror is in the table.
TABLE = ClassTable.build(
    [
        ClassRow("road", ((128, 64, 129), (131, 65, 128))),
        ClassRow("sky", ((70, 130, 180),)),
        ClassRow("car", ((0, 0, 142),)),
        ClassRow("lorry", ((0, 0, 70),), merge_into="car"),
        ClassRow("person", ((220, 20, 60),)),
        ClassRow("void", ((0, 0, 0),), ignore=True),
    ]
)
COLORS = np.array(list(TABLE.color_ids), np.uint8)
VALUES = [v for v in TABLE.source_ids if v != 255]
WIDE = ClassTable.build(
    [ClassRow(f"class {i}", ((i % 256, 99, 100 + i // 256),)) for i in range(300)], index_output=True
)


def by_pillow(kind, **options):
    def save(array, mode=None):
        out = io.BytesIO()
        image = Image.fromarray(array)
        (image if mode is None else image.convert(mode)).save(out, kind, **options)
        return out.getvalue()

    return save


def interlaced(rgb):
    """An Adam7 PNG by the passes of the specification."""
    passes = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
    lines = []
    for top, left, down, across in passes:
        part = rgb[top::down, left::across]
        if part.size:
            lines += [b"\0" + row.tobytes() for row in np.ascontiguousarray(part)]

    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", rgb.shape[1], rgb.shape[0], 8, 2, 0, 0, 1)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"".join(lines))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def opaque(rgb):
    return by_pillow("PNG")(np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)]))


def palette_png(ids, colors, bits):
    image = Image.fromarray(ids)
    image.putpalette(np.asarray(colors, np.uint8).tobytes())
    out = io.BytesIO()
    image.save(out, "PNG", bits=bits)
    return out.getvalue()


def in_palette(rgb, bits):
    """Colours as entries of a palette that lists them backwards."""
    colors = COLORS[::-1][: 2**bits]
    index = (rgb[:, :, None] == colors).all(-1).argmax(-1).astype(np.uint8)
    return palette_png(index, colors, bits)


COLOR_FILES = {
    "PNG": (by_pillow("PNG"), ".png"),
    "PNG small": (by_pillow("PNG", compress_level=9), ".png"),
    "PNG opaque RGBA": (opaque, ".png"),
    "PNG interlaced": (interlaced, ".png"),
    "BMP": (by_pillow("BMP"), ".bmp"),
    "TIFF": (by_pillow("TIFF"), ".tif"),
    "TIFF lzw": (by_pillow("TIFF", compression="tiff_lzw"), ".tiff"),
    "WebP lossless": (by_pillow("WEBP", lossless=True), ".webp"),
}
VALUE_FILES = {
    "PNG L": (by_pillow("PNG"), ".png", np.uint8),
    "PNG I;16": (by_pillow("PNG"), ".png", np.uint16),
    "TIFF I;16": (by_pillow("TIFF"), ".tif", np.uint16),
    "BMP L": (by_pillow("BMP"), ".bmp", np.uint8),
}


def masks(values, dtype=np.uint8):
    """Blocks of the given values, and strides of noise, from 1x1 up."""

    @st.composite
    def drawn(draw):
        height, width = draw(st.integers(1, 40)), draw(st.integers(1, 40))
        rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        used = rng.choice(len(values), draw(st.integers(1, len(values))), replace=False)
        coarse = rng.choice(used, (-(-height // 3), -(-width // 5)))
        at = np.kron(coarse, np.ones((3, 5), np.int64))[:height, :width]
        noisy = rng.random((height, width)) < draw(st.sampled_from([0, 0.05, 1]))
        return np.asarray(values, dtype)[np.where(noisy, rng.choice(used, (height, width)), at)]

    return drawn()


def prepared(folder, data, ending, table=TABLE, **options):
    """(ids on disk, outcome) of one file on the whole road."""
    path = folder / f"mask{ending}"
    path.write_bytes(data)
    habits = Habits(tie="rgb", **options)
    mode = "palette" if len(table) <= 255 else "index"
    context = Context(table, habits, out=folder / "out", mask_mode=mode)
    outcome = prepare_sample(Sample("mask", path, path.name), context)
    assert outcome.row.written, [f.message for f in outcome.findings]
    with Image.open(mask_path(folder / "out", "mask")) as image:
        return np.asarray(image), outcome


def check(ids, expected, outcome, table=TABLE):
    np.testing.assert_array_equal(ids, expected)
    row, classes = outcome.row, len(table)
    assert (row.height, row.width) == expected.shape
    assert sum(row.pixels) + row.ignored == expected.size
    assert row.counts() == ClassCounts.of(expected.astype(np.uint16), classes, table.ignore_index)
    assert [n for n, pixels in enumerate(row.pixels) if pixels] == [int(v) for v in np.unique(expected) if v < classes]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("masks")


@pytest.mark.parametrize("kind", COLOR_FILES)
@given(rgb=masks(COLORS))
@settings(max_examples=25)
def test_colours_in_every_kind_of_file_give_the_ids_of_the_reference(folder, kind, rgb):
    save, ending = COLOR_FILES[kind]
    ids, outcome = prepared(folder, save(rgb), ending)
    check(ids, reference.index_of(rgb, TABLE), outcome)
    assert outcome.findings == ()


@given(rgb=masks(COLORS))
@settings(max_examples=25)
def test_swapped_colours_give_the_ids_of_the_reference(folder, rgb):
    data = by_pillow("PNG")(np.ascontiguousarray(rgb[..., ::-1]))
    ids, outcome = prepared(folder, data, ".png")
    check(ids, reference.index_of(rgb, TABLE), outcome)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@given(data=st.data())
@settings(max_examples=25)
def test_palettes_of_every_depth_give_the_ids_of_their_colours(folder, bits, data):
    rgb = data.draw(masks(COLORS[::-1][: 2**bits]))
    ids, outcome = prepared(folder, in_palette(rgb, bits), ".png", palette_meaning="colour")
    check(ids, reference.index_of(rgb, TABLE), outcome)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@given(data=st.data())
@settings(max_examples=25)
def test_palettes_of_every_depth_give_their_indices(folder, bits, data):
    values = data.draw(masks([v for v in VALUES if v < 2**bits] + [255] * (bits == 8)))
    colors = np.arange(3 * 2**bits, dtype=np.uint8).reshape(-1, 3)
    ids, outcome = prepared(folder, palette_png(values, colors, bits), ".png", palette_meaning="index")
    check(ids, np.vectorize(TABLE.source_ids.get)(values), outcome)


@pytest.mark.parametrize("kind", VALUE_FILES)
@given(values=masks([*VALUES, 255]))
@settings(max_examples=25)
def test_gray_values_in_every_kind_of_file_are_ids(folder, kind, values):
    save, ending, dtype = VALUE_FILES[kind]
    ids, outcome = prepared(folder, save(values.astype(dtype)), ending)
    check(ids, np.vectorize(TABLE.source_ids.get)(values), outcome)


@given(values=masks([0, 1]))
@settings(max_examples=25)
def test_one_bit_masks_are_ids(folder, values):
    ids, outcome = prepared(folder, by_pillow("PNG")(values.astype(bool)), ".png", palette_meaning="index")
    check(ids, values, outcome)


@given(values=masks([0, 1, 254, 255, 256, 299, 65535], np.uint16))
@settings(max_examples=25)
def test_more_than_255_classes_keep_their_16_bits(folder, values):
    ids, outcome = prepared(folder, by_pillow("PNG")(values), ".png", table=WIDE)
    check(ids, values, outcome, WIDE)


@given(rgb=masks(COLORS), radius=st.integers(0, 6), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=40)
def test_snapping_on_the_road_is_that_of_the_reference(folder, rgb, radius, seed):
    rng = np.random.default_rng(seed)
    hit = rng.random(rgb.shape[:2]) < 0.1
    strange = np.where(hit[..., None], rgb.astype(int) + rng.integers(-3, 4, rgb.shape), rgb).clip(0, 255)
    strange = strange.astype(np.uint8)
    expected = reference.nearest_ids(strange, TABLE, radius)
    save = functools.partial(prepared, folder, by_pillow("PNG")(strange), ".png", color_order="rgb")
    if (expected < 0).any():
        path = folder / "strange.png"
        path.write_bytes(by_pillow("PNG")(strange))
        habits = Habits(color_order="rgb", on_unknown=f"nearest:{radius}")
        outcome = prepare_sample(Sample("strange", path, path.name), Context(TABLE, habits, out=folder / "out"))
        assert not outcome.row.written
        assert not mask_path(folder / "out", "strange").exists()
        told = [f.pixels for f in outcome.findings if f.code in ("unknown-color", "more-unknown-colors")]
        assert sum(told) == (expected < 0).sum()
    else:
        ids, outcome = save(on_unknown=f"nearest:{radius}")
        check(ids, expected, outcome)

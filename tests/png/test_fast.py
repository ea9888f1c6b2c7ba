"""The fast path gives what the Pillow path gives, for every file; where it cannot, it steps aside."""

import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelprep.classes import ClassRow, ClassTable
from labelprep.errors import DamagedFileError
from labelprep.png import chunks, fast
from labelprep.steps.decode import decode
from labelprep.steps.index import build_index, counts_by_class
from labelprep.steps.look_up import Reading, color_book, seeds_of
from tests import png_files

TABLE = ClassTable.build(
    [ClassRow(f"class {i}", ((37 * i % 256, 91 * i % 256, 13 * i),)) for i in range(12)]
    + [ClassRow("void", ((250, 251, 252),), ignore=True)]
)
COLORS = np.array(list(TABLE.color_ids), np.uint8)
CHANNELS = {0: 1, 2: 3, 3: 1, 6: 4}


@st.composite
def files(draw):
    """PNG bytes of every colour type, of blocks or noise, with any filters."""
    kind = draw(st.sampled_from(sorted(CHANNELS)))
    height, width = draw(st.integers(1, 20)), draw(st.integers(1, 70))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    ids = rng.integers(0, len(COLORS), (height, width))
    if draw(st.booleans()):
        across, down = draw(st.integers(1, 40)), draw(st.integers(1, 8))
        ids = np.kron(ids, np.ones((down, across), np.int64))[:height, :width]
    if kind in (0, 3):
        array = ids.astype(np.uint8)
    else:
        array = COLORS[ids]
        strange = rng.random(ids.shape) < draw(st.sampled_from([0, 0.02, 1]))
        array[strange] = rng.integers(0, 4, (int(strange.sum()), 3))
        if kind == 6:
            array = np.dstack([array, np.full(ids.shape, 255, np.uint8)])
    one = draw(st.sampled_from([None, 0, 1, 2, 3, 4]))
    filters = [one] * height if one is not None else rng.integers(0, 5, height).tolist()
    palette = rng.integers(0, 256, 3 * draw(st.integers(13, 256)), np.uint8).tobytes() if kind == 3 else None
    return png_files.png(np.ascontiguousarray(array), kind, filters, palette=palette, cuts=draw(st.integers(1, 3)))


def assert_equal(a, b):
    assert (a.kind, a.format, a.mode, a.entries, a.lossy) == (b.kind, b.format, b.mode, b.entries, b.lossy)
    np.testing.assert_array_equal(a.pixels, b.pixels)
    if a.palette is not None:
        np.testing.assert_array_equal(a.palette, b.palette)
    counts = [{int(v): int(n) for v, n in zip(d.coded.values, d.coded.pixels, strict=True) if n} for d in (a, b)]
    assert counts[0] == counts[1]


@given(files())
@settings(max_examples=300)
def test_both_paths_give_the_same_pixels_values_and_counts(data):
    header = chunks.read_header(data)
    assert fast.decode(list(chunks.walk(data)), header) is not None
    assert_equal(decode(data), decode(data, seeds=None))
    assert_equal(decode(data, seeds=seeds_of(TABLE)), decode(data, seeds=None))


@given(files())
def test_first_pixels_are_those_of_the_reference(data):
    quick, slow = decode(data).coded, decode(data, seeds=None).coded
    for value, first, pixels in zip(quick.values.tolist(), quick.first.tolist(), quick.pixels.tolist(), strict=True):
        if pixels and first >= 0:
            assert first == slow.first[slow.values == value]


def test_seeded_codes_are_the_ids_without_another_look_at_the_pixels():
    ids = np.random.default_rng(0).integers(0, 13, (30, 40))
    data = png_files.png(COLORS[ids], 2, [2] * 30)
    reading = Reading(decode(data, seeds=seeds_of(TABLE)).coded, color_book(TABLE))
    index = build_index(reading, TABLE)
    assert index is reading.coded.codes
    np.testing.assert_array_equal(index, np.where(ids == 12, 255, ids))
    np.testing.assert_array_equal(counts_by_class(reading, TABLE), np.bincount(ids.ravel(), minlength=13))


def test_nothing_of_one_file_is_left_for_the_next():
    a = png_files.png(np.full((2, 3, 3), 7, np.uint8), 2, [0, 2])
    b = png_files.png(COLORS[np.zeros((2, 3), int)], 2, [0, 2])
    first = decode(b).coded
    decode(a)
    again = decode(b).coded
    np.testing.assert_array_equal(first.values, again.values)
    np.testing.assert_array_equal(first.pixels, again.pixels)


def test_every_real_file_reads_the_same_both_ways(shared_data):
    checked = 0
    for folder in ("camseq/masks", "uuad/hr-mask/val", "voc_labelme/SegmentationClassAug", "badpng_tables"):
        for path in sorted((shared_data / folder).rglob("*.png"))[::3]:
            data = path.read_bytes()
            try:
                slow = decode(data, seeds=None)
            except DamagedFileError as error:
                with pytest.raises(DamagedFileError, match=error.code and ".*"):
                    decode(data)
                continue
            quick = decode(data)
            assert_equal(quick, slow)
            assert (quick.alpha is None) == (slow.alpha is None)
            checked += 1
    assert checked > 100


def test_more_than_256_colours_step_aside():
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    data = png_files.png(noise, 2, [4] * 40)
    assert fast.decode(list(chunks.walk(data)), chunks.read_header(data)) is None
    assert_equal(decode(data), decode(data, seeds=None))


@pytest.mark.parametrize(
    "extra", [(b"tRNS", bytes(6)), (b"abCd", b"x"), (b"gAMA", b"xy"), (b"zTXt", b"key\0\0nonsense")]
)
def test_chunks_that_matter_or_that_nobody_knows_step_aside(extra):
    data = png_files.png(COLORS[np.zeros((2, 2), int)], 2, [0, 0], extra=[extra])
    assert fast.decode(list(chunks.walk(data)), chunks.read_header(data)) is None


def test_a_text_bomb_steps_aside_and_is_refused():
    bomb = zlib.compress(bytes(3 << 20))
    data = png_files.png(COLORS[np.zeros((2, 2), int)], 2, [0, 0], extra=[(b"zTXt", b"key\0\0" + bomb)])
    with pytest.raises(DamagedFileError):
        decode(data)


def test_an_index_beyond_the_palette_is_damage_both_ways():
    data = png_files.png(np.array([[0, 5]], np.uint8), 3, [0], palette=bytes(12))
    for seeds in (None, fast.NO_SEEDS):
        with pytest.raises(DamagedFileError, match="index 5 is used, but the palette has 4 entries"):
            decode(data, seeds=seeds)


@pytest.mark.parametrize("change", ["longer", "shorter", "filter", "adler"])
def test_data_that_unfold_to_something_else_never_become_other_pixels(change):
    rows = png_files.filtered(COLORS[np.zeros((4, 5), int)].reshape(4, 15), 3, [2, 2, 1, 4])
    if change == "filter":
        rows = bytes([9]) + rows[1:]
    stream = zlib.compress({"longer": rows + b"more", "shorter": rows[:-3]}.get(change, rows))
    if change == "adler":
        stream = stream[:-1] + bytes([stream[-1] ^ 1])
    whole = png_files.png(COLORS[np.zeros((4, 5), int)], 2, [2, 2, 1, 4])
    head = whole[: whole.index(b"IDAT") - 4]
    data = head + png_files.chunk(b"IDAT", stream) + png_files.chunk(b"IEND", b"")
    try:
        slow = decode(data, seeds=None)
    except DamagedFileError:
        with pytest.raises(DamagedFileError):
            decode(data)
    else:
        assert_equal(decode(data), slow)


@given(files(), st.data())
@settings(max_examples=300)
def test_mutated_scanlines_give_the_same_both_ways_or_an_error(data, draw):
    """Any bytes as residuals: what matters is that the kernels stay inside and agree with Pillow."""
    header = chunks.read_header(data)
    raw = bytearray(zlib.decompress(b"".join(content for name, content in chunks.walk(data) if name == b"IDAT")))
    for _ in range(draw.draw(st.integers(1, 12))):
        raw[draw.draw(st.integers(0, len(raw) - 1))] = draw.draw(st.integers(0, 255))
    head = data[: data.index(b"IDAT") - 4]
    mutated = head + png_files.chunk(b"IDAT", zlib.compress(bytes(raw))) + png_files.chunk(b"IEND", b"")
    try:
        slow = decode(mutated, seeds=None)
    except DamagedFileError:
        with pytest.raises(DamagedFileError):
            decode(mutated)
        return
    assert header.height == slow.height
    assert_equal(decode(mutated), slow)

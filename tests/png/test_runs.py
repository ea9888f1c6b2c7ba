"""Deflated scanlines are those of filter Up, for every reader and every mask."""

import heapq
import io
import itertools
import zlib

import cv2
import deflate as libdeflate
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image
from zlib_ng import zlib_ng

from labelprep.png import blocks, huffman, runs
from labelprep.png.write import encode


def scanlines(ids):
    """The scanlines of filter Up, as the specification has them."""
    rows = np.full((ids.shape[0], ids.shape[1] + 1), 2, np.uint8)
    rows[:, 1:] = np.diff(ids, axis=0, prepend=np.zeros((1, ids.shape[1]), np.uint8))
    return rows.tobytes()


def read_everywhere(ids):
    data = bytes(runs.deflate(ids))
    expected = scanlines(ids)
    assert zlib.decompress(data) == expected
    assert zlib_ng.decompress(data) == expected
    assert libdeflate.zlib_decompress(data, len(expected)) == expected
    png = encode(ids, None)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(png))), ids)
    np.testing.assert_array_equal(cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED), ids)
    return data


@st.composite
def masks(draw):
    """Blocks of a few values with some noise, or all noise, of any size."""
    height, width = draw(st.integers(1, 40)), draw(st.integers(1, 700))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    side, values = draw(st.sampled_from([1, 2, 3, 7, 64, 300])), draw(st.sampled_from([1, 2, 5, 30, 256]))
    coarse = rng.integers(0, values, (-(-height // side), -(-width // side)))
    ids = np.kron(coarse, np.ones((side, side), np.int64))[:height, :width].astype(np.uint8)
    strange = rng.random(ids.shape) < draw(st.sampled_from([0, 0, 0.01, 0.3]))
    ids[strange] = rng.integers(0, 256, int(strange.sum()))
    return ids


@given(masks())
@example(np.zeros((1, 1), np.uint8))
@example(np.full((3, 1), 2, np.uint8))
@example(np.full((2, 65), 255, np.uint8))
def test_any_mask_comes_back_from_every_reader(ids):
    read_everywhere(ids)


@pytest.mark.parametrize(
    "width", [*range(1, 8), *range(62, 68), *range(126, 131), *range(256, 264), 516, 517, 519, 1000]
)
def test_runs_of_every_length_next_to_every_edge(width):
    ids = np.zeros((width + 2, width), np.uint8)
    for y in range(width):
        ids[y + 1 :, y] = 1 + y % 3  # the run before and the one behind the edge have every length
    read_everywhere(ids)


@pytest.mark.parametrize("shape", [(1, 40_000), (40_000, 1), (3, runs.PIECE), (3, runs.PIECE + 1), (300, 301)])
@pytest.mark.parametrize("values", [1, 2, 256])
def test_masks_of_several_pieces_and_blocks(shape, values):
    ids = np.random.default_rng(0).integers(0, values, shape, np.uint8)
    data = read_everywhere(ids)
    if shape[1] > 1:  # columns of one pixel repeat more than single bytes
        assert len(data) <= len(zlib.compress(scanlines(ids), 1)) * 1.2 + 64


def test_noise_does_not_outgrow_its_room():
    # bytes of very unequal counts make codes as long as they can be
    weights = 1.62 ** -np.arange(256.0)
    rare = np.random.default_rng(0).choice(256, (500, 500), p=weights / weights.sum()).astype(np.uint8)
    rare = np.cumsum(rare, axis=0, dtype=np.uint8)
    assert len(read_everywhere(rare)) < rare.size
    assert len(read_everywhere(np.random.default_rng(0).integers(0, 256, (500, 500), np.uint8))) < 1.02 * rare.size


def test_a_view_and_an_array_that_cannot_be_written_give_the_same_bytes():
    whole = np.random.default_rng(0).integers(0, 3, (20, 60), np.uint8)
    ids = whole[::2, ::3]
    kept = ids.copy()
    kept.setflags(write=False)
    assert bytes(runs.deflate(ids)) == bytes(runs.deflate(kept)) == bytes(runs.deflate(ids.copy()))


def least_bits(counts):
    """The bits of an optimal code without a limit, the usual way: with a heap."""
    heap, total = [n for n in counts if n], 0
    heapq.heapify(heap)
    while len(heap) > 1:
        joined = heapq.heappop(heap) + heapq.heappop(heap)
        total += joined
        heapq.heappush(heap, joined)
    return total


def lengths_of(counts):
    full = np.zeros(huffman.SYMBOLS, np.int64)
    full[: len(counts)] = counts
    lengths = np.empty(huffman.SYMBOLS, np.uint8)
    huffman.code_lengths(full, lengths, huffman.work_space())
    assert ((lengths > 0) == (full > 0)).all()
    assert (0.5 ** lengths[lengths > 0].astype(float)).sum() == 1  # a whole code
    return full, lengths


@given(st.lists(st.integers(0, 2000), min_size=2, max_size=huffman.SYMBOLS).filter(lambda c: sum(map(bool, c)) > 1))
def test_codes_are_as_short_as_can_be(counts):
    full, lengths = lengths_of(counts)
    if lengths.max() < huffman.LONGEST:
        assert (full * lengths).sum() == least_bits(counts)


def test_codes_of_fibonacci_counts_stay_within_fifteen_bits():
    fibonacci = [1, 1]
    while sum(fibonacci) < runs.BLOCK + runs.PIECE:
        fibonacci.append(fibonacci[-1] + fibonacci[-2])
    full, lengths = lengths_of(fibonacci)
    assert len(fibonacci) - 1 > huffman.LONGEST >= lengths.max()
    assert (full * lengths).sum() <= 1.01 * least_bits(fibonacci)


def test_codes_follow_from_lengths_as_the_standard_says():
    # RFC 1951, 3.2.2: ABCDEFGH of lengths 3, 3, 3, 3, 3, 2, 4, 4
    codes = ["010", "011", "100", "101", "110", "00", "1110", "1111"]
    lengths = np.zeros(huffman.SYMBOLS, np.uint8)
    lengths[:8] = [len(code) for code in codes]
    found = np.zeros(huffman.SYMBOLS, np.uint16)
    huffman.code_bits(lengths, found, np.empty(huffman.LONGEST + 2, np.int64))
    expected = [int(code[::-1], 2) for code in codes]
    assert found[:8].tolist() == huffman.canonical(lengths[:8].tolist()) == expected


def test_every_length_of_a_repetition_is_written():
    ids = np.zeros((1, 1), np.uint8)
    parts = [np.repeat(np.uint8([k % 2 + 1]), n + 1) for k, n in enumerate(range(1, 2 * blocks.MOST + 5))]
    ids = np.concatenate(parts)[None]
    assert [len(list(run)) for _, run in itertools.groupby(ids[0].tolist())] == [len(part) for part in parts]
    read_everywhere(ids)

"""Ids to deflated scanlines of filter Up, which are never made: runs of equal residuals go straight to deflate's codes.

A mask is piecewise constant, so nearly all residuals are zero, and where a run of them ends is found 64 pixels at a
time. Each run is one byte and repetitions of it; Adler-32 is summed up over runs too. The same ids give the same bytes
in every process and on every machine.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import int64, uint8, uint32, uint64
from numpy.typing import NDArray

from labelprep.png.blocks import ACCUMULATOR, FILLED, HEAD, MOST, REPEAT, TOKENS, WORD, put, stationery, write_block
from labelprep.png.compiled import compiled, kernel
from labelprep.png.wide import changes, changes_one_by_one, lowest, ones

UP = 2
BLOCK = 1 << 15  # tokens after which a block ends
PIECE = 1 << 14  # pixels of a row that are looked at together: what they are worked on with stays small and near
ADLER = 65521  # the modulus of Adler-32
COUNT, SUM, SUMS = 3, 4, 5  # places of the state behind those of `blocks`: tokens, and both halves of Adler-32

# Codes of bytes take 9 bits at most on average, as 512 equally long ones would do, and those of 3 bytes or more 15.
# Halving counts up to five times, which is enough for a block's, makes each of 286 symbols seem more frequent by 31.
_BLOCK_MORE = 9 * 286 * 32 // 8 + HEAD  # bytes


def deflate(ids: NDArray[np.uint8]) -> bytes:
    """A zlib stream of the scanlines of filter Up.

    Args:
        ids: (H, W) uint8, not empty.
    """
    height, width = ids.shape
    ids = np.require(ids, requirements=["C", "W"])  # one kind of array, one compiled loop
    size = height * (width + 1)
    most = size + size // 8 + (size // BLOCK + 1) * _BLOCK_MORE + 16
    words = np.empty(most // 4 + 1, np.uint32)
    tokens, seen = np.empty(BLOCK + PIECE + 8, np.uint16), np.zeros(TOKENS, np.int64)
    row = np.zeros(min(width, PIECE), np.uint8), np.empty(PIECE + 9, np.uint32)
    stream = np.zeros(6, np.uint64)
    count = deflate_up(ids.reshape(-1), height, width, row, tokens, seen, stream, words, stationery())
    return words.astype("<u4", copy=False).view(np.uint8)[:count].tobytes()


@kernel
def deflate_up(
    ids: Any, height: Any, width: Any, row: Any, tokens: Any, seen: Any, stream: Any, words: Any, paper: Any
) -> Any:
    """Fills `words` with a zlib stream; how many bytes it has.

    Args:
        ids: (height * width,) uint8.
        height: rows.
        width: columns.
        row: (PIECE,) uint8 zeros, what lies above the first row; (PIECE + 9,) uint32 to work with.
        tokens: (BLOCK + PIECE + 8,) uint16 to work with.
        seen: (TOKENS,) int64 zeros to work with.
        stream: (6,) uint64 to work with.
        words: uint32 in the order of the machine, enough of them.
        paper: `blocks.stationery()`.
    """
    nothing, starts = row
    stream[ACCUMULATOR], stream[FILLED], stream[WORD] = 0x0178, 16, 0  # what zlib writes in front at its first level
    stream[COUNT], stream[SUM], stream[SUMS] = 0, 1, height * (width + 1) % ADLER
    for y in range(height):
        weight = (height - 1 - y) * (width + 1) % ADLER + width + 1  # how often SUMS counts the row's first byte
        tokens[stream[COUNT]] = UP
        seen[UP] += 1
        stream[COUNT] += uint64(1)
        stream[SUM] += uint64(UP)
        stream[SUMS] += uint64(UP * weight)
        for x in range(0, width, PIECE):
            at, size = y * width + x, min(width - x, PIECE)
            above, up = (nothing, 0) if y == 0 else (ids, at - width)
            runs = _find_runs(ids, at, above, up, size, starts)
            _to_tokens(ids, at, above, up, starts, runs, weight - 1 - x, tokens, seen, stream)
            last = y == height - 1 and x + PIECE >= width
            if last or stream[COUNT] >= uint64(BLOCK):
                write_block(tokens, stream[COUNT], seen, last, stream, words, paper)
                stream[COUNT] = 0
    return _end(stream, words)


@compiled(inline="always")
def _find_runs(ids: Any, at: Any, above: Any, up: Any, size: Any, starts: Any) -> Any:
    """Where runs of equal residuals begin among ids[at : at + size], and `size` behind them; how many runs."""
    starts[0] = 0
    runs = uint64(1)
    x = int64(1)
    while x < size:
        if x + 64 <= size:
            flags = changes(ids, at + x, above, up + x)
        else:
            flags = changes_one_by_one(ids, at + x, above, up + x, size - x)
        next_runs = runs + ones(flags)
        for k in range(8):  # hardly ever are there more, and a wrong guess how many costs more than to write eight
            starts[runs + uint64(k)] = x + lowest(flags)
            flags &= flags - uint64(1)
        runs += uint64(8)
        while flags:
            starts[runs] = x + lowest(flags)
            runs += uint64(1)
            flags &= flags - uint64(1)
        runs = next_runs
        x += 64
    starts[runs] = size
    return runs


@compiled(inline="always")
def _to_tokens(
    ids: Any, at: Any, above: Any, up: Any, starts: Any, runs: Any, weight: Any, tokens: Any, seen: Any, stream: Any
) -> None:
    """Appends the tokens of runs, and adds them to Adler-32; `weight` is how often its second half counts the first."""
    count, total, totals = stream[COUNT], stream[SUM], stream[SUMS]
    start, at, up, weight = uint64(0), uint64(at), uint64(up), uint64(weight)
    for k in range(runs):
        stop = uint64(starts[k + uint64(1)])
        value = uint64(uint8(ids[at + start] - above[up + start]))
        left = stop - start
        total += value * left
        totals += value * (left * (weight - start) - (left * (left - uint64(1)) >> uint64(1)))
        start = stop
        tokens[count] = value
        count += uint64(1)
        left -= uint64(1)
        while left > uint64(MOST):
            tokens[count] = REPEAT + MOST
            seen[REPEAT + MOST] += 1
            count += uint64(1)
            left -= uint64(MOST)
        # no branches, of which each wrong guess costs as much as all of this: a repetition, or up to two bytes
        far = left > uint64(2)
        tokens[count] = uint64(REPEAT) + left if far else value
        tokens[count + uint64(1)] = value
        seen[value] += uint64(1) if far else uint64(1) + left
        seen[uint64(REPEAT) + left] += 1  # of 0 to 2, which no token means, where there are none
        count += uint64(1) if far else left
    stream[COUNT], stream[SUM], stream[SUMS] = count, total % uint64(ADLER), totals % uint64(ADLER)


@compiled()
def _end(stream: Any, words: Any) -> Any:
    """Adler-32 behind whole bytes, the highest first; how many bytes there are."""
    put(stream, words, uint64(0), uint64(0) - stream[FILLED] & uint64(7))
    adler = stream[SUMS] << uint64(16) | stream[SUM]
    for shift in (24, 16, 8, 0):
        put(stream, words, adler >> uint64(shift) & uint64(255), uint64(8))
    words[stream[WORD]] = uint32(stream[ACCUMULATOR])
    return stream[WORD] * uint64(4) + stream[FILLED] // uint64(8)

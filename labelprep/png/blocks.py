"""Blocks of deflate (RFC 1951) whose only repetitions are those of one byte.

A token is a byte, 0 to 255, or `REPEAT` + n: n more of the byte before, 3 to 258. Each block has codes of its own for
bytes and lengths; the only distance is 1, and the code of code lengths is always the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import uint32, uint64

from labelprep.png.compiled import compiled
from labelprep.png.huffman import LONGEST, SYMBOLS, canonical, code_bits, code_lengths, work_space

END, REPEAT, MOST = 256, 256, 258
TOKENS = REPEAT + MOST + 1
ACCUMULATOR, FILLED, WORD = 0, 1, 2  # places of a stream's state: bits that wait, how many, and words that are full
HEAD = 512  # bytes that the head of a block never reaches

_ORDER = np.array([16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15], np.uint8)
_BITS = np.array([4, 5, 5, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 5, 5, 5, 5, 4, 4], np.uint8)  # of the code of each length
_CODES = np.array(canonical(_BITS.tolist()), np.uint16)
_ZEROS_3, _ZEROS_11 = 17, 18  # so many symbols without a code: 3 to 10, 11 to 138


def _lengths() -> tuple[Any, Any, Any]:
    """For each of the 29 codes of a length the shortest one and the bits behind it, and the code of each length."""
    shortest, extra, at = [], [], 3
    for code in range(28):
        shortest.append(at)
        extra.append(max(0, code // 4 - 1))
        at += 1 << extra[-1]
    shortest, extra = [*shortest, MOST], [*extra, 0]
    code_of = np.searchsorted(shortest, np.arange(MOST + 1), "right") - 1
    return np.array(shortest, np.uint16), np.array(extra, np.uint8), code_of.astype(np.int8)


_SHORTEST, _EXTRA, _CODE_OF = _lengths()


def stationery() -> Any:
    """What `write_block` works with."""
    symbols = np.empty(SYMBOLS, np.int64), np.empty(SYMBOLS, np.uint8), np.empty(SYMBOLS, np.uint16)
    return (*symbols, np.empty(LONGEST + 2, np.int64), np.empty(TOKENS, np.uint32), work_space())


@compiled()
def put(stream: Any, words: Any, bits: Any, count: Any) -> None:
    """Appends up to 32 bits; both numbers are uint64, lest this be compiled for each kind of number."""
    stream[ACCUMULATOR] |= bits << stream[FILLED]
    stream[FILLED] += count
    if stream[FILLED] >= uint64(32):
        words[stream[WORD]] = uint32(stream[ACCUMULATOR])
        stream[ACCUMULATOR] >>= uint64(32)
        stream[FILLED] -= uint64(32)
        stream[WORD] += uint64(1)


@compiled()
def write_block(tokens: Any, count: Any, seen: Any, last: Any, stream: Any, words: Any, paper: Any) -> None:
    """Writes a block and forgets what was seen.

    Args:
        tokens: uint16, of which the first `count` are written.
        count: how many.
        seen: (TOKENS,) int64, how often each token occurs; zeros afterwards.
        last: whether no block follows.
        stream: (3,) uint64, state.
        words: uint32, filled.
        paper: `stationery()`.
    """
    counts, lengths, codes, following, entries, work = paper
    counts[:] = 0
    for value in range(256):
        counts[value] = seen[value]
    for n in range(3, MOST + 1):
        counts[END + 1 + _CODE_OF[n]] += seen[REPEAT + n]
    seen[:] = 0
    counts[END] = 1
    code_lengths(counts, lengths, work)
    code_bits(lengths, codes, following)
    _write_head(lengths, last, stream, words)
    for value in range(256):
        entries[value] = uint32(codes[value]) | uint32(lengths[value]) << uint32(24)
    for n in range(3, MOST + 1):
        code = _CODE_OF[n]
        bits = uint32(lengths[END + 1 + code])
        behind = uint32(n - _SHORTEST[code]) << bits  # and one bit, a zero, for the distance
        entries[REPEAT + n] = uint32(codes[END + 1 + code]) | behind | (bits + _EXTRA[code] + uint32(1)) << uint32(24)
    _write_tokens(tokens, count, entries, stream, words)
    put(stream, words, uint64(codes[END]), uint64(lengths[END]))


@compiled()
def _write_tokens(tokens: Any, count: Any, entries: Any, stream: Any, words: Any) -> None:
    """`entries` holds the bits of each token and, above 24 of them, how many there are."""
    waiting, filled, word = stream[ACCUMULATOR], stream[FILLED], stream[WORD]
    for k in range(count):
        entry = entries[tokens[k]]
        waiting |= uint64(entry & uint32(0xFFFFFF)) << filled
        filled += uint64(entry >> uint32(24))
        words[word] = uint32(waiting)  # whether it is full or not, as nobody could guess which
        full = filled >> uint64(5)
        waiting >>= full << uint64(5)
        filled &= uint64(31)
        word += full
    stream[ACCUMULATOR], stream[FILLED], stream[WORD] = waiting, filled, word


@compiled()
def _write_head(lengths: Any, last: Any, stream: Any, words: Any) -> None:
    """The codes of a block, by their lengths."""
    used = SYMBOLS
    while used > END + 1 and lengths[used - 1] == 0:
        used -= 1
    put(stream, words, uint64(last | 2 << 1), uint64(3))  # codes of its own
    put(stream, words, uint64(used - 257), uint64(5))
    put(stream, words, uint64(1), uint64(5))  # two distances, of which one is used: some readers want a whole code
    put(stream, words, uint64(19 - 4), uint64(4))
    for k in range(19):
        put(stream, words, uint64(_BITS[_ORDER[k]]), uint64(3))
    symbol = 0
    while symbol < used:
        zeros = 0
        while symbol + zeros < used and zeros < 138 and lengths[symbol + zeros] == 0:
            zeros += 1
        if zeros >= 11:
            put(stream, words, uint64(_CODES[_ZEROS_11]), uint64(_BITS[_ZEROS_11]))
            put(stream, words, uint64(zeros - 11), uint64(7))
        elif zeros >= 3:
            put(stream, words, uint64(_CODES[_ZEROS_3]), uint64(_BITS[_ZEROS_3]))
            put(stream, words, uint64(zeros - 3), uint64(3))
        else:
            zeros = 1
            put(stream, words, uint64(_CODES[lengths[symbol]]), uint64(_BITS[lengths[symbol]]))
        symbol += zeros
    put(stream, words, uint64(_CODES[1]), uint64(_BITS[1]))
    put(stream, words, uint64(_CODES[1]), uint64(_BITS[1]))

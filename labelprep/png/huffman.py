"""Huffman codes for deflate (RFC 1951): lengths of at most 15 bits from counts, and the bits themselves."""

from __future__ import annotations

from typing import Any

import numpy as np

from labelprep.png.compiled import compiled

SYMBOLS = 286  # 256 bytes, the end of a block, 29 lengths of repetitions
LONGEST = 15  # bits of a code


def canonical(lengths: Any) -> Any:
    """The codes that go with lengths (N,), lowest bit first; plain Python, for codes that never change.

    >>> canonical([2, 1, 2])
    [1, 0, 3]
    """
    codes, code = [0] * len(lengths), 0
    for length in range(1, max(lengths) + 1):
        for symbol, has in enumerate(lengths):
            if has == length:
                codes[symbol] = int(f"{code:0{length}b}"[::-1], 2)
                code += 1
        code <<= 1
    return codes


def work_space() -> Any:
    """What `code_lengths` works with: symbols by count, weights and parents of the nodes of the tree."""
    return np.empty(SYMBOLS, np.uint16), np.empty(2 * SYMBOLS, np.int64), np.empty(2 * SYMBOLS, np.uint16)


@compiled()
def code_lengths(counts: Any, lengths: Any, work: Any) -> None:
    """Bits that each symbol's code should have; counts are halved until no code is too long.

    Args:
        counts: (SYMBOLS,) int64; at least two are not zero.
        lengths: (SYMBOLS,) uint8, filled; 0 for symbols that do not occur.
        work: `work_space()`.
    """
    order, weights, parents = work
    used = _by_count(counts, lengths, order)
    halved = 0
    while True:
        for k in range(used):
            weights[k] = ((counts[order[k]] - 1) >> halved) + 1
        _grow(used, weights, parents)
        root = 2 * used - 2
        weights[root] = 0  # from here on, a node's weight is its depth
        for node in range(root - 1, -1, -1):
            weights[node] = weights[parents[node]] + 1
        if weights[0] <= LONGEST:  # the rarest is deepest
            break
        halved += 1
    for k in range(used):
        lengths[order[k]] = weights[k]


@compiled()
def _by_count(counts: Any, lengths: Any, order: Any) -> Any:
    """Sorts the symbols that occur, rarest first, and takes the lengths of all away; how many occur."""
    used = 0
    for symbol in range(SYMBOLS):
        lengths[symbol] = 0
        if counts[symbol] > 0:
            k = used
            while k > 0 and counts[order[k - 1]] > counts[symbol]:
                order[k] = order[k - 1]
                k -= 1
            order[k] = symbol
            used += 1
    return used


@compiled()
def _grow(used: Any, weights: Any, parents: Any) -> None:
    """Joins the two lightest nodes until one is left: leaves and joined nodes both come in order of weight."""
    leaf, joined = 0, used
    for node in range(used, 2 * used - 1):
        weights[node] = 0
        for _ in range(2):
            if leaf < used and (joined == node or weights[leaf] <= weights[joined]):
                lightest = leaf
                leaf += 1
            else:
                lightest = joined
                joined += 1
            weights[node] += weights[lightest]
            parents[lightest] = node


@compiled()
def code_bits(lengths: Any, codes: Any, following: Any) -> None:
    """The codes that go with lengths, as `canonical`.

    Args:
        lengths: (SYMBOLS,) uint8.
        codes: (SYMBOLS,) uint16, filled, lowest bit first.
        following: (LONGEST + 2,) int64 to work with: the next code of each length.
    """
    following[:] = 0
    for symbol in range(SYMBOLS):
        following[lengths[symbol] + 1] += 1
    following[1] = 0  # symbols without a code
    code = 0
    for length in range(1, LONGEST + 1):
        code = (code + following[length]) << 1  # those that are one bit shorter lie before
        following[length] = code
    for symbol in range(SYMBOLS):
        length = lengths[symbol]
        if length:
            code = following[length]
            following[length] += 1
            mirrored = 0
            for _ in range(length):
                mirrored = mirrored << 1 | code & 1
                code >>= 1
            codes[symbol] = mirrored

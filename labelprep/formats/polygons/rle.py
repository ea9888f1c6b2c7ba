"""Run lengths: COCO's, compressed to text or not, which run down the columns, and CVAT's, which run along the rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_MORE, _SIGN, _BITS = 0x20, 0x10, 5


def counts_of(text: str) -> list[int]:
    """The run lengths in COCO's compressed text, as pycocotools' `rleFrString` reads them.

    Five bits a character, from 48 on, lowest first; bit 6 says that more follow. From the third run on the difference
    to the one two before is written.

    Raises:
        ValueError: for text that is none.

    >>> counts_of("13312")
    [1, 3, 3, 4, 5]
    """
    counts: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > 60:
            message = f"{character!r} is no part of compressed run lengths"
            raise ValueError(message)
        value |= (bits & 0x1F) << shift
        shift += _BITS
        if bits & _MORE:
            continue
        if bits & _SIGN:
            value -= 1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value = shift = 0
    if shift:
        message = "compressed run lengths end in the middle of one"
        raise ValueError(message)
    return counts


def _flat(counts: Any, total: int) -> NDArray[np.bool_]:
    """(total,) bool from run lengths of false and true in turn.

    Raises:
        ValueError: where they are not whole numbers from 0 on, or do not add up to `total`.
    """
    if not isinstance(counts, list) or not all(type(c) is int and 0 <= c <= total for c in counts):
        message = "run lengths must be whole numbers from 0 on, and no longer than the picture"
        raise ValueError(message)
    if sum(counts) != total:
        message = f"the run lengths add up to {sum(counts):,}, the picture has {total:,} pixels"
        raise ValueError(message)
    return np.repeat(np.arange(len(counts)) % 2 == 1, counts)


def by_columns(counts: Any, width: int, height: int) -> NDArray[np.bool_]:
    """The mask (height, width) of COCO's run lengths, a list or compressed text.

    Raises:
        ValueError: where they are broken.

    >>> by_columns([1, 2, 3], 3, 2).astype(int).tolist()
    [[0, 1, 0], [1, 0, 0]]
    """
    counts = counts_of(counts) if isinstance(counts, str) else counts
    return _flat(counts, width * height).reshape(width, height).T


def by_rows(counts: Any, width: int, height: int) -> NDArray[np.bool_]:
    """The mask (height, width) of CVAT's run lengths.

    Raises:
        ValueError: where they are broken.

    >>> by_rows([1, 2, 3], 3, 2).astype(int).tolist()
    [[0, 1, 1], [0, 0, 0]]
    """
    return _flat(counts, width * height).reshape(height, width)

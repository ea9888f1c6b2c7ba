"""Frames and crops that one class fills: they teach a model little, and can be left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from labelprep.classes import ClassTable


class Limit(NamedTuple):
    """A class and the share of the valid pixels from which on it dominates."""

    id: int
    share: float


def limits_of(words: Iterable[str], table: ClassTable) -> tuple[Limit, ...]:
    """Limits as people write them: `CLASS:SHARE`.

    Raises:
        ClassTableError: for a class that the table does not have.
    """
    pairs = (word.rpartition(":") for word in words)
    return tuple(Limit(table.id_of(name), float(share)) for name, _, share in pairs)


def dominating(pixels: Sequence[int], limits: Iterable[Limit]) -> tuple[Limit, float] | None:
    """The first limit that is reached, and the share of its class.

    Args:
        pixels: valid pixels of each class.
        limits: the limits.

    >>> dominating([90, 10], [Limit(1, 0.5), Limit(0, 0.9)])
    (Limit(id=0, share=0.9), 0.9)
    """
    valid = int(sum(pixels))
    for limit in limits:
        if valid and pixels[limit.id] >= limit.share * valid:
            return limit, int(pixels[limit.id]) / valid
    return None

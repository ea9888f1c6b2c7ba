"""The values of a mask that the class table does not hold: gathered, snapped to the nearest class, or refused."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labelprep.classes import ClassTable
from labelprep.errors import UsageError
from labelprep.steps.look_up import COLORS, Book, Reading

_CHUNK = 1 << 16  # colours compared with the whole table at once


@dataclass(frozen=True, eq=False)
class UnknownValues:
    """The values of one mask that the table does not hold, those with most pixels first.

    Attributes:
        values: (U,) uint32.
        pixels: (U,) int64.
        first: (U,) int64, position of the first pixel of each in reading order.
    """

    values: NDArray[np.uint32]
    pixels: NDArray[np.int64]
    first: NDArray[np.int64]


def unknown_values(reading: Reading) -> UnknownValues:
    """Gathers what a reading could not look up."""
    coded, strange = reading.coded, np.flatnonzero(reading.strange)
    order = strange[np.lexsort((coded.values[strange], -coded.pixels[strange]))]
    first = coded.first[order]
    for i in np.flatnonzero(first < 0):  # values that had a place before the first pixel was read
        first[i] = (coded.codes == order[i]).argmax()
    return UnknownValues(coded.values[order], coded.pixels[order], first)


@dataclass(frozen=True, eq=False)
class Nearest:
    """The nearest known colour of each of U colours.

    Attributes:
        ordinals: (U,) position in the book.
        squared: (U,) int64, squared Euclidean distance in RGB.
        tied: (U,) bool, whether another class is just as near.
    """

    ordinals: NDArray[np.int64]
    squared: NDArray[np.int64]
    tied: NDArray[np.bool_]


def nearest_colors(colors: NDArray[np.uint32], book: Book) -> Nearest:
    """The nearest colour of the book for each packed colour (U,)."""
    known = np.flatnonzero(book.keys != book.size)
    if not len(known):
        message = "the class table has no colours to be near to"
        raise UsageError(message)
    palette = _channels(book.keys[known])
    ids = book.ids[known]
    parts = [_nearest_part(_channels(colors[i : i + _CHUNK]), palette, ids) for i in range(0, len(colors), _CHUNK)]
    if not parts:
        return Nearest(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, bool))
    best, squared, tied = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Nearest(known[best], squared, tied)


def _channels(packed: NDArray[np.uint32]) -> NDArray[np.int64]:
    return np.stack([packed & 255, packed >> 8 & 255, packed >> 16 & 255], axis=-1).astype(np.int64)


def _nearest_part(
    colors: NDArray[np.int64], palette: NDArray[np.int64], ids: NDArray[np.int32]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    # int64 throughout: 255^2 times three overflows the int16 that a uint8 difference suggests
    distance = np.zeros((len(colors), len(palette)), np.int64)
    for channel in range(3):
        distance += (colors[:, None, channel] - palette[None, :, channel]) ** 2
    best = distance.argmin(axis=1)
    squared = distance[np.arange(len(colors)), best]
    rivals = (distance == squared[:, None]) & (ids[None, :] != ids[best][:, None])
    return best, squared, rivals.any(axis=1)


def snap(reading: Reading, unknown: UnknownValues, radius: float) -> tuple[dict[int, int], NDArray[np.bool_]]:
    """The unknown colours that may be snapped to the nearest class: within `radius`, and no tie.

    Returns:
        (packed colour -> id), and a mask (U,) of the colours that are refused.
    """
    near = nearest_colors(unknown.values, reading.book)
    refused = near.tied | (near.squared > radius * radius)
    ids = reading.book.ids[near.ordinals]
    pairs = zip(unknown.values[~refused].tolist(), ids[~refused].tolist(), strict=True)
    return dict(pairs), refused


def resolve_unknown(
    reading: Reading, unknown: UnknownValues, table: ClassTable, policy: str
) -> tuple[dict[int, int], NDArray[np.bool_]]:
    """What to do with unknown values: value -> id, and a mask (U,) of those that stay errors.

    Args:
        reading: where they were found.
        unknown: the values.
        table: the class table.
        policy: `error`, `ignore`, `nearest:N` or `map:NAME`.

    Raises:
        ValueError: for another policy.
        UsageError: for a class that the table does not have.
    """
    word, _, argument = policy.partition(":")
    all_refused = np.ones(len(unknown.values), bool)
    if policy == "error":
        return {}, all_refused
    if word == "nearest" and reading.book.size == COLORS:
        return snap(reading, unknown, float(argument))
    if word == "nearest":
        return {}, all_refused  # no class is near to an id
    if policy == "ignore":
        to = table.ignore_index
    elif word == "map":
        to = table.id_of(argument)
    else:
        message = f"on_unknown must be error, ignore, nearest:N or map:NAME, but is {policy!r}"
        raise ValueError(message)
    return dict.fromkeys(unknown.values.tolist(), to), ~all_refused

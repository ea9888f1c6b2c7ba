"""Colours to ids: the heart of the matter, exact for every pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelprep.classes import ClassTable
from labelprep.errors import UsageError
from labelprep.steps.coded import encode
from labelprep.steps.decoded import pack, unpack
from labelprep.steps.look_up import COLORS, VALUES, Order, Reading, color_book, swapped, value_book
from labelprep.steps.unknown import UnknownValues, resolve_unknown, unknown_values

_HINT = "add the colour to the class table, or on_unknown='ignore', 'nearest:N' or 'map:NAME'"


def build_index(reading: Reading, table: ClassTable, strangers: dict[int, int] | None = None) -> NDArray[Any]:
    """The index mask (H, W) of a reading.

    Args:
        reading: every value looked up.
        table: gives dtype and ignore index.
        strangers: value -> id for values that the book does not hold.

    Raises:
        UsageError: where a value is neither in the book nor among the strangers.
    """
    of_used, used = _ids_of_used(reading, strangers), reading.used
    if of_used.min(initial=0) < 0:
        lost = used[of_used < 0]
        message = f"{int(reading.coded.pixels[lost].sum())} pixels have a value that the class table does not hold"
        raise UsageError(message, path=table.source)
    codes = reading.coded.codes
    if codes.dtype == table.dtype and (of_used == used).all():
        return codes
    return reading.coded.spread(_all_ids(reading, strangers).astype(table.dtype))


def counts_by_class(reading: Reading, table: ClassTable, strangers: dict[int, int] | None = None) -> NDArray[np.int64]:
    """Pixels per id (C + 1,) int64, ignored pixels last, without touching the pixels again."""
    slots = np.minimum(_ids_of_used(reading, strangers), len(table))  # the ignore index is above all ids
    return np.bincount(slots, reading.coded.pixels[reading.used], len(table) + 1).astype(np.int64)


def _ids_of_used(reading: Reading, strangers: dict[int, int] | None) -> NDArray[np.int32]:
    """The id of each value that has pixels, those of strangers included."""
    if not strangers or not reading.unknown:
        return reading.ids_of_used
    return _all_ids(reading, strangers)[reading.used]


def _all_ids(reading: Reading, strangers: dict[int, int] | None) -> NDArray[np.int32]:
    """(U,) the id of each value, those of strangers included."""
    if not strangers or not reading.unknown:
        return reading.ids
    ids = reading.ids.copy()
    strange = np.flatnonzero(reading.strange)
    ids[strange] = [strangers.get(value, -1) for value in reading.coded.values[strange].tolist()]
    return ids


def to_index(
    array: NDArray[Any], table: ClassTable, order: Order = "rgb", *, on_unknown: str = "error"
) -> NDArray[Any]:
    """Colours or source ids to final ids.

    Args:
        array: (H, W, 3) uint8 colours in `order`, or (H, W) unsigned integers: source ids.
        table: the class table.
        order: order of the channels, `rgb` or `bgr`.
        on_unknown: `error`, `ignore`, `nearest:N` (colours only) or `map:NAME`.

    Returns:
        (H, W) ids 0..C-1 and the ignore index, of the table's dtype.

    Raises:
        ValueError: for an array of another shape or dtype, ids above 65535, or an unknown word.
        UsageError: for values that the table does not hold, with pixels, first (x, y) and nearest class.
    """
    if order not in ("rgb", "bgr"):
        message = f"order must be 'rgb' or 'bgr', but is {order!r}"
        raise ValueError(message)
    if array.ndim == 3 and array.shape[2] == 3 and array.dtype == np.uint8:
        coded, book = encode(pack(array)), color_book(table)
        coded = swapped(coded) if order == "bgr" else coded
    elif array.ndim == 2 and array.dtype.kind == "u":
        if array.dtype.itemsize > 2 and (top := int(array.max(initial=0))) >= VALUES:
            message = f"source ids must lie in 0..{VALUES - 1}, but reach {top}"
            raise ValueError(message)
        coded, book = encode(array), value_book(table)
    else:
        message = f"array must be (H, W, 3) uint8 or (H, W) unsigned integers, but is {array.shape} {array.dtype}"
        raise ValueError(message)
    reading = Reading(coded, book)
    if not reading.unknown:
        return build_index(reading, table)
    unknown = unknown_values(reading)
    strangers, refused = resolve_unknown(reading, unknown, table, on_unknown)
    if refused.any():
        raise UsageError(_describe(unknown, refused, reading), path=table.source, hint=_HINT)
    return build_index(reading, table, strangers)


def _describe(unknown: UnknownValues, refused: NDArray[np.bool_], reading: Reading) -> str:
    width = reading.coded.shape[1]
    shown = np.flatnonzero(refused)[:3]
    parts = []
    for i in shown:
        y, x = divmod(int(unknown.first[i]), width)
        value = int(unknown.values[i])
        what = unpack(value) if reading.book.size == COLORS else value
        parts.append(f"{what} x {int(unknown.pixels[i])} pixels, first at ({x}, {y})")
    more = f" and {int(refused.sum()) - len(shown)} more" if refused.sum() > len(shown) else ""
    return f"{int(refused.sum())} values are not in the class table: {'; '.join(parts)}{more}"

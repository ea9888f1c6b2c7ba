"""One JSON an image: its size, and a list of labelled shapes in the order in which they are drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from labelprep.errors import DamagedFileError
from labelprep.formats.polygons.shapes import Drawing, Faults, Shape, named, size_of, text_of

Read = Callable[[dict[str, Any], str, str, Faults], Shape | None]
"""A shape from what the file says of it, its label, how messages call it, and where faults go; None for nothing."""


@dataclass(frozen=True)
class Dialect:
    """What a dialect calls the parts of its file.

    Attributes:
        format: the file, for findings.
        file: the file, for messages.
        shapes: the key of the list.
        shape: one of its objects, for messages.
        size: the keys of width and height, which may both be missing.
        read: reads a shape.
    """

    format: str
    file: str
    shapes: str
    shape: str
    size: tuple[str, str]
    read: Read


def read_drawing(data: bytes, dialect: Dialect) -> Drawing:
    """The drawing in a file.

    Raises:
        DamagedFileError: for anything but such a file; NaN and thousands of levels are no JSON either.
    """
    try:
        found = orjson.loads(data)
    except ValueError as error:
        message = f"not JSON: {error}"
        raise DamagedFileError(message) from error
    raws = found.get(dialect.shapes) if isinstance(found, dict) else None
    if not isinstance(raws, list):
        got = "no such list" if isinstance(found, dict) else f"a {type(found).__name__}"
        message = f"expected {dialect.file} with a list {dialect.shapes!r}, got {got}"
        raise DamagedFileError(message)
    width, height = dialect.size
    size = size_of(found.get(width), found.get(height), f"{width}, {height}")
    faults = Faults()
    read = (_shape(raw, number, dialect, faults) for number, raw in enumerate(raws, 1))
    return Drawing(dialect.format, size, tuple(shape for shape in read if shape is not None), faults)


def _shape(raw: Any, number: int, dialect: Dialect, faults: Faults) -> Shape | None:
    label = text_of(raw.get("label")) if isinstance(raw, dict) else None
    if label is None:
        faults.add("broken-shape", f"{dialect.shape} {number}: expected an object with a label")
        return None
    return dialect.read(raw, label, named(number, label), faults)

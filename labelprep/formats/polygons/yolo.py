"""YOLO segments: one text an image, `class x y x y x y …` a line, as shares of the image's width and height."""

from __future__ import annotations

import numpy as np

from labelprep.errors import DamagedFileError
from labelprep.formats.polygons.shapes import Drawing, Faults, Points, Shape, named, outlines

FORMAT = "YOLO segments"
_BOX = 4  # numbers behind the class


def read_yolo(data: bytes, size: tuple[int, int]) -> Drawing:
    """The drawing in a file of segments: large ones first, so that small ones lie over them, as Ultralytics draws.

    Corners are cut to whole pixels towards the origin, as Ultralytics does.

    Args:
        data: the file.
        size: (width, height) of the image.

    Raises:
        DamagedFileError: for text that is none.
    """
    try:
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        message = f"not UTF-8 text: {error.reason} at byte {error.start}"
        raise DamagedFileError(message) from error
    faults = Faults()
    read = (_segment(line.split(), n, size, faults) for n, line in enumerate(lines, 1) if line.strip())
    shapes = [shape for shape in read if shape is not None]
    return Drawing(FORMAT, size, tuple(sorted(shapes, key=_area, reverse=True)), faults)


def _segment(words: list[str], line: int, size: tuple[int, int], faults: Faults) -> Shape | None:
    label = words[0]
    if not (label.isascii() and label.isdigit()):
        message = f"line {line}: expected a class as a whole number, got {label[:40]!r}; these are no YOLO segments"
        raise DamagedFileError(message)
    label, name = str(int(label[:9])) if len(label) < 10 else label[:80], named(line, label)
    try:
        shares = np.array([float(word) for word in words[1:]], np.float64)
    except ValueError:
        faults.add("broken-shape", f"{name}: its points are not numbers")
        return None
    if shares.size == _BOX:
        faults.add("shape-not-drawn", f"{name}: a box of object detection, and no outline")
        return None
    if shares.size % 2:
        faults.add("broken-shape", f"{name}: an odd number of coordinates")
        return None
    if shares.size and np.nanmax(np.abs(shares)) > 2:
        faults.add("broken-shape", f"{name}: coordinates are shares of the image, from 0 to 1")
        return None
    parts = outlines([shares.reshape(-1, 2) * size], name, faults)
    return Shape(label, "polygon", tuple(np.trunc(part) for part in parts)) if parts else None


def _area(shape: Shape) -> float:
    return sum(_enclosed(part) for part in shape.parts)


def _enclosed(points: Points) -> float:
    x, y = points[:, 0], points[:, 1]
    return abs(float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum())) / 2

"""labelme: one JSON an image, with polygons, boxes, circles, lines, points and masks in draw order."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from PIL import Image

from labelprep.formats.polygons.one_image import Dialect, read_drawing
from labelprep.formats.polygons.shapes import Drawing, Faults, Kind, Points, Shape, corners, outlines

FORMAT = "labelme JSON"
# what labelme draws, and how many points each has
_FIXED = {"rectangle": 2, "circle": 2, "line": 2, "point": 1}
_KINDS: dict[str, Kind] = {
    "rectangle": "rectangle", "circle": "circle", "line": "line", "linestrip": "line", "point": "point",
}  # fmt: skip
_POLYGONS = (None, "polygon", "oriented_rectangle")
_MASK_BYTES = 64 << 20


def read_labelme(data: bytes) -> Drawing:
    """The drawing in a labelme file; `imageWidth` and `imageHeight` may be missing.

    Raises:
        DamagedFileError: for anything but a labelme file.
    """
    return read_drawing(data, _LABELME)


def _shape(raw: dict[str, Any], label: str, name: str, faults: Faults) -> Shape | None:
    kind = raw.get("shape_type")
    if kind in _POLYGONS:
        parts = outlines([raw.get("points")], name, faults)
        return Shape(label, "polygon", parts) if parts else None
    points = corners(raw.get("points"))
    if isinstance(points, str):
        faults.add("broken-shape", f"{name}: {points}")
        return None
    if kind == "mask":
        return _mask(raw, label, points, name, faults)
    if kind not in _KINDS:
        faults.add("shape-not-drawn", f"{name}: a {kind!r} is nothing that labelme draws")
        return None
    if len(points) != _FIXED.get(kind, len(points)) or (kind == "linestrip" and len(points) < 2):
        faults.add("too-few-points", f"{name}: a {kind} with {len(points)} points")
        return None
    if kind == "rectangle":
        points = np.stack([points.min(axis=0), points.max(axis=0)])
    return Shape(label, _KINDS[kind], (points,))


def _mask(raw: dict[str, Any], label: str, points: Points, name: str, faults: Faults) -> Shape | None:
    """A mask: a PNG in base64 that fills the box between two points, both included."""
    text = raw.get("mask")
    if len(points) != 2 or not isinstance(text, str) or len(text) > _MASK_BYTES:
        faults.add("broken-shape", f"{name}: a mask needs two points and a PNG in base64")
        return None
    (x1, y1), (x2, y2) = points.astype(int).tolist()
    try:
        with Image.open(io.BytesIO(base64.b64decode(text, validate=True)), formats=("PNG",)) as picture:
            if picture.size != (x2 - x1 + 1, y2 - y1 + 1):
                faults.add("broken-shape", f"{name}: its mask is {picture.size}, its box {x2 - x1 + 1, y2 - y1 + 1}")
                return None
            pixels = np.asarray(picture.convert("L")) > 0
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - Pillow raises anything for damaged files
        faults.add("broken-shape", f"{name}: its mask does not decode: {error}")
        return None
    return Shape(label, "mask", (), pixels, (x1, y1))


_LABELME = Dialect(FORMAT, "a labelme file", "shapes", "shape", ("imageWidth", "imageHeight"), _shape)

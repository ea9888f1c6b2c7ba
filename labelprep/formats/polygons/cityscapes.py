"""Cityscapes: `*_gtFine_polygons.json`, with the objects from the farthest to the nearest."""

from __future__ import annotations

from typing import Any

from labelprep.formats.polygons.one_image import Dialect, read_drawing
from labelprep.formats.polygons.shapes import Drawing, Faults, Shape, outlines

FORMAT = "Cityscapes JSON"


def read_cityscapes(data: bytes) -> Drawing:
    """The drawing in a file of polygons; deleted objects are left out, as cityscapesScripts does.

    Raises:
        DamagedFileError: for anything but such a file.
    """
    return read_drawing(data, _CITYSCAPES)


def _object(raw: dict[str, Any], label: str, name: str, faults: Faults) -> Shape | None:
    if raw.get("deleted"):
        return None
    parts = outlines([raw.get("polygon")], name, faults)
    return Shape(label, "polygon", parts) if parts else None


_CITYSCAPES = Dialect(FORMAT, "Cityscapes polygons", "objects", "object", ("imgWidth", "imgHeight"), _object)

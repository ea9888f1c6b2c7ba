"""Cityscapes: `*_gtFine_polygons.json`, with the objects from the farthest to the nearest."""

from __future__ import annotations

from typing import Any

from labelprep.errors import DamagedFileError
from labelprep.formats.polygons.labelme import load_json
from labelprep.formats.polygons.shapes import Drawing, Faults, Shape, named, outlines, size_of, text_of

FORMAT = "Cityscapes JSON"


def read_cityscapes(data: bytes) -> Drawing:
    """The drawing in a file of polygons; deleted objects are left out, as cityscapesScripts does.

    Raises:
        DamagedFileError: for anything but such a file.
    """
    found = load_json(data, "Cityscapes polygons")
    objects = found.get("objects")
    if not isinstance(objects, list):
        message = "no Cityscapes polygons: expected a list 'objects'"
        raise DamagedFileError(message)
    size = size_of(found.get("imgWidth"), found.get("imgHeight"), "imgWidth, imgHeight")
    faults = Faults()
    read = (_object(raw, n, faults) for n, raw in enumerate(objects, 1))
    return Drawing(FORMAT, size, tuple(shape for shape in read if shape is not None), faults)


def _object(raw: Any, number: int, faults: Faults) -> Shape | None:
    label = text_of(raw.get("label")) if isinstance(raw, dict) else None
    if label is None:
        faults.add("broken-shape", f"object {number}: expected an object with a label")
        return None
    if raw.get("deleted"):
        return None
    parts = outlines([raw.get("polygon")], named(number, label), faults)
    return Shape(label, "polygon", parts) if parts else None

"""CVAT for images 1.1: `annotations.xml` with polygons, boxes, ellipses and masks, read as a stream.

Entities and document types are refused before they can grow. Shapes lie over each other by `z_order`, then in file
order.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from labelprep.class_rows import ClassRow
from labelprep.errors import ClassTableError, LabelprepError, LayoutError, MissingExtraError
from labelprep.formats.polygons.coco import with_background
from labelprep.storage.place import Place

_NOT_DRAWN = ("polyline", "points", "cuboid", "skeleton", "tag")
_ROUND = 360  # corners of an ellipse


@dataclass(frozen=True)
class CvatImage:
    """An `<image>`.

    Attributes:
        file: its name, POSIX, as CVAT knows it.
        size: width and height, as they stand.
        split: its subset, or None.
        shapes: in draw order, as `collected` takes them.
    """

    file: str
    size: tuple[int | None, int | None]
    split: str | None
    shapes: tuple[dict[str, Any], ...]


def _ended(path: Place, kind: type[LabelprepError]) -> Iterator[Element]:
    """The elements below the top, each when it is whole; what was seen is forgotten.

    Raises:
        LabelprepError: of `kind`, for broken XML, and for document types and entities.
        MissingExtraError: without defusedxml.
    """
    try:
        from defusedxml.common import DefusedXmlException
        from defusedxml.ElementTree import iterparse
    except ImportError as error:
        package = "defusedxml"
        raise MissingExtraError(package, "coco") from error
    depth = 0
    try:
        with path.open("rb") as file:
            top: Element | None = None
            for event, element in iterparse(file, events=("start", "end"), forbid_dtd=True):
                top = element if top is None else top
                depth += 1 if event == "start" else -1
                if depth > 64:
                    message = "elements lie more than 64 deep"
                    raise kind(message, path=path)
                if event == "end" and depth == 1:
                    yield element
                    top.clear()
    except (ParseError, ValueError, DefusedXmlException) as error:
        what = "document types and entities are refused" if isinstance(error, DefusedXmlException) else error
        message = f"is not the XML that it should be: {what}"
        raise kind(message, path=path, hint="export it again as 'CVAT for images 1.1'") from error
    except OSError as error:
        message = f"cannot be read: {error.strerror or error}"
        raise kind(message, path=path) from error


def images(path: Place) -> Iterator[CvatImage]:
    """The images of the file.

    Raises:
        LayoutError: for another file, and for tracks of videos.
    """
    for element in _ended(path, LayoutError):
        if element.tag == "track":
            message = "holds the tracks of a video ('CVAT for video')"
            raise LayoutError(message, path=path, hint="export it as 'CVAT for images 1.1'")
        if element.tag != "image":
            continue
        name = element.get("name")
        if not name:
            message = "an image without a name"
            raise LayoutError(message, path=path)
        drawn = sorted(element, key=_z_order)
        size = (_whole(element.get("width")), _whole(element.get("height")))
        yield CvatImage(name.replace("\\", "/"), size, element.get("subset"), tuple(map(_shape, drawn)))


def _z_order(element: Element) -> int:
    return _whole(element.get("z_order")) or 0


def _whole(text: str | None) -> int | None:
    try:
        return None if text is None or len(text) > 12 else int(text)
    except ValueError:
        return None


def _shape(element: Element) -> dict[str, Any]:
    shape: dict[str, Any] = {"label": element.get("label")}
    try:
        if element.tag in _NOT_DRAWN:
            return shape | {"skip": f"a {element.tag} has no area"}
        if element.tag == "polygon":
            return shape | {"parts": [[float(v) for xy in element.get("points", "").split(";") for v in xy.split(",")]]}
        if element.tag == "box":
            return shape | {"parts": [_box(element)]}
        if element.tag == "ellipse":
            return shape | {"parts": [_ellipse(element)]}
        if element.tag == "mask":
            box = [int(element.get(name, "")) for name in ("left", "top", "width", "height")]
            return shape | {"rows": [int(run) for run in element.get("rle", "").split(",")], "box": box}
    except ValueError as error:
        return shape | {"fault": f"a {element.tag} with {error}"}
    return shape | {"skip": f"a {element.tag} is no shape that labelprep knows"}


def _numbers(element: Element, *names: str) -> list[float]:
    return [float(element.get(name, "")) for name in names]


def _turned(corners: list[tuple[float, float]], around: tuple[float, float], degrees: float) -> list[float]:
    """Corners as x, y, x, y, …, turned clockwise as the picture is seen."""
    if not degrees:
        return [v for corner in corners for v in corner]
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    moved = [(x - around[0], y - around[1]) for x, y in corners]
    return [v for x, y in moved for v in (around[0] + x * cos - y * sin, around[1] + x * sin + y * cos)]


def _box(element: Element) -> list[float]:
    left, top, right, bottom = _numbers(element, "xtl", "ytl", "xbr", "ybr")
    corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    return _turned(corners, ((left + right) / 2, (top + bottom) / 2), float(element.get("rotation", "0")))


def _ellipse(element: Element) -> list[float]:
    x, y, wide, high = _numbers(element, "cx", "cy", "rx", "ry")
    around = [2 * math.pi * n / _ROUND for n in range(_ROUND)]
    corners = [(x + wide * math.cos(a), y + high * math.sin(a)) for a in around]
    return _turned(corners, (x, y), float(element.get("rotation", "0")))


def read_labels(path: Place) -> tuple[ClassRow, ...]:
    """The labels as a class table in their order, with their colours; `background` goes in front where it is missing.

    Raises:
        ClassTableError: for another file.
    """
    meta = next((e for e in _ended(path, ClassTableError) if e.tag == "meta"), None)
    rows: list[ClassRow] = []
    for label in () if meta is None else meta.iter("label"):
        name, color = label.findtext("name"), (label.findtext("color") or "").removeprefix("#")
        if name and label.findtext("parent") is None:
            rgb = bytes.fromhex(color) if len(color) == 6 and set(color) <= set("0123456789abcdefABCDEF") else b""
            rows.append(ClassRow(name, ((rgb[0], rgb[1], rgb[2]),) if rgb else (), len(rows) + 1))
    if not rows:
        message = "no file of 'CVAT for images 1.1': it has no labels"
        raise ClassTableError(message, path=path)
    return with_background(rows)

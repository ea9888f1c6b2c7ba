"""COCO's JSON, read as a stream: `instances_*.json` with outlines and run lengths, `panoptic_*.json` with segments.

The file may be larger than memory: images, annotations and categories come one after another, in the order
in which they stand.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from labelprep.class_rows import ClassRow
from labelprep.errors import ClassTableError, LabelprepError, LayoutError, MissingExtraError
from labelprep.formats.polygons.shallow import Shallow
from labelprep.formats.polygons.shapes import text_of
from labelprep.storage.place import Place

BACKGROUND = "background"


@dataclass(frozen=True)
class CocoImage:
    """An entry of `images`.

    Attributes:
        id: as JSON, so that 1 and "1" differ.
        file: `file_name`.
        size: width and height as they stand.
    """

    id: str
    file: str
    size: tuple[Any, Any]


def items(path: Place, name: str, kind: type[LabelprepError] = LayoutError) -> Iterator[dict[str, Any]]:
    """The objects of one of the file's lists, streamed.

    Args:
        path: the file.
        name: of the list.
        kind: error to raise.

    Raises:
        LabelprepError: of `kind`, for text that is no JSON (NaN is none), and for entries that are no objects.
        MissingExtraError: without ijson.
    """
    try:
        import ijson
    except ImportError as error:
        package = "ijson"
        raise MissingExtraError(package, "coco") from error
    try:
        with path.open("rb") as file:
            for item in ijson.items(Shallow(file), f"{name}.item", use_float=True):
                if not isinstance(item, dict):
                    message = f"expected objects in {name!r}, got a {type(item).__name__}"
                    raise kind(message, path=path)
                yield item
    except (ijson.JSONError, ValueError, OverflowError) as error:
        what = " ".join(str(error).split())[:200]
        message = f"is not the JSON that it should be: {what}"
        raise kind(message, path=path, hint="NaN and Infinity are no JSON; export it again") from error
    except OSError as error:
        message = f"cannot be read: {error.strerror or error}"
        raise kind(message, path=path) from error


def images(path: Place) -> Iterator[CocoImage]:
    """The images.

    Raises:
        LayoutError: for one without an id or a name.
    """
    for item in items(path, "images"):
        file = item.get("file_name")
        if "id" not in item or not isinstance(file, str) or not file:
            message = f"an image without id or file_name: {str(item)[:120]}"
            raise LayoutError(message, path=path)
        yield CocoImage(as_id(item["id"]), file, (item.get("width"), item.get("height")))


def as_id(value: Any) -> str:
    """An id as JSON text."""
    return orjson.dumps(value).decode() if isinstance(value, (int, str)) else str(value)


def labels(path: Place, kind: type[LabelprepError] = LayoutError) -> dict[str, str]:
    """Id of each category -> its name.

    Raises:
        LabelprepError: of `kind`, for a category without id or name.
    """
    found = {}
    for item in items(path, "categories", kind):
        name = text_of(item.get("name"))
        if "id" not in item or name is None:
            message = f"a category without id or name: {str(item)[:120]}"
            raise kind(message, path=path)
        found[as_id(item["id"])] = name
    return found


def shape_of(item: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """An annotation as a shape of `collected`."""
    category = as_id(item.get("category_id"))
    shape: dict[str, Any] = {"label": names.get(category, f"category {category}")}
    segmentation = item.get("segmentation")
    if isinstance(segmentation, dict):
        return shape | {"counts": segmentation.get("counts"), "size": segmentation.get("size")}
    if not isinstance(segmentation, list) or not segmentation:
        return shape | {"skip": "it has a box and no outline" if "bbox" in item else "it has no segmentation"}
    parts = segmentation if isinstance(segmentation[0], list) else [segmentation]
    if any(not isinstance(part, list) or len(part) % 2 for part in parts):
        return shape | {"fault": "an outline is x, y, x, y, …"}
    return shape | {"parts": parts}


def shapes(path: Place, names: dict[str, str]) -> Iterator[tuple[str, bool, dict[str, Any]]]:
    """(image id, whether it is a crowd, shape) of every annotation, in file order."""
    for item in items(path, "annotations"):
        yield as_id(item.get("image_id")), item.get("iscrowd") in (1, True), shape_of(item, names)


def segments(path: Place, names: dict[str, str]) -> Iterator[tuple[str, str, dict[str, str]]]:
    """(image id, name of the PNG, value of a pixel -> label) of every annotation of a panoptic file.

    Raises:
        LayoutError: for an annotation without a PNG or segments.
    """
    for item in items(path, "annotations"):
        file, listed = item.get("file_name"), item.get("segments_info")
        if not isinstance(file, str) or not isinstance(listed, list) or not all(isinstance(s, dict) for s in listed):
            message = f"an annotation without file_name or segments_info: {str(item)[:120]}"
            raise LayoutError(message, path=path)
        category = {str(s.get("id")): as_id(s.get("category_id")) for s in listed}
        yield as_id(item.get("image_id")), file, {v: names.get(c, f"category {c}") for v, c in category.items()}


def read_categories(path: Place) -> tuple[ClassRow, ...]:
    """The categories as a class table, by id; instances get a class `background` in front, where none is so called.

    Raises:
        ClassTableError: for no JSON of COCO's, and for ids that are no numbers.
    """
    rows = []
    for item in items(path, "categories", ClassTableError):
        name, number = text_of(item.get("name")), item.get("id")
        if name is None or type(number) is not int or number < 0:
            message = f"a category without a name or a number as its id: {str(item)[:120]}"
            raise ClassTableError(message, path=path)
        color = item.get("color")
        rgb = tuple(color) if isinstance(color, list) and len(color) == 3 else None
        rows.append(ClassRow(name, ((rgb[0], rgb[1], rgb[2]),) if rgb else (), number))
    if not rows:
        message = "no COCO file: it has no categories"
        raise ClassTableError(message, path=path)
    rows.sort(key=lambda row: row.id or 0)
    return tuple(rows) if is_panoptic(path) else with_background(rows)


def is_panoptic(path: Place) -> bool:
    """Whether the annotations of a file are segments of PNGs."""
    return "segments_info" in next(items(path, "annotations", ClassTableError), {})


def with_background(rows: list[ClassRow]) -> tuple[ClassRow, ...]:
    """The rows, and one for what no shape covers, where none is so called; it takes the first free id."""
    if any(row.name.casefold().strip("_") == BACKGROUND for row in rows):
        return tuple(rows)
    taken = {row.id for row in rows}
    free = next(n for n in range(len(rows) + 1) if n not in taken)
    row = ClassRow(BACKGROUND, ((0, 0, 0),) if not any((0, 0, 0) in r.colors for r in rows) else (), free)
    return tuple(sorted([row, *rows], key=lambda r: r.id or 0))

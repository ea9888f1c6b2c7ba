"""One file for many images: COCO and CVAT. What it says of one image, as a line of JSON of our own.

```
{"size": [width, height], "shapes": [{"label": "car", "parts": [[x, y, x, y, …], …]}, …]}
```

A shape may have `counts` (COCO's run lengths) or `rows` and `box` (CVAT's) instead of `parts`, `skip` where it is drawn
by nobody, and `fault` where it is broken. The line is what the sample's hash is taken over: it changes with the image's
own annotations, and not with those of others.
"""

from __future__ import annotations

from typing import Any

import orjson

from labelprep.errors import DamagedFileError
from labelprep.formats.polygons.rle import by_columns, by_rows
from labelprep.formats.polygons.shapes import (
    MAX_PIXELS,
    Drawing,
    Faults,
    Shape,
    named,
    outlines,
    refuse_large,
    size_of,
    text_of,
)


def line_of(shape: dict[str, Any]) -> str:
    """One shape as JSON.

    Raises:
        ValueError: for numbers that JSON does not have.
    """
    return orjson.dumps(shape, option=orjson.OPT_SORT_KEYS).decode()


def read_collected(data: bytes, form: str, max_pixels: int = MAX_PIXELS) -> Drawing:
    """The drawing in such a line.

    Args:
        data: the line.
        form: what it comes from, for messages.
        max_pixels: run lengths of larger images are not unfolded.

    Raises:
        DamagedFileError: where the size is no size, or too large.
    """
    found = orjson.loads(data)
    width, height = found["size"]
    size = size_of(width, height, "width, height")
    if size is not None:
        refuse_large(*size, max_pixels)
    faults = Faults()
    read = (_shape(raw, n, size, faults) for n, raw in enumerate(found["shapes"], 1))
    return Drawing(form, size, tuple(shape for shape in read if shape is not None), faults)


def _shape(raw: dict[str, Any], number: int, size: tuple[int, int] | None, faults: Faults) -> Shape | None:
    label = text_of(raw.get("label"))
    name = named(number, label or "")
    if label is None or "fault" in raw:
        faults.add("broken-shape", f"{name}: {raw.get('fault', 'it has no label')}")
        return None
    if "skip" in raw:
        faults.add("shape-not-drawn", f"{name}: {raw['skip']}")
        return None
    if "parts" in raw:
        parts = outlines(raw["parts"], name, faults)
        return Shape(label, "polygon", parts) if parts else None
    try:
        return _runs(raw, label, size)
    except (ValueError, TypeError, DamagedFileError) as error:
        faults.add("broken-shape", f"{name}: {error}")
        return None


def _runs(raw: dict[str, Any], label: str, size: tuple[int, int] | None) -> Shape:
    """A mask of run lengths.

    Raises:
        ValueError: where they are broken, or of another size than the image.
    """
    if size is None:
        message = "run lengths in an image without a size"
        raise ValueError(message)
    if "counts" in raw:
        if raw["size"] != [size[1], size[0]]:
            message = (
                f"its run lengths are of a picture of {raw['size']} (height, width), the image is {size[1], size[0]}"
            )
            raise ValueError(message)
        return Shape(label, "mask", (), by_columns(raw["counts"], *size))
    left, top, width, height = raw["box"]
    if not (
        0 < width <= size[0] and 0 < height <= size[1] and 0 <= left <= size[0] - width and 0 <= top <= size[1] - height
    ):
        message = f"its box {left, top, width, height} leaves the image of {size}"
        raise ValueError(message)
    return Shape(label, "mask", (), by_rows(raw["rows"], width, height), (left, top))

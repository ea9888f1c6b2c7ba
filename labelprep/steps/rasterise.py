"""From shapes to pixels, exactly as the tool draws that the annotation comes from.

| annotation | rule |
|---|---|
| labelme | Pillow, outline and inside; lines 10 pixels wide, points 5 around |
| Cityscapes | Pillow, inside alone, which Pillow draws with its borders too |
| COCO, CVAT | pycocotools' `frPyObjects`: outlines in steps of a fifth of a pixel |
| YOLO | Pillow, outline and inside, of corners cut to whole pixels |

Later shapes lie over earlier ones.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from labelprep.errors import MissingExtraError
from labelprep.formats.polygons.rle import by_columns
from labelprep.formats.polygons.shapes import Drawing, Points, Shape, named, outside

LINE_WIDTH, POINT_RADIUS = 10, 5  # labelme's
MOST_CODES = 255  # that fit a byte, the one for "nothing" left aside


def rasterise(
    drawing: Drawing, size: tuple[int, int], *, by_fifths: bool, undrawn: Collection[str] = ()
) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Draws shapes, and adds to the drawing's faults what leaves the image.

    Args:
        drawing: the shapes in draw order.
        size: (width, height) of the image.
        by_fifths: polygons by pycocotools' rule, else by Pillow's.
        undrawn: labels that are passed over.

    Returns:
        (H, W) uint8 or int32: 0 where no shape is, else 1 + place of the label; and the labels.

    Raises:
        MissingExtraError: pycocotools is wanted and not installed.
    """
    shapes = [shape for shape in drawing.shapes if shape.label not in undrawn]
    labels = tuple(dict.fromkeys(shape.label for shape in shapes))
    codes = {label: n for n, label in enumerate(labels, 1)}
    picture = Image.new("L" if len(labels) <= MOST_CODES else "I", size)
    for number, shape in enumerate(shapes, 1):
        if outside(shape, *size):
            drawing.faults.add("outside-image", f"{named(number, shape.label)} leaves the image of {size}")
        if shape.kind == "polygon" and by_fifths:
            for part in shape.parts:
                _paste(picture, *_by_fifths(part, size), codes[shape.label])
        elif shape.kind == "mask" and shape.mask is not None:
            if _fits(shape, size):
                _paste(picture, shape.mask, shape.corner, codes[shape.label])
            else:
                drawing.faults.add("broken-shape", f"{named(number, shape.label)}: its mask leaves the image of {size}")
        else:
            _draw(ImageDraw.Draw(picture), shape, codes[shape.label])
    return np.asarray(picture), labels


def _fits(shape: Shape, size: tuple[int, int]) -> bool:
    height, width = (0, 0) if shape.mask is None else shape.mask.shape
    x, y = shape.corner
    return x >= 0 and y >= 0 and x + width <= size[0] and y + height <= size[1]


def _paste(picture: Image.Image, mask: NDArray[np.bool_], corner: tuple[int, int], code: int) -> None:
    if mask.size:
        picture.paste(code, corner, Image.fromarray(mask))


def _draw(draw: ImageDraw.ImageDraw, shape: Shape, code: int) -> None:
    for part in shape.parts:
        xy = [(x, y) for x, y in part.tolist()]
        if shape.kind == "polygon":
            draw.polygon(xy, fill=code, outline=code)
        elif shape.kind == "rectangle":
            draw.rectangle(xy, fill=code, outline=code)
        elif shape.kind == "line":
            draw.line(xy, fill=code, width=LINE_WIDTH)
        else:
            radius = POINT_RADIUS if shape.kind == "point" else math.dist(*xy)
            (x, y), *_ = xy
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=code, outline=code)


def _by_fifths(points: Points, size: tuple[int, int]) -> tuple[NDArray[np.bool_], tuple[int, int]]:
    """The pixels of one outline by pycocotools' rule, from a corner on.

    Columns and rows behind the outline are left out of the picture that it works on, which changes no pixel; those
    before it stay, because the rule rounds, and a shift by whole pixels would round otherwise.
    """
    try:
        from pycocotools import mask as coco
    except ImportError as error:
        package = "pycocotools"
        raise MissingExtraError(package, "coco") from error
    low = np.clip(np.floor(points.min(axis=0)).astype(int) - 1, 0, size)
    high = np.clip(np.ceil(points.max(axis=0)).astype(int) + 2, 0, size)
    if (high <= low).any():
        return np.zeros((0, 0), np.bool_), (0, 0)
    width, height = high.tolist()
    runs = coco.frPyObjects([points.ravel().tolist()], height, width)[0]
    inside = by_columns(runs["counts"].decode(), width, height)[low[1] :, low[0] :]
    return np.ascontiguousarray(inside), (int(low[0]), int(low[1]))

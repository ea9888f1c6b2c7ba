"""COCO's form of "stuff": for each image and class one annotation, whose pixels stand as run lengths.

pycocotools reads it, and with it all that is built on it. Panoptic PNGs would want another reader, which PyPI does not
have. Category ids count from 1, as COCO's own; ignored pixels are in no annotation.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelprep.exports.masks import checked_ids
from labelprep.exports.values import Item
from labelprep.prepared import Prepared


def lines(prepared: Prepared, items: Iterator[Item]) -> Iterator[str]:
    """The file of one split, an annotation and an image a line; images wait in a file until annotations are out."""
    table = prepared.table
    categories = [
        {"id": c.id + 1, "name": c.name, "supercategory": "stuff", "isthing": 0, "color": list(c.color)}
        for c in table.classes
    ]
    yield f'{{"info": {{"description": "one annotation a class and image"}}, "categories": {_text(categories)},'
    yield '"annotations": ['
    count, comma = 0, ""
    with tempfile.TemporaryFile("w+", encoding="utf-8", newline="\n") as images:
        for number, item in enumerate(items, 1):
            name = item.image_to.removeprefix(f"images/{item.split}/")
            image = {"id": number, "file_name": name, "width": item.row.width, "height": item.row.height}
            images.write(_text(image) + "\n")
            for annotation in stuff(checked_ids(prepared, item.row), len(table)):
                count += 1
                yield f"{comma}{_text({'id': count, 'image_id': number} | annotation)}"
                comma = ","
        yield '], "images": ['
        images.seek(0)
        comma = ""
        for line in images:
            yield comma + line.rstrip("\n")
            comma = ","
    yield "]}"


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def stuff(ids: NDArray[Any], classes: int) -> Iterator[dict[str, Any]]:
    """One annotation for each class that a mask (H, W) holds, in id order."""
    height, width = ids.shape
    flat = np.ascontiguousarray(ids.T).ravel()  # COCO counts down the columns
    starts = np.flatnonzero(np.concatenate(([True], flat[1:] != flat[:-1])))
    ends = np.append(starts[1:], flat.size)
    values = flat[starts]
    for number in np.unique(values[values < classes]).tolist():
        where = values == number
        first, behind = starts[where], ends[where]
        rows, columns = np.nonzero(ids == number)
        left, top = int(columns.min()), int(rows.min())
        yield {
            "category_id": number + 1,
            "iscrowd": 0,
            "area": int((behind - first).sum()),
            "bbox": [left, top, int(columns.max()) - left + 1, int(rows.max()) - top + 1],
            "segmentation": {"size": [height, width], "counts": compressed(_counts(first, behind, flat.size))},
        }


def _counts(starts: NDArray[Any], ends: NDArray[Any], size: int) -> NDArray[np.int64]:
    """Lengths of runs outside and inside in turn, beginning outside; nothing behind the last pixel."""
    edges = np.empty(2 * starts.size + 2, np.int64)
    edges[0], edges[1:-1:2], edges[2:-1:2], edges[-1] = 0, starts, ends, size
    counts = np.diff(edges)
    return counts if counts[-1] else counts[:-1]


def compressed(counts: NDArray[np.int64]) -> str:
    """Run lengths in COCO's text: from the third on less the one before last, five bits a letter, low ones first.

    >>> compressed(np.array([6, 1, 40, 4, 5, 4, 5, 4, 21]))
    '61X13mN000`0'
    """
    x = counts.copy()
    x[3:] -= counts[1:-2]
    letters, used = [], []
    more = np.ones(x.shape, bool)
    while more.any():
        used.append(more)
        low = x & 31
        x = x >> 5
        more = more & np.where(low & 16, x != -1, x != 0)
        letters.append(low + 32 * more + 48)
    text: bytes = np.stack(letters, 1).astype(np.uint8)[np.stack(used, 1)].tobytes()
    return text.decode("ascii")

"""Chooses and loads the pictures of the panel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from labelprep.prepared import Prepared, Row
from labelprep.report.collect import Scores
from labelprep.report.panel import Picture
from labelprep.storage.place import Place, for_pillow, joined

ROWS = 4
SIDE = 480  # pixels: larger pictures are thinned out for the panel


def scored_pictures(scores: Scores, *, exif_rotate: bool = False) -> tuple[Picture, ...]:
    """A few samples of an evaluation from the worst to the best, those with entropy maps first.

    Args:
        scores: the evaluation.
        exif_rotate: whether masks were drawn on the rotated image.
    """
    rated = [s for s in scores.samples if s.get("iou_per_image") is not None and s.get("prediction")]
    pool = [s for s in rated if s.get("entropy")] or rated
    pool.sort(key=lambda s: (s["iou_per_image"], s["key"]))
    pictures = (_scored(scores.folder, s, exif_rotate) for s in spread(pool, ROWS))
    return tuple(p for p in pictures if p is not None)


def prepared_pictures(prepared: Prepared) -> tuple[Picture, ...]:
    """A few samples of a prepared folder, evenly spread over the plan."""
    rotate = bool(prepared.info["options"].get("exif_rotate", False))
    written = sum(row.written for row in prepared.rows())
    wanted = set(spread(range(written), ROWS))
    rows = (row for row in prepared.rows() if row.written)
    chosen = [row for n, row in enumerate(rows) if n in wanted]
    pictures = (_prepared(prepared, row, rotate) for row in chosen)
    return tuple(p for p in pictures if p is not None)


def spread(items: Sequence[Any], count: int) -> list[Any]:
    """At most `count` of the items, evenly spaced, the first and the last among them.

    >>> spread("abcdefg", 3)
    ['a', 'd', 'g']
    """
    if len(items) <= count:
        return list(items)
    return [items[round(i * (len(items) - 1) / (count - 1))] for i in range(count)]


def _scored(folder: Path, sample: Mapping[str, Any], exif_rotate: bool) -> Picture | None:
    truth = _ids(joined(folder, sample["truth"]))
    if truth is None:
        return None
    entropy = _ids(joined(folder, sample["entropy"])) if sample.get("entropy") else None
    image = _image(joined(folder, sample["image"]), truth.shape, exif_rotate) if sample.get("image") else None
    title = f"{_tail(sample['key'])}\nmIoU {sample['iou_per_image']:.2f}"
    prediction = _ids(joined(folder, sample["prediction"]))
    return Picture(title, image, truth, prediction, None if entropy is None else entropy / 65535)


def _prepared(prepared: Prepared, row: Row, exif_rotate: bool) -> Picture | None:
    truth = _ids(prepared.mask_path(row.key))
    if truth is None:
        return None
    path = prepared.image_path(row)
    return Picture(_tail(row.key), None if path is None else _image(path, truth.shape, exif_rotate), truth)


def _tail(key: str) -> str:
    return key if len(key) <= 24 else f"…{key[-23:]}"


def _ids(path: Place) -> NDArray[Any] | None:
    """A mask or an entropy map as it is, thinned out; None where it is gone or unreadable."""
    try:
        with Image.open(for_pillow(path)) as image:
            values: NDArray[Any] = np.asarray(image)
    except OSError:
        return None
    step = max(1, -(-max(values.shape) // SIDE))
    return values[::step, ::step]


def _image(path: Place, shape: tuple[int, ...], exif_rotate: bool) -> NDArray[np.uint8] | None:
    """An image at the size of the mask beside it; None where it is gone or unreadable."""
    height, width = shape[:2]
    try:
        with Image.open(for_pillow(path)) as image:
            upright = ImageOps.exif_transpose(image) if exif_rotate else image
            return np.asarray(upright.convert("RGB").resize((width, height), Image.Resampling.BOX))
    except OSError:
        return None

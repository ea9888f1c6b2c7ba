"""Chooses and loads the pictures of the panel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from labelprep.prepared import Prepared, Row
from labelprep.report import pictures
from labelprep.report.collect import Scores
from labelprep.report.panel import Picture
from labelprep.storage.place import Place, joined

ROWS = 4
RATED = "iou_per_image"
SIDE = 480  # pixels: larger pictures are thinned out for the panel


def scored_pictures(scores: Scores, *, exif_rotate: bool = False) -> tuple[Picture, ...]:
    """A few samples of an evaluation from the worst to the best, those with entropy maps first.

    Args:
        scores: the evaluation.
        exif_rotate: whether masks were drawn on the rotated image.
    """
    kept: Counter[str] = Counter()
    for sample in scores.samples.rising(RATED):
        kept.update(name for name in ("entropy", "prediction") if sample.get("prediction") and sample.get(name))
    name = "entropy" if kept["entropy"] else "prediction"
    wanted = set(spread(range(kept[name]), ROWS))
    pool = (s for s in scores.samples.rising(RATED) if s.get("prediction") and s.get(name))
    drawn = (_scored(scores.folder, s, exif_rotate) for n, s in enumerate(pool) if n in wanted)
    return tuple(p for p in drawn if p is not None)


def prepared_pictures(prepared: Prepared) -> tuple[Picture, ...]:
    """A few samples of a prepared folder, evenly spread over the plan."""
    written = sum(row.written for row in prepared.rows())
    wanted = set(spread(range(written), ROWS))
    rows = (row for row in prepared.rows() if row.written)
    chosen = [row for n, row in enumerate(rows) if n in wanted]
    drawn = (_prepared(prepared, row) for row in chosen)
    return tuple(p for p in drawn if p is not None)


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
    path = joined(folder, sample["image"]) if sample.get("image") else None
    image = pictures.rgb(pictures.opened(path, exif_rotate=exif_rotate))
    title = f"{_tail(sample['key'])}\nmIoU {sample['iou_per_image']:.2f}"
    prediction = _ids(joined(folder, sample["prediction"]))
    shown = None if image is None else pictures.fitted(image, truth.shape)
    return Picture(title, shown, truth, prediction, None if entropy is None else entropy / 65535)


def _prepared(prepared: Prepared, row: Row) -> Picture | None:
    truth = _ids(prepared.mask_path(row.key))
    if truth is None:
        return None
    image = pictures.image_of(prepared, row)
    return Picture(_tail(row.key), None if image is None else pictures.fitted(image, truth.shape), truth)


def _tail(key: str) -> str:
    return key if len(key) <= 24 else f"…{key[-23:]}"


def _ids(path: Place) -> NDArray[Any] | None:
    """A mask or an entropy map as it is, thinned out; None where it is gone or unreadable."""
    values = pictures.ids_at(path)
    if values is None:
        return None
    step = max(1, -(-max(values.shape) // SIDE))
    return values[::step, ::step]

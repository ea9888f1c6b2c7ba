"""Folders of predicted palette PNGs against a prepared folder; the figures are those of scoring the model itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelprep import metrics
from labelprep.classes import ClassTable
from labelprep.errors import DamagedFileError, UsageError
from labelprep.prepared import Prepared
from labelprep.scoring import per_image
from labelprep.scoring.boundary import boundary_counts
from labelprep.scoring.mask_folders import Problems, ids_of, refuse
from labelprep.steps.count import listed_ids, stray_ids

OnSample = Callable[[str, NDArray[np.int64], NDArray[np.int64]], None]


def confusion(prediction: NDArray[Any], truth: NDArray[Any], table: ClassTable) -> NDArray[np.int64]:
    """Pixels of one mask by true and predicted class, (C, C) int64, rows truth, columns prediction.

    Args:
        prediction: (H, W) unsigned ids 0..C-1; anything where the truth is ignored.
        truth: (H, W) unsigned ids 0..C-1 or the table's ignore index.
        table: the class table of both.

    Raises:
        DamagedFileError: where sizes differ or the prediction holds other ids at valid pixels.
    """
    if prediction.shape != truth.shape:
        height, width = truth.shape
        message = f"is {prediction.shape[1]}x{prediction.shape[0]}, its truth {width}x{height}"
        raise DamagedFileError(message, code="size-differs")
    classes = len(table)
    valid = truth != table.ignore_index
    rows, columns = truth[valid].astype(np.int64), prediction[valid].astype(np.int64)
    if (columns >= classes).any():
        strays = stray_ids(np.bincount(columns), classes, ignore_index=classes - 1)
        message = f"ids must be below {classes} where the truth is valid, but there are {listed_ids(strays)}"
        raise DamagedFileError(message, code="id-out-of-range")
    cells = np.bincount(rows * classes + columns, minlength=classes * classes)
    return cells.reshape(classes, classes).astype(np.int64, copy=False)


def score_folder(
    pred: Path,
    prepared: Prepared,
    split: str | None = None,
    *,
    width: float = 0.02,
    on_sample: OnSample | None = None,
) -> dict[str, Any]:
    """Scores `<pred>/<key>.png` for every mask of a split.

    Args:
        pred: folder of predicted palette or gray PNGs whose values are ids.
        prepared: the prepared folder with the truth.
        split: the split to score; all masks by default.
        width: of the edges of boundary IoU, as `boundary.edge_width` takes it; 0: none.
        on_sample: is given the key, the confusion matrix (C, C) int64 and the edge counts (3, C) int64 of every mask,
            in manifest order.

    Returns:
        `metrics.summary` with `split`, `masks` (how many), the means of the masks' own scores (`mean_iou_per_image`
        and so on, other numbers than `mean_iou`) and `confusion` (C rows of C integers).

    Raises:
        UsageError: listing every prediction that is missing, damaged, of another size or out of range, or
            for a split that there is not.
    """
    if not pred.is_dir():
        message = "is a file; expected a folder of predicted masks" if pred.exists() else "no such folder"
        raise UsageError(message, path=pred, hint="give the folder of the predicted masks: --pred DIR")
    table = prepared.table
    total = np.zeros((len(table), len(table)), np.int64)
    edges = np.zeros((3, len(table)), np.int64)
    problems = Problems()
    means = per_image.Means()
    masks = 0
    for row in prepared.rows(split):
        if not row.written:
            continue
        masks += 1
        try:
            prediction, truth = ids_of(pred / f"{row.key}.png"), ids_of(prepared.mask_path(row.key))
            one = confusion(prediction, truth, table)
        except DamagedFileError as error:
            problems.append(f"{row.key}.png: {error.message}")
            continue
        near = boundary_counts(prediction, truth, len(table), ignore_index=table.ignore_index, width=width)
        total, edges = total + one, edges + near
        means.add(per_image.image_scores(per_image.image_counts(one, near)))
        if on_sample is not None:
            on_sample(row.key, one, near)
    refuse(problems, pred, f"predict all {masks} masks with the prepared folder's class table; see `labelprep eval`")
    return {
        **metrics.summary(total, table.names, edges if width else None),
        "split": split,
        "masks": masks,
        **means.values(),
        "confusion": total.tolist(),
    }

"""What evaluation and prediction leave on disk. Plain values and arrays in; imports no torch."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from labelprep import metrics
from labelprep.atomic import write_atomic, write_lines
from labelprep.classes import ClassTable
from labelprep.steps.palette import encode_mask

PREDICTIONS = "predictions"
ENTROPY = "entropy"
COLUMNS = ("id", "name", "support", "predicted", "iou", "dice", "precision", "recall")


def metric_values(
    confusion: NDArray[np.int64],
    table: ClassTable,
    *,
    training: NDArray[np.int64] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What `metrics.json` holds: `metrics.summary`, `baseline` (always predicting one class) and further values.

    Args:
        confusion: (C, C) int64, rows truth, columns prediction.
        table: names the classes.
        training: (C,) pixels per class of the training split; its largest class is the baseline's.
        extra: the further values.
    """
    baseline = metrics.majority_baseline(confusion, training)
    baseline["name"] = table.names[baseline["class"]]
    return {**metrics.summary(confusion, table.names), "baseline": baseline, **(extra or {})}


def write_metrics(out: Path, confusion: NDArray[np.int64], values: Mapping[str, Any]) -> None:
    """Writes `confusion.npy` (int64), `metrics.json` and `per_class.csv` from `metric_values`.

    Raises:
        EnvironmentFailure: disk full, no permission.
    """
    buffer = io.BytesIO()
    np.save(buffer, confusion.astype(np.int64))
    write_atomic(out / "confusion.npy", buffer.getvalue())
    write_atomic(out / "metrics.json", (json.dumps(values, indent=1, ensure_ascii=False) + "\n").encode())
    text = io.StringIO(newline="")
    rows = csv.DictWriter(text, COLUMNS, extrasaction="ignore", lineterminator="\n")
    rows.writeheader()
    rows.writerows(values["classes"])
    write_atomic(out / "per_class.csv", text.getvalue().encode())


def metrics_identity(confusion: NDArray[np.int64], values: Mapping[str, Any]) -> str:
    """SHA-256 of confusion matrix and metrics: equal for equal results, whenever and wherever made."""
    digest = hashlib.sha256(np.ascontiguousarray(confusion, "<i8").tobytes())
    digest.update(json.dumps(values, sort_keys=True).encode())
    return digest.hexdigest()


def prediction_png(ids: NDArray[Any], table: ClassTable) -> bytes:
    """Predicted ids (H, W) as palette PNG, or as gray index PNG for more than 255 classes."""
    return encode_mask(ids, table, mask_mode="palette" if table.ignore_index == 255 else "index")


def entropy_png(values: NDArray[np.floating[Any]]) -> bytes:
    """An entropy map (H, W) in [0, 1] as 16-bit gray PNG; 0 is 0 and 1 is 65535 in every file alike."""
    buffer = io.BytesIO()
    Image.fromarray(np.rint(np.clip(values, 0, 1) * 65535).astype(np.uint16)).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def write_samples(out: Path, samples: Iterable[Mapping[str, Any]]) -> None:
    """Writes `samples.jsonl`, one line per image."""
    write_lines(out / "samples.jsonl", (json.dumps(dict(sample), ensure_ascii=False) for sample in samples))


def relative(out: Path, path: Path) -> str:
    """The path as seen from the folder `out`, POSIX; absolute where it lies on another drive."""
    try:
        return Path(os.path.relpath(path, out)).as_posix()
    except ValueError:  # Windows
        return path.absolute().as_posix()


def remove_former(out: Path) -> None:
    """Removes the predictions and entropy maps that an earlier run listed in `samples.jsonl`, and nothing else."""
    try:
        lines = (out / "samples.jsonl").read_text("utf-8").splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        key = json.loads(line)["key"]
        for folder in (PREDICTIONS, ENTROPY):
            (out / folder / f"{key}.png").unlink(missing_ok=True)
    (out / "samples.jsonl").unlink()

"""What evaluation and prediction leave on disk. Plain values and arrays in; imports no torch."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from labelprep import metrics
from labelprep.classes import ClassTable
from labelprep.errors import UsageError, naming
from labelprep.learning.options import EvalOptions
from labelprep.prepared import is_below
from labelprep.scoring.bootstrap import iou_intervals
from labelprep.scoring.per_image import Counts, CountsFile, Means, image_scores
from labelprep.steps.palette import encode_mask
from labelprep.storage.atomic import confined, sweep_temporary, write_atomic, write_lines
from labelprep.storage.csv_lines import csv_lines
from labelprep.storage.place import Place, Remote
from labelprep.storage.rows import Rows

PREDICTIONS = "predictions"
ENTROPY = "entropy"
PANELS = "entropy_panels"
COLUMNS = ("id", "name", "support", "predicted", "iou", "dice", "precision", "recall", "boundary_iou")
INTERVAL = ("iou_low", "iou_high")
RANKED = ("rank", "key", "error", "wrong", "pixels", "iou_per_image", "entropy_mean")
RANKINGS = {"ranked_by_error.csv": "error", "ranked_by_entropy.csv": "entropy_mean"}


def metric_values(
    confusion: NDArray[np.int64],
    table: ClassTable,
    *,
    edges: NDArray[np.int64] | None = None,
    training: NDArray[np.int64] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What `metrics.json` holds: `metrics.summary`, `baseline` (always predicting one class) and further values.

    Args:
        confusion: (C, C) int64, rows truth, columns prediction.
        table: names the classes.
        edges: (3, C) edge pixels, as `metrics.boundary_iou` takes them.
        training: (C,) pixels per class of the training split; its largest class is the baseline's.
        extra: the further values.
    """
    baseline = metrics.majority_baseline(confusion, training)
    baseline["name"] = table.names[baseline["class"]]
    return {**metrics.summary(confusion, table.names, edges), "baseline": baseline, **(extra or {})}


def set_values(
    split: str | None, images: int, options: EvalOptions, counts: Counts, means: Mapping[str, Any]
) -> dict[str, Any]:
    """The further values of `metrics.json`: which images, the means of their own scores, the interval of mean IoU.

    Args:
        split: that was scored.
        images: how many.
        options: width of the edges, replicates and seed.
        counts: of all images, as `write_images` gives them.
        means: of their scores.
    """
    return {
        "split": split,
        "images": images,
        **means,
        "boundary_width": options.boundary or None,
        "bootstrap": iou_intervals(counts, replicates=options.bootstrap, seed=options.seed),
    }


def write_metrics(out: Path, confusion: NDArray[np.int64], values: Mapping[str, Any]) -> None:
    """Writes `confusion.npy` (int64), `metrics.json` and `per_class.csv` from `metric_values`.

    Raises:
        EnvironmentFailure: disk full, no permission.
    """
    buffer = io.BytesIO()
    np.save(buffer, confusion.astype(np.int64))
    write_atomic(out / "confusion.npy", buffer.getvalue())
    write_json(out / "metrics.json", values)
    intervals = (values.get("bootstrap") or {}).get("classes") or [None] * len(values["classes"])
    rows = [
        {**row, **dict(zip(INTERVAL, interval or (None, None), strict=True))}
        for row, interval in zip(values["classes"], intervals, strict=True)
    ]
    write_csv(out / "per_class.csv", (*COLUMNS, *INTERVAL), rows)


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Writes plain values, one a line."""
    write_atomic(path, (json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode())


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Writes some columns of rows; None and what a row lacks are empty."""
    write_lines(path, csv_lines(columns, rows))


def identity_of(*parts: Any) -> str:
    """SHA-256 of arrays and plain values: equal for equal results, whenever and wherever made."""
    digest = hashlib.sha256()
    for part in parts:
        array = isinstance(part, np.ndarray)
        digest.update(np.ascontiguousarray(part).tobytes() if array else json.dumps(part, sort_keys=True).encode())
    return digest.hexdigest()


def write_images(
    out: Path, images: Iterable[tuple[dict[str, Any], Counts]], number: int, classes: int
) -> tuple[dict[str, float | None], Counts]:
    """Writes `samples.jsonl`, `per_image.npy` and the rankings, streamed.

    Args:
        out: the folder.
        images: sample and counts (6, C) of every image, in plan order; a sample holds `key` and what is known beyond
            the scores, which are added.
        number: of the images.
        classes: C.

    Returns:
        Means of the images' own scores, and the content of `per_image.npy`.

    Raises:
        EnvironmentFailure: disk full, no permission.
    """
    means = Means()
    file = CountsFile(out / "per_image.npy", number, classes)

    def lines(ranked: Rows) -> Iterator[str]:
        for sample, counts in images:
            file.add(counts)
            scores = image_scores(counts)
            means.add(scores)
            pixels = int(counts[1].sum())
            wrong = pixels - int(counts[0].sum())
            row = {"pixels": pixels, "wrong": wrong, **scores}
            known = {**sample, **row, "error": wrong / pixels if pixels else None}
            ranked.add({name: value for name, value in known.items() if name in RANKED})
            yield json.dumps({"key": sample["key"], **row, **sample}, ensure_ascii=False, allow_nan=False)

    with closing(ranking_rows()) as ranked:
        try:
            write_lines(out / "samples.jsonl", lines(ranked))
            table = file.finish()
        finally:
            file.discard()
        for name in RANKINGS:
            write_ranking(out, name, ranked)
    return means.values(), table


def ranking_rows() -> Rows:
    """Takes what is known of the images, for `write_ranking`; on disk, as there may be many."""
    return Rows(tuple(RANKINGS.values()))


def write_ranking(out: Path, name: str, rows: Rows) -> None:
    """Writes one file of `RANKINGS`, the worst image first; none where no image has the figure."""
    by = RANKINGS[name]
    if rows.having(by):
        write_csv(out / name, RANKED, ({**row, "rank": n} for n, row in enumerate(rows.falling(by), 1)))
    else:
        (out / name).unlink(missing_ok=True)


def prediction_png(ids: NDArray[Any], table: ClassTable) -> bytes:
    """Predicted ids (H, W) as palette PNG, or as gray index PNG for more than 255 classes."""
    return encode_mask(ids, table, mask_mode="palette" if table.ignore_index == 255 else "index")


def entropy_png(values: NDArray[np.uint16]) -> bytes:
    """An entropy map (H, W) as 16-bit gray PNG; 0 is 0 and 1 is 65535 in every file alike."""
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def write_samples(out: Path, samples: Iterable[Mapping[str, Any]]) -> None:
    """Writes `samples.jsonl`, one line per image."""
    write_lines(out / "samples.jsonl", (json.dumps(dict(sample), ensure_ascii=False) for sample in samples))


def relative(out: Path, path: Place) -> str:
    """The path as seen from the folder `out`, POSIX; absolute where it lies on another drive, or a URL."""
    if isinstance(path, Remote):
        return str(path)
    try:
        return Path(os.path.relpath(path, out)).as_posix()
    except ValueError:  # Windows
        return path.absolute().as_posix()


def remove_former(out: Path) -> None:
    """Removes the predictions, entropy maps and panels that an earlier run listed in `samples.jsonl`, nothing else."""
    sweep_temporary(out)
    listed = out / "samples.jsonl"
    try:
        with naming(listed), listed.open(encoding="utf-8") as lines:
            for line in lines:
                key = json.loads(line)["key"]
                if not is_below(key):
                    message = f"lists {key!r}, which does not lie below the folder"
                    raise UsageError(message, path=listed, hint="remove the list, or choose another folder")
                for folder in (PREDICTIONS, ENTROPY, PANELS):
                    confined(out, out / folder / f"{key}.png").unlink(missing_ok=True)
        listed.unlink()
    except FileNotFoundError:
        return

"""Every plot of a report with the values behind it: PNG and SVG drawn by `plots` and `shapes`, and a CSV."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from labelprep.report import plots, shapes
from labelprep.report.collect import Scores, Sources, TrainingRun
from labelprep.report.geometry import Geometry
from labelprep.report.style import Drawn
from labelprep.report.tables import csv_of

HISTORY: tuple[str, ...] = ("epoch", "train_loss", "val_loss", "train_accuracy", "val_accuracy", "val_miou", "lr")
HISTORY += ("images_per_second", "data_wait", "peak_memory_mb")
UNCERTAINTY: tuple[str, ...] = (
    "curve",
    "low",
    "high",
    "pixels",
    "accuracy",
    "confidence",
    "wrong",
    "error",
    "coverage",
    "error_covered",
)


@dataclass(frozen=True)
class Plot:
    """One plot.

    Attributes:
        name: `plots/<name>.png`, `.svg` and `.csv`.
        drawn: the pictures.
        csv: the values.
    """

    name: str
    drawn: Drawn
    csv: bytes


def every(sources: Sources, geometry: Geometry | None) -> Iterator[Plot]:
    """Every plot that the sources give, one after the other.

    Raises:
        MissingExtraError: without matplotlib.
    """
    if sources.prepared is not None and sources.table is not None:
        yield _classes(sources)
    if geometry is not None:
        yield Plot(
            "geometry", shapes.geometry(geometry), csv_of(("figure", "class", "value", "number"), geometry.rows())
        )
        if geometry.heat:
            columns = ("class", "row", "column", "share")
            yield Plot("positions", shapes.positions(geometry), csv_of(columns, geometry.heat_rows()))
    for n, run in enumerate(sources.runs, 1):
        if run.history:
            yield _curves(run, n)
    for n, scores in enumerate(sources.scores, 1):
        yield _confusion(scores, n)
        if scores.uncertainty is not None and scores.uncertainty["pixels"]:
            rows = [{"curve": c, **row} for c in ("reliability", "entropy_error") for row in scores.uncertainty[c]]
            yield Plot(_name("uncertainty", n), plots.uncertainty(scores.uncertainty), csv_of(UNCERTAINTY, rows))


def _classes(sources: Sources) -> Plot:
    prepared, table, weights = sources.prepared, sources.table, sources.weights
    if prepared is None or table is None:
        message = "no prepared folder"
        raise ValueError(message)
    colors = np.array([c.color for c in table.classes], np.uint8)
    counts = prepared.totals if weights is None else weights.counts  # those that the weights were computed from
    total = max(1, int(counts.pixels.sum()))
    rows = [
        {
            "class": c.name,
            "pixels": int(counts.pixels[c.id]),
            "share": int(counts.pixels[c.id]) / total,
            "weight": None if weights is None else weights.weights[c.id],
        }
        for c in table.classes
    ]
    values = csv_of(("class", "pixels", "share", "weight"), rows)
    if weights is None:
        return Plot("classes", plots.class_balance(table.names, colors, counts.pixels), values)
    drawn = plots.class_balance(
        table.names,
        colors,
        counts.pixels,
        np.array(weights.weights),
        title=f"share of valid pixels ({weights.split or 'all masks'})",
        weights_title=f"weight ({weights.method}, {_normalized(weights.normalize)})",
    )
    return Plot("classes", drawn, values)


def _curves(run: TrainingRun, number: int) -> Plot:
    columns = [name for name in HISTORY if any(epoch.get(name) is not None for epoch in run.history)]
    return Plot(_name("curves", number), plots.curves(run.history), csv_of(columns, run.history))


def _confusion(scores: Scores, number: int) -> Plot:
    names = scores.names
    lines = zip(names, scores.confusion.tolist(), strict=True)
    rows = [{"truth": name, **{str(i): n for i, n in enumerate(line)}} for name, line in lines]
    columns = ("truth", *(str(i) for i in range(len(names))))
    heads = csv_of(("truth", *names), ())  # names may occur twice, and then are no keys
    values = heads + csv_of(columns, rows).split(b"\n", 1)[1]
    return Plot(_name("confusion", number), plots.confusion(names, scores.confusion), values)


def _name(plot: str, number: int) -> str:
    return plot if number == 1 else f"{plot}_{number}"


def _normalized(normalize: str) -> str:
    return {"mean": "mean 1", "sum": "sum 1"}.get(normalize, "as computed")

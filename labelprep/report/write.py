"""Writes a report: `index.html` and its pages, `report.json`, `classes.csv` and `plots/*.png`."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from labelprep.report import html, plots, samples
from labelprep.report.collect import Sources, read_sources
from labelprep.report.panel import panel
from labelprep.report.summary import COLUMNS, summarise
from labelprep.storage.atomic import confined, sweep_temporary, write_atomic
from labelprep.storage.place import Place


@dataclass(frozen=True)
class Report:
    """A report that was written.

    Attributes:
        folder: where.
        values: the content of `report.json`.
        identity: SHA-256 of `report.json`.
    """

    folder: Path
    values: Mapping[str, Any]
    identity: str


def write_report(folders: Sequence[Place], out: Path) -> Report:
    """Writes the report of prepared folders, training runs and evaluations.

    `report.json` comes last, so that a folder that holds one holds the whole report. Plots of a former
    report in the same place that this one does not have are removed.

    Raises:
        UsageError: for folders that nothing can be said about.
        MismatchError: where their class tables differ.
        MissingExtraError: without matplotlib or jinja2.
        EnvironmentFailure: disk full, no permission.
    """
    sources = read_sources(folders)
    values = summarise(sources)
    for folder in (out, confined(out, out / "plots" / "classes.png").parent):
        sweep_temporary(folder)
    former = _former_plots(out)
    names = []
    for name, png in _plots(sources):
        write_atomic(out / name, png)
        names.append(name)
    for name in former - set(names):
        (out / name).unlink(missing_ok=True)
    write_atomic(out / "classes.csv", _csv(values["classes"]))
    values["plots"] = names
    values["pages"] = html.write_html(out, sources, values)
    text = json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    write_atomic(out / "report.json", text.encode())
    return Report(out, values, hashlib.sha256(text.encode()).hexdigest())


def _plots(sources: Sources) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of every plot that the sources give."""
    table, prepared, weights = sources.table, sources.prepared, sources.weights
    if prepared is not None and table is not None:
        colors = np.array([c.color for c in table.classes], np.uint8)
        if weights is None:
            yield "plots/classes.png", plots.class_balance(table.names, colors, prepared.totals.pixels)
        else:  # the shares that the weights were computed from, so that both sides tell one story
            yield (
                "plots/classes.png",
                plots.class_balance(
                    table.names,
                    colors,
                    weights.counts.pixels,
                    np.array(weights.weights),
                    title=f"share of valid pixels ({weights.split or 'all masks'})",
                    weights_title=f"weight ({weights.method}, {_normalized(weights.normalize)})",
                ),
            )
    for n, run in enumerate(sources.runs, 1):
        if run.history:
            yield _name("curves", n), plots.curves(run.history)
    for n, scores in enumerate(sources.scores, 1):
        yield _name("confusion", n), plots.confusion(scores.names, scores.confusion)
        if scores.uncertainty is not None and scores.uncertainty["pixels"]:
            yield _name("uncertainty", n), plots.uncertainty(scores.uncertainty)
    yield from _panels(sources)


def _panels(sources: Sources) -> Iterator[tuple[str, bytes]]:
    table, prepared = sources.table, sources.prepared
    if table is None or table.ignore_index != 255:  # more classes than a palette or a legend holds
        return
    rotate = prepared is not None and bool(prepared.info["options"].get("exif_rotate", False))
    shown = [samples.scored_pictures(s, exif_rotate=rotate) for s in sources.scores]
    if not any(shown) and prepared is not None:
        shown = [samples.prepared_pictures(prepared)]
    for n, pictures in enumerate(shown, 1):
        if pictures:
            yield _name("samples", n), panel(pictures, table.names, table.palette, table.ignore_index)


def _name(plot: str, number: int) -> str:
    return f"plots/{plot}.png" if number == 1 else f"plots/{plot}_{number}.png"


def _normalized(normalize: str) -> str:
    return {"mean": "mean 1", "sum": "sum 1"}.get(normalize, "as computed")


def _former_plots(out: Path) -> set[str]:
    try:
        values = json.loads((out / "report.json").read_text("utf-8"))
        return {n for n in values["plots"] if Path(n).parent == Path("plots") and n.endswith(".png")}
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def _csv(classes: Sequence[Mapping[str, Any]]) -> bytes:
    """One line a class; the colour as #rrggbb, empty where something is unknown."""
    text = io.StringIO(newline="")
    rows = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    rows.writeheader()
    for row in classes:
        color = None if row["color"] is None else "#{:02x}{:02x}{:02x}".format(*row["color"])
        rows.writerow({**row, "color": color})
    return text.getvalue().encode()

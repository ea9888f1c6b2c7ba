"""Writes a report: `index.html` and its pages, `report.json`, `metrics.json`, `classes.csv` and `plots/*`."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelprep.errors import UsageError, naming
from labelprep.report import figures, html, samples
from labelprep.report.collect import Sources, read_sources
from labelprep.report.panel import panel
from labelprep.report.summary import COLUMNS, metric_values, summarise
from labelprep.report.tables import csv_of
from labelprep.storage.atomic import confined, sweep_temporary, write_atomic
from labelprep.storage.place import Place

FORMS = ("png", "svg", "csv")
OURS = frozenset({"assets", "lists", "plots", "thumbs", "classes.csv", "class_table.yaml", "metrics.json"})


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

    `report.json` comes last, so that a folder that holds one holds the whole report. Plots and pages of a former
    report in the same place that this one does not have are removed.

    Raises:
        UsageError: for folders that nothing can be said about, or an `out` that holds something else.
        MismatchError: where their class tables differ.
        MissingExtraError: without matplotlib or jinja2.
        EnvironmentFailure: disk full, no permission.
    """
    _refuse_foreign(out, folders)
    with closing(read_sources(folders)) as sources:
        return _write(sources, out)


def _write(sources: Sources, out: Path) -> Report:
    values = summarise(sources)
    for name in ("plots", "lists", "thumbs", "assets"):
        sweep_temporary(confined(out, out / name / "any").parent)
    sweep_temporary(out)
    former, former_pages = _former(out)
    looked = html.look(sources)
    files: dict[str, list[tuple[str, str]]] = {}
    for plot in figures.every(sources, looked.geometry):
        for form, content in zip(FORMS, (plot.drawn.png, plot.drawn.svg(), plot.csv), strict=True):
            write_atomic(out / "plots" / f"{plot.name}.{form}", content)
        files[plot.name] = [(form.upper(), f"plots/{plot.name}.{form}") for form in FORMS]
    values["plots"] = [f"plots/{name}.png" for name in files]
    for name, png in _panels(sources):
        write_atomic(out / name, png)
        values["plots"].append(name)
    for name in former - set(values["plots"]):
        for form in FORMS:
            (out / name).with_suffix(f".{form}").unlink(missing_ok=True)
    write_atomic(out / "classes.csv", _csv(values["classes"]))
    write_atomic(out / "metrics.json", _json(metric_values(values)))
    values["pages"] = html.write_html(out, sources, values, looked, files)
    for name in former_pages - set(values["pages"]):
        (out / name).unlink(missing_ok=True)
    text = _json(values)
    write_atomic(out / "report.json", text)
    return Report(out, values, hashlib.sha256(text).hexdigest())


def _refuse_foreign(out: Path, folders: Sequence[Place]) -> None:
    """Names of a report, such as `metrics.json`, are names of others too, whose files stay.

    Allowed is a folder without files, one with a report, and one with nothing but parts of a report.
    """
    held = {path.name for path in out.iterdir() if not path.name.startswith(".")} if out.is_dir() else set()
    is_source = any(isinstance(folder, Path) and folder.resolve() == out.resolve() for folder in folders)
    others = sorted(name for name in held - OURS if not name.endswith(".html"))
    if is_source or (others and "report.json" not in held):
        message = "is what the report is about" if is_source else f"holds something else: {', '.join(others[:3])}"
        raise UsageError(message, path=out, hint="give an empty folder for -o")


def _json(values: Mapping[str, Any]) -> bytes:
    return (json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


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
            name = "plots/samples.png" if n == 1 else f"plots/samples_{n}.png"
            yield name, panel(pictures, table.names, table.palette, table.ignore_index)


def _former(out: Path) -> tuple[set[str], set[str]]:
    """Plots and pages of the report that lies there, by names that are ours."""
    try:
        with naming(out / "report.json"):
            values = json.loads((out / "report.json").read_text("utf-8"))
        found = [*values["plots"], *values.get("pages", ())]
        plots = {name for name in found if re.fullmatch(r"plots/[a-z0-9_]+\.png", name)}
        return plots, {name for name in found if re.fullmatch(r"[a-z0-9-]+\.html", name)}
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
        return set(), set()


def _csv(classes: Sequence[Mapping[str, Any]]) -> bytes:
    """One line a class; the colour as #rrggbb, empty where something is unknown."""
    rows = ({**row, "color": row["color"] and "#{:02x}{:02x}{:02x}".format(*row["color"])} for row in classes)
    return csv_of(COLUMNS, rows)

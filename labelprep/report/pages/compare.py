"""Two preparations or two models side by side: what changed from the first to the second."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from labelprep.prepared import Prepared
from labelprep.report.charts import Line, chart
from labelprep.report.collect import Scores, TrainingRun
from labelprep.report.compare import CHANGES, LISTED, changes, class_rows
from labelprep.report.pages import Material, Page, numbered
from labelprep.report.pages.evaluation import FIGURES
from labelprep.report.scored import Viewer
from labelprep.report.survey import kinds_of
from labelprep.storage.place import Place
from labelprep.storage.rows import Rows

LOOKS = ("s0", "s1", "s2", "s3")
MOVED = 4  # images with pictures, both ways


def pages(material: Material) -> Iterator[Page]:
    """One page, where two of a kind were given."""
    sources = material.sources
    before, after = sources.prepared, sources.other
    data = _preparations(before, after) if before is not None and after is not None else None
    models = _models(sources.scores[0], sources.scores[1], material) if len(sources.scores) > 1 else None
    curves = _curves(sources.runs) if len(sources.runs) > 1 else None
    if data or models or curves:
        values = {"data": data, "models": models, "curves": curves, "kinds": CHANGES, "limit": LISTED}
        yield Page("compare.html", "Comparison", "compare.html.j2", values)


def _preparations(before: Prepared, after: Prepared) -> dict[str, Any]:
    found = changes(before, after)
    kinds = [{kind.code: kind for kind in kinds_of(side.findings())} for side in (before, after)]
    findings = [
        {
            "title": next(k[code].title for k in kinds if code in k),
            "severity": next(k[code].severity for k in reversed(kinds) if code in k),
            "numbers": [k[code].number if code in k else 0 for k in kinds],
            "appeared": found.appeared[code],
            "gone": found.gone[code],
        }
        for code in dict.fromkeys((*kinds[0], *kinds[1]))
    ]
    options = [dict(side.info["options"]) for side in (before, after)]
    names = sorted(name for name in options[0] | options[1] if options[0].get(name) != options[1].get(name))
    return {
        "names": _names(before.root, after.root),
        "masks": [side.totals.masks for side in (before, after)],
        "changes": found,
        "findings": findings,
        "options": [(name, options[0].get(name), options[1].get(name)) for name in names],
        "same_table": before.table.hash == after.table.hash,
        "classes": list(class_rows(before, after)),
    }


def _names(before: Place, after: Place) -> tuple[str, str]:
    """What to call two folders: their names, with more of the path where those are the same."""
    if before.name != after.name or not (isinstance(before, Path) and isinstance(after, Path)):
        return before.name, after.name
    return "/".join(before.absolute().parts[-2:]), "/".join(after.absolute().parts[-2:])


def _models(before: Scores, after: Scores, material: Material) -> dict[str, Any]:
    metrics = (before.metrics, after.metrics)
    figures = [(what, metrics[0].get(f), metrics[1].get(f)) for f, what in FIGURES]
    intervals = [m.get("bootstrap") for m in metrics]
    return {
        "names": (before.label, after.label),
        "links": (numbered("evaluation.html", 1), numbered("evaluation.html", 2)),
        "images": [m.get("images", m.get("masks")) for m in metrics],
        "splits": [m.get("split") for m in metrics],
        "figures": [row for row in figures if row[1] is not None and row[2] is not None],
        "interval": [None if i is None else (i["low"], i["high"]) for i in intervals],
        "classes": _classes(before, after, material),
        "moved": _moved(before, after, material),
    }


def _classes(before: Scores, after: Scores, material: Material) -> list[dict[str, Any]]:
    colors = {row["name"]: row["color"] for row in material.values["classes"]}
    sides = [_by_name(side) for side in (before, after)]
    rows = []
    for name in dict.fromkeys((*before.names, *after.names)):
        ious: list[Any] = [side[name]["iou"] if name in side else None for side in sides]
        spans: list[Any] = [side[name]["interval"] if name in side else None for side in sides]
        known = ious[0] is not None and ious[1] is not None
        apart = bool(spans[0] and spans[1]) and (spans[0][1] < spans[1][0] or spans[1][1] < spans[0][0])
        rows.append({
            "name": name,
            "color": colors.get(name),
            "ious": ious,
            "intervals": spans,
            "delta": ious[1] - ious[0] if known else None,
            "apart": apart,
        })  # fmt: skip
    return rows


def _by_name(scores: Scores) -> dict[str, dict[str, Any]]:
    intervals = (scores.metrics.get("bootstrap") or {}).get("classes") or [None] * len(scores.names)
    rows = zip(scores.metrics["classes"], intervals, strict=True)
    return {row["name"]: {**row, "interval": interval} for row, interval in rows}


def _moved(before: Scores, after: Scores, material: Material) -> list[dict[str, Any]]:
    """The images that both scored and that lost and won most."""
    figure = "iou_per_image"
    with closing(Rows(["delta"])) as moved:
        for sample in after.samples.rising(figure):
            former = before.samples.find(sample["key"])
            if former is not None and former.get(figure) is not None:
                delta = sample[figure] - former[figure]
                moved.add({"key": sample["key"], "delta": delta, "first": former, "second": sample})
        lost = list(moved.rising("delta", MOVED))
        won = moved.last("delta", min(MOVED, len(moved) - len(lost)))
    first, second = Viewer(before, material), Viewer(after, material)
    return [_pictures(pair["first"], pair["second"], first, second) for pair in (*lost, *reversed(won))]


def _pictures(a: Mapping[str, Any], b: Mapping[str, Any], first: Viewer, second: Viewer) -> dict[str, Any]:
    shown = [(figure, what) for figure, what in first.five(a) if what in ("image", "truth")]
    for sample, viewer, side in ((a, first, "first"), (b, second, "second")):
        shown += [(figure, f"{side}: {what}") for figure, what in viewer.five(sample) if what == "prediction"]
    ious = (a["iou_per_image"], b["iou_per_image"])
    return {"key": a["key"], "ious": ious, "delta": ious[1] - ious[0], "figures": shown}


def _curves(runs: tuple[TrainingRun, ...]) -> list[dict[str, Any]]:
    """Quality and loss of all runs in one chart each."""
    found = []
    for title, figure, top in (("Validation mIoU", "val_miou", 1.0), ("Validation loss", "val_loss", None)):
        lines = []
        for run, look in zip(runs, LOOKS, strict=False):
            points = tuple((float(e["epoch"]), float(e[figure])) for e in run.history if e.get(figure) is not None)
            if points:
                lines.append(Line(f"{run.folder.absolute().parent.name}/{run.folder.name}", look, points))
        if lines:
            found.append(chart(title, "epoch", lines, top=top))
    return found

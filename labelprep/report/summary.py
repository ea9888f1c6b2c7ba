"""What `report.json` says: plain values, None where something is unknown, nothing of time or place."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from itertools import chain
from typing import Any

from labelprep.findings import CATALOGUE, SEVERITIES, Finding
from labelprep.prepared import Prepared
from labelprep.report.collect import Scores, Sources, TrainingRun

SCHEMA_VERSION = 1
EXAMPLES = 3
COLUMNS = ("id", "name", "color", "pixels", "share", "images", "weight", "iou", "dice", "precision", "recall")
FIGURES = (
    "pixels",
    "pixel_accuracy",
    "mean_accuracy",
    "mean_iou",
    "mean_dice",
    "mean_precision",
    "frequency_weighted_iou",
    "mean_boundary_iou",
)
UNSURE = ("cross_entropy", "entropy_mean", "ece", "mce")


def summarise(sources: Sources) -> dict[str, Any]:
    """The report's values, without the list of plots.

    `verdict`, `masks`, `splits`, `findings` (by kind, worst first), `classes`, `metrics` and `baseline` (of the
    first evaluation), `training`, `evaluations` and `provenance`; what was not among the sources is None or empty.
    """
    own = () if sources.prepared is None else sources.prepared.findings()
    kinds = _findings(chain(own, *(s.suspects for s in sources.scores)))
    masks = None if sources.prepared is None else _masks(sources.prepared)
    evaluations = [_evaluation(s) for s in sources.scores]
    first: Mapping[str, Any] = evaluations[0] if evaluations else {"metrics": None, "baseline": None}
    values = {
        "schema_version": SCHEMA_VERSION,
        "verdict": _verdict(kinds, masks, first),
        "masks": masks,
        "splits": None if sources.prepared is None else _splits(sources.prepared),
        "findings": kinds,
        "classes": _classes(sources),
        "metrics": first["metrics"],
        "baseline": first["baseline"],
        "training": [_training(r) for r in sources.runs],
        "evaluations": evaluations,
        "provenance": _provenance(sources),
    }
    finite: dict[str, Any] = _finite(values)
    return finite


def metric_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """What `metrics.json` holds: numbers under short names, as DVC and CI compare them; what is unknown is left out.

    Args:
        values: of `summarise`.
    """
    verdict, masks = values["verdict"], values["masks"] or {}
    found = {name: verdict[name] for name in ("errors", "warnings", "notes")} if values["masks"] else {}
    numbers = {**found, "masks_written": masks.get("written"), "masks_failed": masks.get("failed")}
    metrics, baseline = values["metrics"] or {}, values["baseline"] or {}
    numbers |= {name: metrics.get(name) for name in FIGURES if name != "pixels"}
    numbers["baseline_mean_iou"] = baseline.get("mean_iou")
    per_class = {row["name"]: row["iou"] for row in values["classes"] if row["iou"] is not None}
    known = {name: value for name, value in numbers.items() if value is not None}
    return known | ({"iou": per_class} if per_class else {})


def _findings(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """One row a kind: how often, how many pixels, cause, mend and the first examples."""
    kinds: dict[tuple[str, str], dict[str, Any]] = {}
    for finding in findings:
        known = CATALOGUE.get(finding.code)
        kind = kinds.setdefault(
            (finding.code, finding.severity),
            {
                "code": finding.code,
                "severity": finding.severity,
                "title": known.title if known else finding.code,
                "count": 0,
                "pixels": None,
                "cause": known.cause if known else None,
                "fix": finding.fix,
                "examples": [],
            },
        )
        kind["count"] += 1
        if finding.pixels is not None:
            kind["pixels"] = (kind["pixels"] or 0) + finding.pixels
        if len(kind["examples"]) < EXAMPLES:
            kind["examples"].append({"key": finding.key, "path": finding.path, "message": finding.message})
    return sorted(kinds.values(), key=lambda k: (SEVERITIES.index(k["severity"]), -k["count"], k["code"]))


def _masks(prepared: Prepared) -> dict[str, Any]:
    failed = sum(not row.written for row in prepared.rows())
    totals = prepared.totals
    return {
        "written": totals.masks,
        "failed": failed,
        "pixels": totals.total,
        "valid_pixels": int(totals.pixels.sum()),
        "ignored_pixels": totals.ignored,
    }


def _splits(prepared: Prepared) -> dict[str, Any]:
    counts = {name: prepared.counts(name) for name in prepared.splits()}
    return {
        name: {"masks": c.masks, "pixels": c.pixels.tolist(), "images": c.images.tolist()} for name, c in counts.items()
    }


def _verdict(kinds: list[dict[str, Any]], masks: Mapping[str, Any] | None, first: Mapping[str, Any]) -> dict[str, Any]:
    """Clean, warnings or errors, in words that a reader can act on."""
    found = {s: sum(k["count"] for k in kinds if k["severity"] == s) for s in SEVERITIES}
    status = "unknown" if masks is None else next((f"{s}s" for s in ("error", "warning") if found[s]), "clean")
    parts = []
    if masks is not None:
        parts.append(
            f"{masks['written']} masks prepared" + (f", {masks['failed']} left out" if masks["failed"] else "")
        )
        parts.append(", ".join(f"{n} {s}s" if n != 1 else f"1 {s}" for s, n in found.items() if n) or "nothing found")
    metrics, baseline = first["metrics"], first["baseline"]
    if metrics and metrics["mean_iou"] is not None:
        against = ""
        if baseline and baseline.get("mean_iou") is not None:
            against = f" against {baseline['mean_iou']:.3f} for always predicting {baseline.get('name', 'one class')!r}"
        parts.append(f"mIoU {metrics['mean_iou']:.3f}{against}")
    return {"status": status, "text": "; ".join(parts), **{f"{s}s": n for s, n in found.items()}}


def _classes(sources: Sources) -> list[dict[str, Any]]:
    """One row a class with everything that is known of it."""
    table, prepared = sources.table, sources.prepared
    scores = sources.scores[0].metrics["classes"] if sources.scores else None
    names = table.names if table is not None else tuple(c["name"] for c in scores or ())
    pixels = images = None
    total = 0
    if prepared is not None:
        pixels, images = prepared.totals.pixels.tolist(), prepared.totals.images.tolist()
        total = sum(pixels)
    rows = []
    for i, name in enumerate(names):
        row: dict[str, Any] = dict.fromkeys(COLUMNS) | {"id": i, "name": name}
        if table is not None:
            row["color"] = list(table.classes[i].color)
        if pixels is not None and images is not None:
            row |= {"pixels": pixels[i], "images": images[i], "share": pixels[i] / total if total else None}
        if sources.weights is not None:
            row["weight"] = sources.weights.weights[i]
        if scores is not None:
            row |= {figure: scores[i][figure] for figure in ("iou", "dice", "precision", "recall")}
        rows.append(row)
    return rows


def _training(run: TrainingRun) -> dict[str, Any]:
    options = run.facts.get("options", {})
    known = [h for h in run.history if h.get("val_miou") is not None]
    best = max(known, key=lambda h: h["val_miou"]) if known else None
    return {
        "name": run.folder.name,
        "model": options.get("model"),
        "loss": options.get("loss"),
        "parameters": run.facts.get("parameters"),
        "epochs": len(run.history),
        "best": None if best is None else {k: v for k, v in best.items() if k != "seconds"},
    }


def _evaluation(scores: Scores) -> dict[str, Any]:
    metrics = scores.metrics
    return {
        "name": scores.folder.name,
        "split": metrics.get("split"),
        "images": metrics.get("images", metrics.get("masks")),
        "metrics": {name: metrics.get(name) for name in FIGURES},
        "bootstrap": {k: v for k, v in (metrics.get("bootstrap") or {}).items() if k != "classes"} or None,
        "uncertainty": None if scores.uncertainty is None else {k: scores.uncertainty.get(k) for k in UNSURE},
        "suspects": len(scores.suspects),
        "absent": metrics.get("absent"),
        "baseline": metrics.get("baseline"),
    }


def _provenance(sources: Sources) -> dict[str, Any]:
    table, prepared, weights = sources.table, sources.prepared, sources.weights
    try:
        own: str | None = version("labelprep")
    except PackageNotFoundError:  # a checkout on the path
        own = None
    return {
        "labelprep": own,
        "class_table": None if table is None else table.hash,
        "prepared": None if prepared is None else prepared.identity,
        "convert_options": None if prepared is None else prepared.info.get("options"),
        "convert_versions": None if prepared is None else prepared.info.get("versions"),
        "weights": None
        if weights is None
        else {
            "method": weights.method,
            "normalize": weights.normalize,
            "absent": weights.absent,
            "clip": None if weights.clip is None else list(weights.clip),
            "split": weights.split,
        },
        "training": [
            {"name": r.folder.name, "data": r.facts.get("data", {}).get("identity"), "options": _options(r)}
            for r in sources.runs
        ],
    }


def _options(run: TrainingRun) -> dict[str, Any]:
    """Options of training without the paths, which differ from place to place."""
    return {k: v for k, v in run.facts.get("options", {}).items() if k not in ("images", "weights", "out", "data")}


def _finite(value: Any) -> Any:
    """The same values with None for NaN and infinity, which JSON does not have."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(k): _finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(v) for v in value]
    return value

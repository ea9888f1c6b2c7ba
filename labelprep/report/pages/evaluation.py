"""Evaluation: what the model is worth beside always predicting one class, per class and with intervals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from labelprep.report.charts import Line, chart
from labelprep.report.collect import Scores
from labelprep.report.pages import Material, Page, numbered

FIGURES = (
    ("mean_iou", "mean IoU"),
    ("mean_dice", "mean Dice"),
    ("pixel_accuracy", "pixel accuracy"),
    ("mean_accuracy", "mean accuracy (recall)"),
    ("mean_precision", "mean precision"),
    ("frequency_weighted_iou", "frequency-weighted IoU"),
    ("mean_boundary_iou", "mean boundary IoU"),
)
OF_IMAGES = (("mean_iou_per_image", "mean of the images' IoU"), ("mean_dice_per_image", "mean of the images' Dice"))


def pages(material: Material) -> Iterator[Page]:
    """A page for each evaluation."""
    for n, scores in enumerate(material.sources.scores, 1):
        metrics: dict[str, Any] = {"split": None, "bootstrap": None, **scores.metrics}
        several = len(material.sources.scores) > 1
        yield Page(
            numbered("evaluation.html", n),
            f"Evaluation: {scores.label}" if several else "Evaluation",
            "evaluation.html.j2",
            {
                "label": scores.label,
                "metrics": metrics,
                "images": metrics.get("images", metrics.get("masks")),
                "baseline": metrics.get("baseline"),
                "rows": _summary(metrics),
                "classes": _classes(scores, material),
                "uncertainty": scores.uncertainty,
                "charts": _charts(scores),
                "files": material.files.get("uncertainty" if n == 1 else f"uncertainty_{n}", ()),
                "links": [(numbered("confusion.html", n), "Confusion"), (numbered("images.html", n), "Images")],
            },
        )


def _summary(metrics: Any) -> list[tuple[str, float | None, float | None]]:
    """(what, the model's, the baseline's)."""
    baseline = metrics.get("baseline") or {}
    figures = [*FIGURES, *OF_IMAGES]
    return [(what, metrics[f], baseline.get(f)) for f, what in figures if metrics.get(f) is not None]


def _classes(scores: Scores, material: Material) -> list[dict[str, Any]]:
    intervals = (scores.metrics.get("bootstrap") or {}).get("classes") or [None] * len(scores.names)
    colors = {row["id"]: row["color"] for row in material.values["classes"]}
    rows = zip(scores.metrics["classes"], intervals, strict=True)
    return [{**row, "interval": interval, "color": colors.get(row["id"])} for row, interval in rows]


def _charts(scores: Scores) -> list[dict[str, Any]]:
    """Reliability, and error by entropy, each over the shares of pixels in its bins."""
    values = scores.uncertainty
    if values is None or not values["pixels"]:
        return []
    bins = [(b["low"], b["high"], b["pixels"] / values["pixels"]) for b in values["reliability"]]
    points = tuple((b["confidence"], b["accuracy"]) for b in values["reliability"] if b["pixels"])
    doubt = [(b["low"], b["high"], b["pixels"] / values["pixels"]) for b in values["entropy_error"]]
    errors = tuple(((b["low"] + b["high"]) / 2, b["error"]) for b in values["entropy_error"] if b["pixels"])
    ideal = Line("as confident as right", "s3 dash", ((0.0, 0.0), (1.0, 1.0)))
    wrong = [Line("share of wrong pixels", "s1", errors)]
    first = [Line("accuracy", "s0", points), ideal]
    return [
        chart("Reliability: accuracy by confidence", "confidence", first, top=1.0, span=(0, 1), bars=bins),
        chart("Error by entropy", "entropy", wrong, top=1.0, span=(0, 1), bars=doubt),
    ]

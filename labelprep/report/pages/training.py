"""Training: curves of every run, the best epoch, speed and memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from labelprep.report.charts import Line, chart
from labelprep.report.collect import TrainingRun
from labelprep.report.pages import Material, Page

LISTED = 200  # epochs in the table

# Title, unit and lines (figure, label, look) of every chart; a chart without values stays out.
CHARTS: tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...] = (
    ("Loss", (("train_loss", "training", "s0"), ("val_loss", "validation", "s1"))),
    (
        "Quality",
        (
            ("val_miou", "validation mIoU", "s2"),
            ("val_accuracy", "validation accuracy", "s1 dash"),
            ("train_accuracy", "training accuracy", "s0 dash"),
        ),
    ),
    ("Learning rate", (("lr", "learning rate", "s3"),)),
    ("Images per second", (("images_per_second", "images/s", "s0"),)),
)


def pages(material: Material) -> Iterator[Page]:
    """One page for all runs."""
    runs = [_run(run, n, material) for n, run in enumerate(material.sources.runs, 1)]
    if runs:
        yield Page("training.html", "Training", "training.html.j2", {"runs": runs})


def _run(run: TrainingRun, number: int, material: Material) -> dict[str, Any]:
    name = "curves" if number == 1 else f"curves_{number}"
    facts = material.values["training"][number - 1]
    best = facts["best"] and facts["best"]["epoch"]
    return {
        "facts": facts,
        "device": run.facts.get("device"),
        "stops": run.facts.get("stops", []),
        "charts": [c for title, lines in CHARTS if (c := _chart(title, lines, run.history, best))],
        "history": list(run.history)[-LISTED:],
        "epochs": len(run.history),
        "columns": _columns(run.history),
        "files": material.files.get(name, ()),
    }


def _chart(
    title: str,
    lines: Sequence[tuple[str, str, str]],
    history: Sequence[Mapping[str, Any]],
    best: int | None,
) -> dict[str, Any] | None:
    drawn = []
    for figure, label, look in lines:
        points = [(float(e["epoch"]), float(e[figure])) for e in history if e.get(figure) is not None]
        if points:
            drawn.append(Line(label, look, tuple(points), best if figure == "val_miou" else None))
    top = 1.0 if title == "Quality" else None
    return chart(title, "epoch", drawn, top=top) if drawn else None


def _columns(history: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """(figure, head) of the table's columns, as far as anything is known."""
    heads = (
        ("train_loss", "training loss"),
        ("val_loss", "validation loss"),
        ("train_accuracy", "training accuracy"),
        ("val_accuracy", "validation accuracy"),
        ("val_miou", "validation mIoU"),
        ("lr", "learning rate"),
        ("images_per_second", "images/s"),
        ("peak_memory_mb", "peak memory, MiB"),
    )
    return [(figure, head) for figure, head in heads if any(e.get(figure) is not None for e in history)]

"""The confusion matrix, and what is taken for what in pictures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from labelprep.report.collect import Scores
from labelprep.report.pages import Material, Page, numbered
from labelprep.report.scored import Viewer, top_confusions

MOST = 10  # confusions
PICTURES = 2  # of each
CELLS_UP_TO = 40  # classes: a larger matrix is a picture and a CSV
STRONG = 0.8  # share from which a cell is dark


def pages(material: Material) -> Iterator[Page]:
    """A page for each evaluation."""
    for n, scores in enumerate(material.sources.scores, 1):
        viewer = Viewer(scores, material)
        colors = {row["id"]: row["color"] for row in material.values["classes"]}
        tops = [
            {
                "truth": scores.names[c.truth],
                "predicted": scores.names[c.predicted],
                "colors": (colors.get(c.truth), colors.get(c.predicted)),
                "pixels": c.pixels,
                "share": c.share,
                "pictures": viewer.confused(c, PICTURES),
            }
            for c in top_confusions(scores.confusion, MOST)
        ]
        name = "confusion" if n == 1 else f"confusion_{n}"
        yield Page(
            numbered("confusion.html", n),
            f"Confusion: {scores.label}" if len(material.sources.scores) > 1 else "Confusion",
            "confusion.html.j2",
            {
                "label": scores.label,
                "names": scores.names,
                "rows": _rows(scores) if len(scores.names) <= CELLS_UP_TO else [],
                "image": f"plots/{name}.png",
                "tops": tops,
                "files": material.files.get(name, ()),
            },
        )


def _rows(scores: Scores) -> list[dict[str, Any]]:
    """Cells of every true class: share of its pixels, and pixels."""
    rows = []
    for name, line in zip(scores.names, scores.confusion.tolist(), strict=True):
        total = sum(line)
        cells = [{"pixels": n, "share": n / total if total else None} for n in line]
        rows.append({"name": name, "total": total, "cells": cells})
    return rows

"""Class balance: pixels, images, weights, and how the splits differ."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from labelprep.report.drift import FACTOR, FLAGGED, LEAST, drifts
from labelprep.report.pages import Material, Page

DECADES = 5  # of a bar on the log scale: what is rarer has the shortest bar


def pages(material: Material) -> Iterator[Page]:
    """The page, where a prepared folder was given."""
    values, prepared = material.values, material.sources.prepared
    if prepared is None:
        return
    splits = values["splits"] or {}
    found = drifts({name: split["pixels"] for name, split in splits.items()}, prepared.table.names)
    weights = material.sources.weights
    yield Page(
        "classes.html",
        "Class balance",
        "classes.html.j2",
        {
            "rows": [_row(row, splits, found) for row in values["classes"]],
            "splits": {name: split["masks"] for name, split in splits.items()},
            "drifts": found,
            "limits": {"flagged": FLAGGED, "factor": FACTOR, "least": LEAST, "decades": DECADES},
            "weights": weights and f"{weights.method}, {weights.split or 'all masks'}",
            "ratio": _ratio([row["pixels"] for row in values["classes"] if row["pixels"]]),
            "files": [*material.files.get("classes", ()), ("classes.csv", "classes.csv")],
        },
    )


def _row(row: dict[str, Any], splits: dict[str, Any], found: Any) -> dict[str, Any]:
    i, share = row["id"], row["share"]
    parts = {}
    for name, split in splits.items():
        total = sum(split["pixels"])
        parts[name] = {
            "share": split["pixels"][i] / total if total else None,
            "images": split["images"][i],
            "far": any(d.split == name and row["name"] in (*d.classes, *d.missing, *d.unseen) for d in found),
        }
    return {**row, "parts": parts, "length": _length(share)}


def _length(share: float | None) -> float:
    """Length of a share's bar on a log scale, 0 to 1."""
    return max(0.01, 1 + math.log10(share) / DECADES) if share else 0.0


def _ratio(pixels: list[int]) -> float | None:
    """How many times as many pixels the commonest class has as the rarest that occurs."""
    return max(pixels) / min(pixels) if pixels else None

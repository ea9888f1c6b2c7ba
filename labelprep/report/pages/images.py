"""The worst and the best images, and those that the model doubts most."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from labelprep.report.pages import Material, Page, numbered
from labelprep.report.scored import Viewer
from labelprep.report.survey import LISTED
from labelprep.report.tables import csv_of
from labelprep.storage.atomic import write_atomic

WORST, BEST, DOUBTED = 8, 4, 4
COLUMNS = ("key", "iou_per_image", "dice_per_image", "pixel_accuracy_per_image", "entropy_mean", "pixels", "wrong")


def pages(material: Material) -> Iterator[Page]:
    """A page for each evaluation that scored single images."""
    for n, scores in enumerate(material.sources.scores, 1):
        rated = sorted(
            (s for s in scores.samples if s.get("iou_per_image") is not None),
            key=lambda s: (s["iou_per_image"], s["key"]),
        )
        if not rated:
            continue
        viewer = Viewer(scores, material)
        doubted = sorted((s for s in rated if s.get("entropy_mean") is not None), key=lambda s: -s["entropy_mean"])
        groups = [("Worst by IoU", rated[:WORST])]
        if len(rated) > WORST:
            groups.append(("Best by IoU", rated[: WORST - 1 : -1][:BEST]))
        seen = {sample["key"] for _, some in groups for sample in some}
        groups.append(
            ("Most doubtful of the others, by mean entropy", [s for s in doubted if s["key"] not in seen][:DOUBTED])
        )
        listed = numbered("lists/images.csv", n)
        write_atomic(material.out / listed, csv_of(COLUMNS, rated))
        yield Page(
            numbered("images.html", n),
            f"Images: {scores.label}" if len(material.sources.scores) > 1 else "Images",
            "images.html.j2",
            {
                "label": scores.label,
                "groups": [
                    {"title": title, "cases": [_case(s, viewer) for s in some]} for title, some in groups if some
                ],
                "rows": rated[:LISTED],
                "number": len(rated),
                "list": listed,
                "entropy": bool(doubted),
            },
        )


def _case(sample: Mapping[str, Any], viewer: Viewer) -> dict[str, Any]:
    return {"key": sample["key"], "sample": sample, "figures": viewer.five(sample)}

"""The worst and the best images, and those that the model doubts most."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from labelprep.report.pages import Material, Page, numbered
from labelprep.report.scored import Viewer
from labelprep.report.survey import LISTED
from labelprep.storage.atomic import write_lines
from labelprep.storage.csv_lines import csv_lines
from labelprep.storage.rows import Rows

WORST, BEST, DOUBTED = 8, 4, 4
RATED, DOUBT = "iou_per_image", "entropy_mean"
COLUMNS = ("key", "iou_per_image", "dice_per_image", "pixel_accuracy_per_image", "entropy_mean", "pixels", "wrong")


def pages(material: Material) -> Iterator[Page]:
    """A page for each evaluation that scored single images."""
    for n, scores in enumerate(material.sources.scores, 1):
        samples = scores.samples
        rated = samples.having(RATED)
        if not rated:
            continue
        viewer = Viewer(scores, material)
        groups = _groups(samples, rated)
        listed = numbered("lists/images.csv", n)
        write_lines(material.out / listed, csv_lines(COLUMNS, samples.rising(RATED)))
        yield Page(
            numbered("images.html", n),
            f"Images: {scores.label}" if len(material.sources.scores) > 1 else "Images",
            "images.html.j2",
            {
                "label": scores.label,
                "groups": [
                    {"title": title, "cases": [_case(s, viewer) for s in some]} for title, some in groups if some
                ],
                "rows": list(samples.rising(RATED, LISTED)),
                "number": rated,
                "list": listed,
                "entropy": samples.having(DOUBT) > 0,
            },
        )


def _groups(samples: Rows, rated: int) -> list[tuple[str, list[dict[str, Any]]]]:
    """The samples that are shown with pictures, each once."""
    groups = [("Worst by IoU", list(samples.rising(RATED, WORST)))]
    if rated > WORST:
        groups.append(("Best by IoU", samples.last(RATED, min(BEST, rated - WORST))))
    seen = {sample["key"] for _, some in groups for sample in some}
    others = (s for s in samples.falling(DOUBT) if s["key"] not in seen and s.get(RATED) is not None)
    groups.append(("Most doubtful of the others, by mean entropy", list(islice(others, DOUBTED))))
    return groups


def _case(sample: Mapping[str, Any], viewer: Viewer) -> dict[str, Any]:
    return {"key": sample["key"], "sample": sample, "figures": viewer.five(sample)}

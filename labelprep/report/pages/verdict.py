"""The first page: can this set be used, what was found, what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from labelprep.report import gallery, mends
from labelprep.report.pages import Material, Page
from labelprep.report.pages.finding import page_name

TITLE = "Verdict"


def page(material: Material) -> Page:
    """The page that opens."""
    values = material.values
    kinds = [
        {
            "code": kind.code,
            "severity": kind.severity,
            "title": kind.title,
            "cause": kind.cause,
            "number": kind.number,
            "masks": kind.masks,
            "pixels": kind.pixels,
            "href": page_name(kind.code),
            "help": mends.help_in_words(kind),
        }
        for kind in material.kinds
    ]
    return Page(
        "index.html",
        TITLE,
        "verdict.html.j2",
        {
            "verdict": values["verdict"],
            "headline": headline(values["verdict"], values["masks"]),
            "figures": _figures(material),
            "kinds": kinds,
            "commands": _commands(material),
            "at_once": mends.all_at_once(material.kinds, material.places),
            "classes": _shares(values["classes"]),
            "pictures": gallery.strip(material),
            "provenance": values["provenance"],
        },
    )


def headline(verdict: dict[str, Any], masks: dict[str, Any] | None) -> str:
    """The verdict in a few words.

    >>> headline({"status": "errors", "errors": 2, "warnings": 1}, {"failed": 2})
    'Not ready: 2 masks left out'
    """
    if verdict["status"] == "clean":
        return "Ready: nothing found"
    if verdict["status"] == "warnings":
        return "Usable, with warnings"
    if verdict["status"] == "errors":
        failed = (masks or {}).get("failed", 0)
        left_out = f"{failed:,} mask{'s' * (failed != 1)} left out"
        return f"Not ready: {left_out}" if failed else "Not ready: errors found"
    return "No data set was checked"


def _commands(material: Material) -> list[dict[str, Any]]:
    """Commands with the pages of what they mend; notes need none."""
    wanted = [kind for kind in material.kinds if kind.severity != "note"]
    return [
        {**group, "kinds": [{"title": k.title, "href": page_name(k.code)} for k in group["kinds"]]}
        for group in mends.grouped(wanted, material.places)
    ]


def _figures(material: Material) -> list[tuple[str, str, str]]:
    """(what, figure, what stands below it), the most important first."""
    values = material.values
    shown = []
    if masks := values["masks"]:
        shown.append(("masks prepared", f"{masks['written']:,}", _left_out(masks["failed"])))
        classes = values["classes"]
        present = sum(bool(row["pixels"]) for row in classes)
        shown.append(("classes that occur", f"{present} of {len(classes)}", ""))
        ignored = masks["ignored_pixels"] / masks["pixels"] if masks["pixels"] else 0
        shown.append(("ignored pixels", f"{ignored:.1%}", f"of {masks['pixels'] / 1e6:,.1f} megapixels"))
    if (metrics := values["metrics"]) and metrics["mean_iou"] is not None:
        baseline = values["baseline"]
        below = f"always {baseline['name']!r}: {baseline['mean_iou']:.3f}" if baseline else ""
        shown.append(("mean IoU", f"{metrics['mean_iou']:.3f}", below))
        shown.append(("pixel accuracy", f"{metrics['pixel_accuracy']:.1%}", _split(values)))
    if values["training"]:
        run = values["training"][0]
        shown.append(("epochs trained", f"{run['epochs']}", str(run["model"] or "")))
    return shown


def _left_out(failed: int) -> str:
    return f"{failed:,} left out" if failed else "none left out"


def _split(values: Any) -> str:
    first = values["evaluations"][0]
    return f"{first['images']} images, split {first['split']}" if first["split"] else f"{first['images']} images"


def _shares(classes: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Classes with a share, commonest first."""
    known = [row for row in classes if row["share"]]
    return sorted(known, key=lambda row: -row["share"])

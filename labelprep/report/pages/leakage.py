"""Duplicates and leakage: what occurs twice, and what training would see of the test."""

from __future__ import annotations

from collections.abc import Iterator

from labelprep.report.pages import Material, Page
from labelprep.report.pages.finding import page_name

# Kinds of findings in the order of the page, with what each was looked for by.
LOOKED_FOR = (
    ("leaked-split", "the same image in two splits", "images of one size in bytes, compared by SHA-256"),
    ("similar-images", "images that look alike in two splits", "perceptual hashes: validate --similar"),
    ("split-conflict", "split lists that disagree", "the lists that the dataset brings"),
    ("duplicate-files", "the same image twice", "images of one size in bytes, compared by SHA-256"),
    ("two-masks", "two masks for one image", "names"),
    ("name-collision", "names that some file system takes for one", "names, without case and Unicode form"),
)
QUIET = ("similar-images",)  # looked for on request, so told only where it was found


def pages(material: Material) -> Iterator[Page]:
    """The page, where a prepared folder was given."""
    if material.sources.prepared is None:
        return
    kinds = {kind.code: kind for kind in material.kinds}
    rows = []
    for code, what, by in LOOKED_FOR:
        kind = kinds.get(code)
        if kind is None and code in QUIET:
            continue
        rows.append({
            "what": what,
            "by": by,
            "number": 0 if kind is None else kind.number,
            "severity": None if kind is None else kind.severity,
            "href": None if kind is None else page_name(code),
            "examples": [] if kind is None else [finding.message for finding in kind.largest[:5]],
        })  # fmt: skip
    splits = {name: split["masks"] for name, split in (material.values["splits"] or {}).items()}
    yield Page("leakage.html", "Duplicates and leakage", "leakage.html.j2", {"rows": rows, "splits": splits})

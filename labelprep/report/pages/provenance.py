"""Provenance: hashes, versions, options, and the files that other programs read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from labelprep.report.pages import TABLE, Material, Page

FILES = (
    ("report.json", "everything that these pages say, for programs"),
    ("metrics.json", "the numbers alone, as DVC and CI compare them"),
    ("classes.csv", "one line a class: pixels, share, images, weight, scores"),
)


def pages(material: Material) -> Iterator[Page]:
    """The page."""
    provenance = material.values["provenance"]
    table = [(TABLE, "the class table as it was used, for --classes")] if (material.out / TABLE).is_file() else []
    hashes = [
        ("class table", provenance["class_table"]),
        ("prepared set", provenance["prepared"]),
        *((f"data of {run['name']}", run["data"]) for run in provenance["training"]),
    ]
    runs = {run.folder.name: run.facts for run in material.sources.runs}
    options = [
        ("Options of convert", provenance["convert_options"]),
        ("Weights", provenance["weights"]),
        *((f"Options of {run['name']}", run["options"]) for run in provenance["training"]),
        ("Versions that converted", provenance["convert_versions"]),
        *((f"Versions that trained {name}", facts.get("versions")) for name, facts in runs.items()),
        *((f"Code around {name}", facts.get("git")) for name, facts in runs.items()),
    ]
    places = {
        "dataset": material.places.dataset,
        "prepared folder": material.places.prepared,
        **{f"training run {n}": str(run.folder) for n, run in enumerate(material.sources.runs, 1)},
        **{f"evaluation {n}": str(scores.folder) for n, scores in enumerate(material.sources.scores, 1)},
    }
    classes: tuple[Any, ...] = () if material.table is None else (*material.table.classes, *material.table.ignored)
    yield Page(
        "provenance.html",
        "Provenance",
        "provenance.html.j2",
        {
            "files": [*FILES, *table],
            "plots": {name: found for name, found in material.files.items() if found and "plots/" in found[0][1]},
            "hashes": [(what, text) for what, text in hashes if text],
            "places": {what: text for what, text in places.items() if text},
            "options": [(title, _plain(values)) for title, values in options if values],
            "classes": [
                {"id": getattr(c, "id", None), "name": c.name, "colors": c.colors, "source_ids": c.source_ids}
                for c in classes
            ],
        },
    )


def _plain(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names and values as text, in the order of the file."""
    return [(name, v if isinstance(v, str) else json.dumps(v, ensure_ascii=False)) for name, v in values.items()]

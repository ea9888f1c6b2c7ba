"""The pages of a report: gathers what they need, each source read once or twice and streamed, and writes them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from labelprep.findings import Finding
from labelprep.report import lists, site
from labelprep.report.collect import Sources
from labelprep.report.mends import places_of
from labelprep.report.pages import Material, Page, finding, verdict
from labelprep.report.pictures import FOLDER, Album
from labelprep.report.survey import keys_with_pictures, kinds_of, survey
from labelprep.storage.atomic import write_atomic

TABLE = "class_table.yaml"
SAMPLED = 48  # masks that are opened for what no count tells


def write_html(out: Path, sources: Sources, values: Mapping[str, Any]) -> list[str]:
    """Writes the pages, their pictures and the full lists beside their tables.

    Args:
        out: the report's folder.
        sources: what lies on disk.
        values: the content of `report.json`.

    Returns:
        The pages' files, `index.html` first.

    Raises:
        MissingExtraError: without jinja2.
        EnvironmentFailure: disk full, no permission.
    """
    kinds = kinds_of(_findings(sources))
    prepared = sources.prepared
    material = Material(
        sources,
        values,
        kinds,
        None if prepared is None else survey(prepared, keys_with_pictures(kinds), SAMPLED),
        Album(out),
        places_of(prepared, _write_table(out, sources), sources.scores[0].folder if sources.scores else None),
        out,
        lists.write_lists(out, _findings(sources), kinds),
    )
    pages = list(_pages(material))
    site.write_pages(out, pages, {"subject": _subject(sources), "version": values["provenance"]["labelprep"]})
    kept = {name for files in material.files.values() for _, name in files}
    _sweep(out, material.album.names | kept | {page.name for page in pages})
    return [page.name for page in pages]


def _write_table(out: Path, sources: Sources) -> Path | None:
    """The class table as a file that commands take; None without one, or where merged ids say more than a row can."""
    table = sources.table
    if table is None:
        return None
    both: list[tuple[Any, bool]] = [*((c, False) for c in table.classes), *((c, True) for c in table.ignored)]
    if any(len(c.source_ids) != 1 for c, _ in both):
        return None
    rows: list[dict[str, Any]] = []
    for c, ignored in both:
        row: dict[str, Any] = {"id": c.source_ids[0], "name": c.name}
        row |= {"color": list(c.colors[0])} if c.colors else {}
        row |= {"aliases": ["#{:02x}{:02x}{:02x}".format(*color) for color in c.colors[1:]]} if c.colors[1:] else {}
        rows.append(row | ({"ignore": True} if ignored else {}))
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    write_atomic(out / TABLE, f'{{"renumber": true, "classes": [\n{lines}\n]}}\n'.encode())
    return out / TABLE


def _pages(material: Material) -> Iterator[Page]:
    yield verdict.page(material)
    yield from finding.pages(material)


def _findings(sources: Sources) -> Iterator[Finding]:
    own = () if sources.prepared is None else sources.prepared.findings()
    return chain(own, *(scores.suspects for scores in sources.scores))


def _subject(sources: Sources) -> str:
    """What the report is about, in a word or two."""
    if sources.prepared is not None:
        root = sources.prepared.source_root
        return root.name if root is not None and root.name else sources.prepared.root.name
    return (sources.runs[0] if sources.runs else sources.scores[0]).folder.name


def _sweep(out: Path, kept: set[str]) -> None:
    """Removes pages, pictures and lists of a former report that this one does not have; by the names that we give."""
    with contextlib.suppress(OSError):
        for pattern in ("finding-*.html", f"{FOLDER}/{'[0-9a-f]' * 20}.webp", "lists/finding-*.jsonl*"):
            for path in out.glob(pattern):
                if path.relative_to(out).as_posix() not in kept:
                    path.unlink(missing_ok=True)

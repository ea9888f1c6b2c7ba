"""The pages of a report: gathers what they need, each source read once or twice and streamed, and writes them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from labelprep.findings import Finding
from labelprep.report import lists, site
from labelprep.report.collect import Sources
from labelprep.report.geometry import Geometry, measure
from labelprep.report.mends import places_of
from labelprep.report.pages import (
    TABLE,
    Material,
    Page,
    classes,
    compare,
    confusion,
    evaluation,
    finding,
    gallery,
    geometry,
    images,
    leakage,
    provenance,
    training,
    verdict,
)
from labelprep.report.pictures import FOLDER, Album
from labelprep.report.survey import KindFound, Survey, keys_with_pictures, kinds_of, survey
from labelprep.storage.atomic import write_atomic

SAMPLED = 48  # masks that are opened for what no count tells


@dataclass(frozen=True)
class Looked:
    """What was seen on the way through the findings and the manifest.

    Attributes:
        kinds: findings by kind.
        survey: of the manifest; None without a prepared folder.
        geometry: of its masks; None without masks.
    """

    kinds: tuple[KindFound, ...]
    survey: Survey | None
    geometry: Geometry | None


def look(sources: Sources) -> Looked:
    """Reads findings and manifest once each, streamed, and opens a sample of the masks."""
    kinds = kinds_of(_findings(sources))
    prepared = sources.prepared
    if prepared is None:
        return Looked(kinds, None, None)
    seen = survey(prepared, keys_with_pictures(kinds), SAMPLED)
    return Looked(kinds, seen, measure(prepared, seen))


def write_html(
    out: Path,
    sources: Sources,
    values: Mapping[str, Any],
    looked: Looked,
    plots: Mapping[str, Sequence[tuple[str, str]]],
) -> list[str]:
    """Writes the pages, their pictures and the full lists beside their tables.

    Args:
        out: the report's folder.
        sources: what lies on disk.
        values: the content of `report.json`.
        looked: what `look` gave.
        plots: label and path of every file of a plot, by its name.

    Returns:
        The pages' files, `index.html` first.

    Raises:
        MissingExtraError: without jinja2.
        EnvironmentFailure: disk full, no permission.
    """
    files = lists.write_lists(out, _findings(sources), looked.kinds)
    material = Material(
        sources,
        values,
        looked.kinds,
        looked.survey,
        looked.geometry,
        Album(out),
        places_of(sources.prepared, _write_table(out, sources), sources.scores[0].folder if sources.scores else None),
        out,
        {**plots, **files},
    )
    pages = list(_pages(material))
    site.write_pages(out, pages, {"subject": _subject(sources), "version": values["provenance"]["labelprep"]})
    kept = {name for some in files.values() for _, name in some} | {page.values.get("list", "") for page in pages}
    _sweep(out, material.album.names | kept)
    return [page.name for page in pages]


def _write_table(out: Path, sources: Sources) -> Path | None:
    """The class table as a file that commands take; ids that were merged get rows of their own. None without one."""
    table = sources.table
    if table is None:
        return None
    both: list[tuple[Any, bool]] = [*((c, False) for c in table.classes), *((c, True) for c in table.ignored)]
    rows: list[dict[str, Any]] = []
    for c, ignored in both:
        row: dict[str, Any] = {"id": c.source_ids[0], "name": c.name} if c.source_ids else {"name": c.name}
        row |= {"color": list(c.colors[0])} if c.colors else {}
        row |= {"aliases": ["#{:02x}{:02x}{:02x}".format(*color) for color in c.colors[1:]]} if c.colors[1:] else {}
        rows.append(row | ({"ignore": True} if ignored else {}))
        more = {"ignore": True} if ignored else {"merge_into": c.name}
        rows += [{"id": value, "name": f"{c.name} (id {value})", **more} for value in c.source_ids[1:]]
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    write_atomic(out / TABLE, f'{{"renumber": true, "classes": [\n{lines}\n]}}\n'.encode())
    return out / TABLE


def _pages(material: Material) -> Iterator[Page]:
    yield verdict.page(material)
    yield from compare.pages(material)
    found = list(finding.pages(material))
    yield from (page for page in found if not page.listed)
    for module in (classes, gallery, evaluation, confusion, images):
        yield from module.pages(material)
    yield from (page for page in found if page.listed)
    for module in (training, geometry, leakage, provenance):
        yield from module.pages(material)


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
    """Removes pictures and lists of a former report that this one does not have; by the names that we give."""
    with contextlib.suppress(OSError):
        for pattern in (f"{FOLDER}/{'[0-9a-f]' * 20}.webp", "lists/finding-*.jsonl*", "lists/images*.csv"):
            for path in out.glob(pattern):
                if path.relative_to(out).as_posix() not in kept:
                    path.unlink(missing_ok=True)

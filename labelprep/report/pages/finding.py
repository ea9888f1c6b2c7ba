"""One page for each kind of finding: where it is, on the picture, and what mends it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image

from labelprep.findings import Finding
from labelprep.prepared import Prepared, Row, is_below
from labelprep.report import marks, mends, pictures
from labelprep.report.pages import Material, Page
from labelprep.report.survey import KindFound, pictured
from labelprep.suspects import CODES as SUSPECTS

SIDE = 320  # pixels of a picture
WITHOUT_PICTURES = (
    "unread-form",
    "unportable-name",
    "duplicate-color",
    "split-conflict",
    "absent-class",
)  # of names, lists and what no viewer opens


def page_name(code: str) -> str:
    """The file of a kind's page; codes come from a file, and may be anything.

    >>> page_name("unknown-color"), page_name("../x")
    ('finding-unknown-color.html', 'finding-x.html')
    """
    return f"finding-{re.sub(r'[^a-z0-9]+', '-', code.lower()).strip('-') or 'other'}.html"


def list_name(code: str) -> str:
    """The full list of a kind, without its ending."""
    return f"lists/{page_name(code).removesuffix('.html')}"


def pages(material: Material) -> Iterator[Page]:
    """A page for each kind; those that a model found stand in the list of pages."""
    for kind in material.kinds:
        yield Page(
            page_name(kind.code),
            {"suspect-label": "Suspect labels", "suspect-mask": "Suspect masks"}.get(kind.code, kind.title),
            "finding.html.j2",
            {
                "kind": kind,
                "help": mends.help_in_words(kind),
                "commands": mends.commands(kind, material.places),
                "cases": [_case(finding, material) for finding in pictured(kind)] if _has_pictures(kind) else [],
                "rows": [_row(finding) for finding in kind.largest],
                "columns": _columns(kind),
                "files": material.files.get(kind.code, ()),
            },
            listed=kind.code in SUSPECTS,
        )


def _has_pictures(kind: KindFound) -> bool:
    return any(finding.key or finding.path for finding in kind.largest) and kind.code not in WITHOUT_PICTURES


def _row(finding: Finding) -> dict[str, Any]:
    return {
        "severity": finding.severity,
        "where": finding.key or finding.path or "the whole set",
        "message": finding.message,
        "pixels": finding.pixels,
        "xy": finding.xy,
        "color": finding.color,
        "nearest": finding.nearest,
        "distance": finding.distance,
        "confidence": finding.confidence,
    }


def _columns(kind: KindFound) -> set[str]:
    """The columns that have something to say."""
    names = ("pixels", "xy", "color", "nearest", "distance", "confidence")
    return {name for name in names if any(getattr(finding, name) is not None for finding in kind.largest)}


def _case(finding: Finding, material: Material) -> dict[str, Any]:
    """A finding with its pictures, as far as its files can be shown."""
    shown: list[tuple[pictures.Figure, str]] = []
    prepared = material.sources.prepared
    row = None if material.survey is None else material.survey.rows.get(finding.key or "")
    why = ""
    if prepared is None:
        why = "No pictures: the prepared folder was not given."
    elif row is not None and finding.code in SUSPECTS:
        shown = _contradiction(finding, row, material)
    elif row is not None:
        shown = _sample(finding, row, prepared, material)
    elif finding.path is not None and finding.code not in pictures.UNSAFE:
        shown = _alone(finding, prepared, material)
    if not shown and not why:
        why = "No picture: the file is damaged, gone or very large."
    return {**_row(finding), "path": finding.path, "figures": shown, "why": why}


def _alone(finding: Finding, prepared: Prepared, material: Material) -> list[tuple[pictures.Figure, str]]:
    """A file that belongs to no sample."""
    path = finding.path if finding.path is not None and is_below(finding.path) else None
    pixels = pictures.rgb(pictures.source_at(prepared, path))
    return [] if pixels is None else [(material.album.add(pixels, f"The file {path}", SIDE), "file")]


def _sample(finding: Finding, row: Row, prepared: Prepared, material: Material) -> list[tuple[pictures.Figure, str]]:
    """Image, mask, overlay and, where it can be told, the place itself."""
    table, album = prepared.table, material.album
    unsafe = pictures.UNSAFE & {finding.code, *row.findings}
    image = None if "image-unreadable" in unsafe else pictures.image_of(prepared, row)
    source = None if unsafe - {"image-unreadable"} else pictures.source_at(prepared, row.source)
    mask = _mask(source, row, prepared)
    shown = []
    if image is not None:
        shown.append((album.add(image, f"Image of {row.key}", SIDE), _sized("image", image)))
    if mask is None:
        return shown
    bits = None if source is None else marks.offending(finding, source, table)
    if bits is not None and bits.shape != mask.shape[:2]:
        bits = None
    shown.append((album.add(mask, f"Mask of {row.key}", SIDE, sharp=True), _sized("mask", mask)))
    spot = bits is not None or finding.xy is not None
    box = marks.box_around(bits, finding.xy, mask.shape)
    small = marks.is_small(box, mask.shape)
    over = pictures.blended(image, mask)
    if image is not None or spot:
        marked = marks.marked(over, bits, box if spot and small else None, SIDE)
        shown.append((album.add(marked, f"Overlay of {row.key}", SIDE), "overlay, marked" if spot else "overlay"))
    if spot:
        box = box if small else marks.box_around(None, finding.xy or marks.first(bits), mask.shape)
        close = marks.magnified(marks.outlined(mask, bits), box, SIDE)
        caption = f"mask from x {box[0]}, y {box[1]}, {box[2] - box[0]} × {box[3] - box[1]} px"
        shown.append((album.add(close, f"The place in {row.key}, enlarged", SIDE, sharp=True), caption))
    return shown


def _mask(source: Image.Image | None, row: Row, prepared: Prepared) -> pictures.RGB8 | None:
    """What a person should see of a mask: the source, its ids painted; the written mask where that is gone."""
    table = prepared.table
    as_ids = row.written and "equal-channels" in row.findings  # nearly black as they are
    if source is not None and source.mode not in ("L", "1", "I", "I;16") and not as_ids:
        return pictures.rgb(source)
    if source is not None and not as_ids:
        values = np.asarray(source).astype(np.int64)
        known = np.full(int(max(values.max(), 255)) + 1, -1)
        for value, meant in table.source_ids.items():
            if value < len(known):
                known[value] = meant
        colors = pictures.colors_of(table)
        painted = colors[np.maximum(known, 0)]
        painted[known < 0] = pictures.STRANGE
        return np.asarray(painted[values])
    ids = pictures.ids_at(prepared.mask_path(row.key)) if row.written else None
    return None if ids is None else pictures.colors_of(table)[ids]


def _contradiction(finding: Finding, row: Row, material: Material) -> list[tuple[pictures.Figure, str]]:
    """Image, label, prediction and the region where the two disagree."""
    prepared, album = material.sources.prepared, material.album
    truth = None if prepared is None else pictures.ids_at(prepared.mask_path(row.key))
    predicted = _prediction(row.key, material)
    if prepared is None or truth is None or predicted is None or predicted.shape != truth.shape:
        return []
    colors = pictures.colors_of(prepared.table)
    wrong = (truth != predicted) & (truth != prepared.table.ignore_index)
    if finding.labelled in prepared.table.names and finding.predicted in prepared.table.names:
        names = prepared.table.names
        wrong &= (truth == names.index(finding.labelled)) & (predicted == names.index(finding.predicted))
    bits = marks.region_at(wrong, finding.xy) if finding.xy is not None and finding.code == "suspect-label" else wrong
    box = marks.box_around(bits, finding.xy, truth.shape)
    image = pictures.image_of(prepared, row)
    shown = []
    if image is not None:
        under = pictures.fitted(image, truth.shape)
        marked = marks.marked(under, bits, box if marks.is_small(box, truth.shape) else None, SIDE)
        shown.append((album.add(marked, f"Image of {row.key}, the region marked", SIDE), "image, marked"))
        close = marks.magnified(marks.outlined(under, bits), box, SIDE)
        shown.append((album.add(close, f"The region in {row.key}, enlarged", SIDE), "image, enlarged"))
    for ids, what in ((truth, "label"), (predicted, "prediction")):
        drawn = marks.marked(colors[ids], bits, None, SIDE)
        shown.append((album.add(drawn, f"The {what} of {row.key}", SIDE, sharp=True), what))
    return shown


def _prediction(key: str, material: Material) -> Any:
    """The predicted ids of a sample, by the first evaluation that has some."""
    for scores in material.sources.scores:
        path = scores.folder / "predictions" / f"{key}.png"
        if is_below(key) and path.is_file():
            return pictures.ids_at(path)
    return None


def _sized(what: str, pixels: pictures.RGB8) -> str:
    return f"{what}, {pixels.shape[1]} × {pixels.shape[0]} px"

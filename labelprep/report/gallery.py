"""Samples with their masks as layers: which ones, and the ids that the page paints."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from labelprep.prepared import Prepared, Row
from labelprep.report import pictures
from labelprep.report.pages import Material
from labelprep.report.survey import GALLERY, Survey

SIDE = 400  # pixels of a picture, and of the ids over it
STRIP = 4  # pictures on the first page
STRIP_SIDE = 280


def chosen(survey: Survey, prepared: Prepared) -> Iterator[tuple[Row, str]]:
    """Rows and why they are shown, each once: rare classes first, then much that is ignored, then all over the set."""
    seen: set[str] = set()
    names = prepared.table.names
    picks: list[tuple[Row, str]] = [(row, f"most {names[i]}") for i, row in survey.rarest.items()]
    picks += [(row, f"{row.ignored / (row.height * row.width):.0%} ignored") for row in survey.ignored]
    picks += [(row, "") for row in _thinned(survey.spread, GALLERY)]
    for row, why in picks:
        if row.key not in seen:
            seen.add(row.key)
            yield row, why


def _thinned(rows: tuple[Row, ...], most: int) -> tuple[Row, ...]:
    if len(rows) <= most:
        return rows
    return tuple(rows[round(i * (len(rows) - 1) / (most - 1))] for i in range(most))


def strip(material: Material) -> list[dict[str, Any]]:
    """A few overlays for the first page."""
    prepared, survey = material.sources.prepared, material.survey
    if prepared is None or survey is None:
        return []
    shown = []
    for row in _thinned(survey.spread, STRIP):
        layers = layers_of(prepared, row, STRIP_SIDE)
        if layers is not None:
            image, ids = layers
            colors = pictures.colors_of(prepared.table)
            over = pictures.blended(image, colors[ids])
            shown.append(
                {"key": row.key, "figure": material.album.add(over, f"Image and mask of {row.key}", STRIP_SIDE)}
            )
    return shown


def layers_of(prepared: Prepared, row: Row, side: int) -> tuple[pictures.RGB8 | None, NDArray[Any]] | None:
    """Image (h, w, 3) and ids (h, w) of a sample, thinned out to `side`; None without a mask."""
    ids = pictures.ids_at(prepared.mask_path(row.key))
    if ids is None:
        return None
    scale = min(1.0, side / max(ids.shape))
    height, width = (max(1, round(n * scale)) for n in ids.shape)
    image = pictures.image_of(prepared, row)
    return None if image is None else pictures.fitted(image, (height, width)), pictures.thinned(ids, height, width)


def ids_as_data(ids: NDArray[Any]) -> str:
    """Ids (H, W) as a PNG inside a `data:` URL, as pages opened from a disk may read no other picture's pixels.

    Up to 8 bits the ids are gray; of 16 bits red is the low half and green the high one.
    """
    if ids.dtype == np.uint8:
        image = Image.fromarray(ids)
    else:
        wide = ids.astype(np.uint16)
        image = Image.fromarray(np.stack([wide & 255, wide >> 8, np.zeros_like(wide)], -1).astype(np.uint8))
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"

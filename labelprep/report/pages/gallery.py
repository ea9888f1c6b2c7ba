"""The gallery: samples with their masks over them, a slider and a switch for each class."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from labelprep.report import gallery, pictures
from labelprep.report.pages import Material, Page


def pages(material: Material) -> Iterator[Page]:
    """The page, where there are masks to show."""
    prepared, survey = material.sources.prepared, material.survey
    if prepared is None or survey is None:
        return
    table = prepared.table
    colors = pictures.colors_of(table)
    shown, present = [], set[int]()
    for row, why in gallery.chosen(survey, prepared):
        layers = gallery.layers_of(prepared, row, gallery.SIDE)
        if layers is None:
            continue
        image, ids = layers
        present |= set(np.unique(ids).tolist())
        under = image if image is not None else np.full((*ids.shape, 3), 200, np.uint8)
        shown.append({
            "key": row.key,
            "why": why,
            "size": f"{row.width} × {row.height} px",
            "image": material.album.add(under, f"Image of {row.key}", gallery.SIDE),
            "mask": material.album.add(colors[ids], f"Mask of {row.key}", gallery.SIDE, sharp=True),
            "ids": gallery.ids_as_data(ids),
        })  # fmt: skip
    if not shown:
        return
    names = {c.id: c.name for c in table.classes} | {table.ignore_index: "ignored"}
    legend = [
        {"id": i, "name": names.get(i, f"id {i}"), "color": colors[i].tolist(), "on": i != table.ignore_index}
        for i in sorted(present)
    ]
    values = {"shown": shown, "legend": legend, "wide": table.ignore_index != 255, "masks": prepared.totals.masks}
    yield Page("gallery.html", "Gallery", "gallery.html.j2", values)

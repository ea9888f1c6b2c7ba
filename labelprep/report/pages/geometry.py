"""Geometry: sizes, where classes lie, how large their regions are, and how much of them is boundary."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from labelprep.report import style
from labelprep.report.geometry import CLASSES, GRID, Geometry
from labelprep.report.pages import Material, Page

SIDE = 160  # pixels of a heat map
SIZES = 20  # rows of the tables of sizes


def pages(material: Material) -> Iterator[Page]:
    """The page, where there are masks."""
    geometry = material.geometry
    if geometry is None:
        return
    colors = {row["id"]: row["color"] for row in material.values["classes"]}
    tops = list(geometry.sizes.items())[:SIZES]
    yield Page(
        "geometry.html",
        "Geometry",
        "geometry.html.j2",
        {
            "geometry": geometry,
            "sizes": [(width, height, number, number / geometry.masks) for (height, width), number in tops],
            "aspects": sorted(geometry.aspects.items(), key=lambda item: -item[1])[:SIZES],
            "rows": [_row(geometry, n, colors) for n in range(len(geometry.classes))],
            "maps": _maps(material, geometry),
            "edges": [style.percent_text(edge) for edge in geometry.edges],
            "most": CLASSES,
            "mismatch": [kind for kind in material.kinds if kind.code.startswith("size-differs")],
            "files": [
                *((f"{form} of the shapes", href) for form, href in material.files.get("geometry", ())),
                *((f"{form} of the places", href) for form, href in material.files.get("positions", ())),
            ],
        },
    )


def _row(geometry: Geometry, number: int, colors: dict[int, list[int]]) -> dict[str, object]:
    c = geometry.classes[number]
    top = max(c.sizes, default=0)
    bars = [(n, n / top if top else 0.0) for n in c.sizes]
    return {"of": c, "color": colors[c.id], "bars": bars, "each": c.regions / c.masks if c.masks else None}


def _maps(material: Material, geometry: Geometry) -> list[dict[str, object]]:
    """A picture of every class's places, each on its own scale from nowhere to its commonest place."""
    ramp = style.ramp()
    names = {c.id: c.name for c in geometry.classes}
    shown = []
    for i, heat in geometry.heat.items():
        top = float(heat.max())
        steps = np.rint(heat / top * 255).astype(np.uint8) if top else np.zeros(heat.shape, np.uint8)
        picture = ramp[steps].repeat(SIDE // GRID, 0).repeat(SIDE // GRID, 1)
        figure = material.album.add(picture, f"Where {names[i]} lies", SIDE, sharp=True)
        shown.append({"name": names[i], "top": top, "figure": figure})
    return shown

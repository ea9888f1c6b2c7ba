"""The plots of geometry: sizes of masks and regions, and where classes lie. Values in, PNG and SVG out."""

from __future__ import annotations

import numpy as np

from labelprep.report import style
from labelprep.report.geometry import Geometry

ACROSS = 6  # heat maps in a row
BARS = 20  # sizes that get a bar


def geometry(values: Geometry) -> style.Drawn:
    """The commonest sizes of masks, the sizes of regions of every class, and how much of it lies on boundaries.

    Raises:
        MissingExtraError: without matplotlib.
    """
    sizes = list(values.sizes.items())[:BARS]
    with style.styled():
        rows = max(len(sizes), len(values.classes))
        fig = style.figure(11, 1.4 + 0.24 * rows)
        left, middle, right = fig.subplots(1, 3)
        left.barh(range(len(sizes)), [n for _, n in sizes], color=style.BLUE)
        left.set_yticks(range(len(sizes)), [f"{w} × {h}" for (h, w), _ in sizes])
        left.set_ylim(rows - 0.4, -0.6)
        left.set_title("masks by width × height")
        names = [style.shorten(c.name) for c in values.classes]
        shares = np.array([c.sizes for c in values.classes], np.float64).reshape(len(names), -1)
        shares /= np.maximum(1, shares.sum(1, keepdims=True))
        middle.imshow(shares, aspect="auto", cmap="Blues", vmin=0)
        middle.set_yticks(range(len(names)), names)
        ticks = [n for n, edge in enumerate(values.edges[:-1]) if abs(np.log10(edge) % 1) < 1e-6]
        middle.set_xticks([t - 0.5 for t in ticks], [style.percent_text(values.edges[t]) for t in ticks], fontsize=7)
        middle.set_title("regions by share of the mask")
        right.barh(range(len(names)), [c.boundary or 0 for c in values.classes], color=style.ORANGE)
        right.set_yticks(range(len(names)), names)
        right.set_ylim(len(names) - 0.4, -0.6)
        right.set_xlim(left=0)
        right.xaxis.set_major_formatter(lambda value, _: f"{value * 100:g} %")
        right.set_title("pixels on boundaries")
        for axes in (left, right):
            axes.grid(axis="x")
        return style.drawn(fig)


def positions(values: Geometry) -> style.Drawn:
    """Where every class lies: the share of masks that hold it at each place, each map on its own scale.

    Raises:
        MissingExtraError: without matplotlib.
    """
    names = {c.id: c.name for c in values.classes}
    rows = -(-len(values.heat) // ACROSS)
    with style.styled():
        fig = style.figure(11, 2.1 * rows)
        fig.set_layout_engine("none")  # all axes are alike, and laying out many takes seconds
        for n, (i, heat) in enumerate(values.heat.items()):
            down, along = divmod(n, ACROSS)
            axes = fig.add_axes(((along + 0.04) / ACROSS, 1 - (down + 0.96) / rows, 0.92 / ACROSS, 0.82 / rows))
            axes.set_axis_off()
            axes.imshow(heat, cmap="inferno", vmin=0, vmax=max(float(heat.max()), 1e-9), interpolation="nearest")
            axes.set_title(f"{style.shorten(names[i], 16)}, to {style.percent_text(float(heat.max()))}", fontsize=8)
        return style.drawn(fig)

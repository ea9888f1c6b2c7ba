"""How the plots look, and how they get into files. The only place that loads matplotlib."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from labelprep.errors import MissingExtraError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito's colours, told apart by colour-blind readers too.
BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"
INK, FAINT, GRID = "#222222", "#767676", "#E4E4E4"

DPI = 120
_STYLE: Any = {
    "axes.axisbelow": True,
    "axes.edgecolor": FAINT,
    "axes.grid": False,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "font.family": ["DejaVu Sans"],  # comes with matplotlib, so that every machine draws the same
    "font.size": 9,
    "grid.color": GRID,
    "legend.frameon": False,
    "svg.hashsalt": "labelprep",  # else ids are drawn at random
    "text.color": INK,
    "text.parse_math": False,  # a $ in a class name is a $
    "xtick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.color": FAINT,
    "ytick.labelcolor": INK,
}


@contextmanager
def styled() -> Iterator[None]:
    """The plots' style, for the figures that are made and saved within.

    Raises:
        MissingExtraError: without matplotlib.
    """
    try:
        import matplotlib as mpl
    except ImportError as error:
        package = "matplotlib"
        raise MissingExtraError(package, "report") from error
    with mpl.rc_context():
        mpl.rcdefaults()  # a reader's own matplotlibrc must not change the files
        mpl.rcParams.update(_STYLE)
        yield


def figure(width: float, height: float) -> Figure:
    """An empty figure of some inches; it belongs to no window."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08)
    return Figure(figsize=(width, height), layout=layout, facecolor="white")


@dataclass(frozen=True)
class Drawn:
    """A figure as bytes, the same for the same values and library versions.

    Attributes:
        png: for pages and slides.
        fig: as it was drawn.
    """

    png: bytes
    fig: Figure

    def svg(self) -> bytes:
        """For papers; the text is outlines."""
        out = io.BytesIO()
        with styled():
            self.fig.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
        return out.getvalue()


def drawn(fig: Figure) -> Drawn:
    """The figure as PNG and, when asked for, SVG."""
    content = png(fig)
    fig.set_layout_engine("none")  # everything has its place now, and finding it again takes as long as drawing
    return Drawn(content, fig)


def png(fig: Figure) -> bytes:
    """The figure as PNG bytes, the same for the same values and library versions."""
    out = io.BytesIO()
    fig.savefig(out, format="png", dpi=DPI, metadata={"Software": None})
    return out.getvalue()


def ramp() -> NDArray[np.uint8]:
    """The colours from nothing (0) to all (255) of heat maps and entropy maps, (256, 3) uint8.

    Raises:
        MissingExtraError: without matplotlib.
    """
    with styled():
        import matplotlib as mpl

        colors: NDArray[np.uint8] = mpl.colormaps["inferno"](np.arange(256), bytes=True)[:, :3]
        return colors


def quiet_axis(axes: Axes) -> None:
    """Takes ticks and frame off axes that hold a picture."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def shorten(name: str, most: int = 24) -> str:
    """A name that fits an axis."""
    return name if len(name) <= most else f"{name[: most - 1]}…"


def count_text(pixels: int) -> str:
    """A count in four characters or so.

    >>> count_text(950), count_text(12_345), count_text(7_654_321)
    ('950', '12k', '7.7M')
    """
    value = float(pixels)
    for unit in ("", "k", "M", "G", "T"):
        if value < 999.5 or unit == "T":
            break
        value /= 1000
    return f"{value:.1f}{unit}" if unit and value < 9.95 else f"{value:.0f}{unit}"


def percent_text(share: float) -> str:
    """A share in per cent, with as many digits as it needs.

    >>> percent_text(0.254), percent_text(0.0123), percent_text(0.00035), percent_text(4e-7), percent_text(0)
    ('25 %', '1.2 %', '0.035 %', '4e-05 %', '0 %')
    """
    percent = share * 100
    digits = 0 if percent >= 9.95 else 1 if percent >= 0.995 else None
    return f"{percent:.2g} %" if digits is None else f"{percent:.{digits}f} %"


def weight_text(weight: float) -> str:
    """A weight in three digits or so.

    >>> weight_text(0.06134), weight_text(12.34), weight_text(12345.6), weight_text(0)
    ('0.0613', '12.3', '12,346', '0')
    """
    return f"{weight:,.0f}" if weight >= 999.5 else f"{weight:.3g}"

"""The panel of pictures: image, truth, prediction and entropy of a few samples, with a legend of the classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from labelprep.report import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 2.6  # inches of a picture
LEGEND_UP_TO = 60  # classes


@dataclass(frozen=True, eq=False)
class Picture:
    """One row of the panel; what is None stays out.

    Attributes:
        title: what stands beside it.
        image: (H, W, 3) uint8 RGB.
        truth: (H, W) ids with the ignore index.
        prediction: (H, W) ids.
        entropy: (H, W) floats in 0..1.
    """

    title: str
    image: NDArray[np.uint8] | None
    truth: NDArray[Any]
    prediction: NDArray[Any] | None = None
    entropy: NDArray[np.float64] | None = None


def panel(pictures: Sequence[Picture], names: Sequence[str], colors: NDArray[np.uint8], ignore_index: int) -> bytes:
    """Rows of pictures, side by side.

    Args:
        pictures: at least one.
        names: C names.
        colors: (ignore_index + 1, 3) uint8 RGB; id -> colour, the ignored one last.
        ignore_index: id of ignored pixels.

    Raises:
        MissingExtraError: without matplotlib.
    """
    columns = _columns(pictures)
    ratio = float(np.median([p.truth.shape[0] / p.truth.shape[1] for p in pictures]))
    high = WIDTH * min(1.6, max(0.35, ratio))
    present = sorted(
        {int(i) for p in pictures for ids in (p.truth, p.prediction) if ids is not None for i in np.unique(ids)}
    )
    present = present if len(present) <= LEGEND_UP_TO else []
    across = max(2, int(WIDTH * len(columns) / 1.5))
    with style.styled():
        legend = 0.3 + 0.2 * -(-len(present) // across) if present else 0.0
        fig = style.figure(
            WIDTH * len(columns) + (1.0 if "entropy" in columns else 0.5), (high + 0.05) * len(pictures) + 0.4 + legend
        )
        grid = fig.subplots(len(pictures), len(columns), squeeze=False)
        for row, picture in zip(grid, pictures, strict=True):
            row[0].set_ylabel(picture.title, fontsize=8)
            for axes, column in zip(row, columns, strict=True):
                style.quiet_axis(axes)
                shown = _draw(axes, picture, column, colors)
                if shown is not None and column == "entropy":
                    entropy = shown
        for axes, column in zip(grid[0], columns, strict=True):
            axes.set_title(column, fontsize=10)
        if "entropy" in columns:
            bar = fig.colorbar(entropy, ax=grid[:, -1].tolist(), fraction=0.05, pad=0.02, aspect=24)
            bar.outline.set_visible(False)
            bar.ax.tick_params(labelsize=7)
        if present:
            _legend(fig, present, names, colors, ignore_index, across)
        return style.png(fig)


def _columns(pictures: Sequence[Picture]) -> list[str]:
    held = {
        "image": any(p.image is not None for p in pictures),
        "truth": True,
        "prediction": any(p.prediction is not None for p in pictures),
        "entropy": any(p.entropy is not None for p in pictures),
    }
    return [name for name, there in held.items() if there]


def _draw(axes: Axes, picture: Picture, column: str, colors: NDArray[np.uint8]) -> Any:
    values = getattr(picture, column)
    if values is None:
        axes.text(0.5, 0.5, f"no {column}", ha="center", va="center", color=style.FAINT, transform=axes.transAxes)
        return None
    if column == "entropy":  # the same scale in every report: 0 is certain, 1 is a guess
        return axes.imshow(values, cmap="inferno", vmin=0, vmax=1, interpolation="nearest")
    return axes.imshow(values if column == "image" else colors[values], interpolation="nearest")


def _legend(
    fig: Figure, present: Sequence[int], names: Sequence[str], colors: NDArray[np.uint8], ignore_index: int, across: int
) -> None:
    from matplotlib.patches import Patch

    texts = [
        style.shorten(names[i], 18) if i < len(names) else "ignored" if i == ignore_index else f"id {i}"
        for i in present
    ]
    patches = [
        Patch(facecolor=colors[i] / 255, edgecolor="#00000066", linewidth=0.6, label=text)
        for i, text in zip(present, texts, strict=True)
    ]
    fig.legend(handles=patches, loc="outside lower center", ncols=min(across, len(patches)), fontsize=8,
               handlelength=1.2, handleheight=1.0, columnspacing=1.2)  # fmt: skip

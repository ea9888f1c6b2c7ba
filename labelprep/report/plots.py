"""The plots of figures: class balance, confusion, training curves, uncertainty. Values in, PNG and SVG out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from labelprep.report import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COUNTS_UP_TO = 14  # classes: counts fit the cells of a confusion matrix
SHARES_UP_TO = 32  # classes: shares still do
TICKS = 5  # at most, on a log scale
DARK = 0.55  # above this share the cell is dark and its text white


def class_balance(
    names: Sequence[str],
    colors: NDArray[np.uint8],
    pixels: NDArray[np.int64],
    weights: NDArray[np.float64] | None = None,
    *,
    title: str = "share of valid pixels",
    weights_title: str = "weight",
) -> style.Drawn:
    """Bars of each class's share of the valid pixels and of its weight, both on a log scale, commonest first.

    Args:
        names: C names.
        colors: (C, 3) uint8 RGB, the classes' own colours.
        pixels: (C,) int64 valid pixels.
        weights: (C,) float64, or None.
        title: what stands over the shares.
        weights_title: what stands over the weights.

    Raises:
        MissingExtraError: without matplotlib.
    """
    order = np.argsort(-pixels, kind="stable")
    shares = pixels[order] / max(1, int(pixels.sum()))
    rows = len(names)
    size = 9 if rows <= 40 else 6.5
    with style.styled():
        fig = style.figure(9 if weights is not None else 6.5, 1.1 + rows * (0.27 if rows <= 40 else 0.16))
        columns = 2 if weights is not None else 1
        axes = fig.subplots(1, columns, sharey=True, squeeze=False)[0]
        _bars(axes[0], shares, colors[order], [style.percent_text(s) if s else "absent" for s in shares], size)
        axes[0].xaxis.set_major_formatter(lambda value, _: f"{value * 100:g} %")
        axes[0].set_title(title)
        if weights is not None:
            values = weights[order]
            _bars(axes[1], values, colors[order], [style.weight_text(v) for v in values], size)
            axes[1].xaxis.set_major_formatter(lambda value, _: f"{value:g}")
            axes[1].set_title(weights_title)
        axes[0].set_yticks(range(rows), [style.shorten(names[i]) for i in order], fontsize=size)
        axes[0].set_ylim(rows - 0.4, -0.6)
        return style.drawn(fig)


def _bars(
    axes: Axes, values: NDArray[np.float64], colors: NDArray[np.uint8], texts: Sequence[str], size: float
) -> None:
    """Horizontal bars on a log scale, each with its value behind it; a zero has no bar."""
    positive = values[values > 0]
    top = float(positive.max()) if positive.size else 1.0
    low = float(positive.min()) if positive.size else 0.1
    floor = 10.0 ** np.floor(np.log10(low) - 0.3)
    axes.set_xscale("log")
    axes.xaxis.set_minor_formatter(lambda *_: "")
    axes.set_xlim(floor, top * (top / floor) ** 0.28)  # room for the text behind the longest bar
    decades = np.arange(np.log10(floor), np.log10(top) + 0.01)
    axes.set_xticks(10.0 ** decades[:: -(-len(decades) // TICKS)])
    axes.barh(range(len(values)), np.maximum(values, floor), color=colors / 255, edgecolor="#00000055", linewidth=0.6)
    for row, (value, text) in enumerate(zip(values, texts, strict=True)):
        x = max(float(value), floor)
        axes.annotate(text, (x, row), (4, 0), textcoords="offset points", va="center", fontsize=size)
    axes.grid(axis="x", which="major")
    axes.tick_params(axis="y", length=0)


def confusion(names: Sequence[str], matrix: NDArray[np.int64]) -> style.Drawn:
    """The confusion matrix, each row divided by its sum; counts in the cells where they fit.

    Args:
        names: C names.
        matrix: (C, C) int64, rows truth, columns prediction.

    Raises:
        MissingExtraError: without matplotlib.
    """
    classes = len(names)
    total = matrix.sum(1, keepdims=True)
    shares = np.where(total > 0, matrix / np.maximum(total, 1), np.nan)
    cell = 0.62 if classes <= COUNTS_UP_TO else 0.4 if classes <= SHARES_UP_TO else 0.17
    size = 9 if classes <= SHARES_UP_TO else 6
    with style.styled():
        side = max(3.6, cell * classes)
        fig = style.figure(side + 2.6, side + 1.6)
        axes = fig.subplots()
        image = axes.imshow(np.ma.masked_invalid(shares), cmap="Blues", vmin=0, vmax=1)
        axes.set_facecolor("#F1EEE8")  # rows without truth
        short = [style.shorten(n) for n in names]
        axes.set_xticks(range(classes), short, rotation=90 if max(map(len, short)) > 8 else 0, fontsize=size)
        axes.set_yticks(range(classes), short, fontsize=size)
        axes.set_xticks(np.arange(classes + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(classes + 1) - 0.5, minor=True)
        axes.grid(which="minor", color="white", linewidth=1.2 if classes <= SHARES_UP_TO else 0.4)
        axes.tick_params(which="both", length=0)
        axes.set_xlabel("predicted")
        axes.set_ylabel("truth")
        axes.set_title(
            "share of each true class's pixels" + (", per cent" if COUNTS_UP_TO < classes <= SHARES_UP_TO else "")
        )
        for spine in axes.spines.values():
            spine.set_visible(False)
        if classes <= SHARES_UP_TO:
            _cells(axes, shares, matrix, counts=classes <= COUNTS_UP_TO)
        bar = fig.colorbar(image, ax=axes, fraction=0.04, pad=0.02, shrink=0.6)
        bar.outline.set_visible(False)
        return style.drawn(fig)


def _cells(axes: Axes, shares: NDArray[np.float64], matrix: NDArray[np.int64], *, counts: bool) -> None:
    for row, column in zip(*np.nonzero(matrix), strict=True):
        share, pixels = float(shares[row, column]), int(matrix[row, column])
        color = "white" if share > DARK else style.INK
        text = f"{share * 100:.0f}" if share >= 0.005 else "" if not counts else "<1"
        axes.text(
            column, row - (0.14 if counts else 0), f"{text} %" if counts and text else text,
            ha="center", va="center", color=color, fontsize=8 if counts else 7,
        )  # fmt: skip
        if counts:
            axes.text(
                column,
                row + 0.22,
                style.count_text(pixels),
                ha="center",
                va="center",
                fontsize=6.5,
                color=color,
                alpha=0.8,
            )


def curves(history: Sequence[Mapping[str, Any]]) -> style.Drawn:
    """Loss and quality over the epochs, the best epoch marked.

    Args:
        history: one mapping an epoch: `epoch`, `train_loss`, `val_loss`, `train_accuracy`, `val_accuracy`,
            `val_miou`; any of them but the epoch may be missing or None.

    Raises:
        MissingExtraError: without matplotlib.
    """
    epochs = [int(h["epoch"]) for h in history]
    with style.styled():
        from matplotlib.ticker import MaxNLocator

        fig = style.figure(9, 3.5)
        left, right = fig.subplots(1, 2)
        losses = (("train_loss", "training", style.BLUE, "-"), ("val_loss", "validation", style.ORANGE, "-"))
        _lines(left, epochs, history, losses)
        best = _best(epochs, [h.get("val_miou") for h in history])
        told = "" if best is None else f" (best {best[1]:.3f}, epoch {best[0]})"
        qualities = (
            ("val_miou", f"validation mIoU{told}", style.GREEN, "-"),
            ("val_accuracy", "validation accuracy", style.ORANGE, "--"),
            ("train_accuracy", "training accuracy", style.BLUE, "--"),
        )
        _lines(right, epochs, history, qualities)
        left.set_title("loss")
        left.set_ylim(bottom=0)
        right.set_title("quality")
        right.set_ylim(0, 1)
        if best is not None:
            right.plot(*best, "o", color=style.GREEN, markersize=9, markerfacecolor="none", markeredgewidth=1.6)
        for axes in (left, right):
            axes.set_xlabel("epoch")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
            axes.grid()
            if axes.get_legend_handles_labels()[0]:
                axes.legend(loc="upper right" if axes is left else "best", fontsize=8)
        return style.drawn(fig)


def uncertainty(values: Mapping[str, Any]) -> style.Drawn:
    """The reliability curve beside the entropy-against-error curve, each over the shares of pixels in its bins.

    Args:
        values: the content of `uncertainty.json`.

    Raises:
        MissingExtraError: without matplotlib.
    """
    halves = (
        ("reliability", "accuracy", f"reliability (calibration error {values['ece']:.3f})", "confidence", style.BLUE),
        ("entropy_error", "error", "error by entropy", "entropy", style.ORANGE),
    )
    with style.styled():
        fig = style.figure(9, 3.6)
        for axes, (curve, figure, title, across, color) in zip(fig.subplots(1, 2), halves, strict=True):
            rows = values[curve]
            middles = [(row["low"] + row["high"]) / 2 for row in rows]
            shares = [row["pixels"] / values["pixels"] for row in rows]
            axes.bar(middles, shares, width=0.94 / len(rows), color=style.GRID, label="share of pixels")
            held = [(m, row[figure]) for m, row in zip(middles, rows, strict=True) if row["pixels"]]
            if curve == "reliability":
                axes.plot([0, 1], [0, 1], "--", color=style.FAINT, linewidth=1)
                held = [(row["confidence"], row["accuracy"]) for row in rows if row["pixels"]]
            axes.plot(*zip(*held, strict=True), "o-", color=color, markersize=4, linewidth=1.6, label=figure)
            axes.set_xlim(0, 1)
            axes.set_ylim(0, 1)
            axes.set_title(title)
            axes.set_xlabel(across)
            axes.legend(loc="upper left", fontsize=8)
        return style.drawn(fig)


def _lines(
    axes: Axes,
    epochs: Sequence[int],
    history: Sequence[Mapping[str, Any]],
    lines: Sequence[tuple[str, str, str, str]],
) -> None:
    for key, label, color, dash in lines:
        values = [float("nan") if h.get(key) is None else float(h[key]) for h in history]
        if np.isfinite(values).any():
            marker = "o" if len(epochs) <= 30 else None
            axes.plot(epochs, values, dash, color=color, label=label, marker=marker, markersize=3, linewidth=1.6)


def _best(epochs: Sequence[int], miou: Sequence[float | None]) -> tuple[int, float] | None:
    """The first epoch with the largest value, and the value."""
    known = [(value, -epoch) for epoch, value in zip(epochs, miou, strict=True) if value is not None]
    return (-max(known)[1], max(known)[0]) if known else None

"""Line charts as plain numbers, which a template draws as SVG in the colours of the page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

WIDTH, HEIGHT = 480, 230  # of the drawing
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 10, 34
TICKS = 5


@dataclass(frozen=True)
class Line:
    """One line of a chart.

    Attributes:
        label: what it is.
        look: class names of the style sheet.
        points: (x, y), finite ones are drawn.
        marked: x of the point that gets a ring, or None.
    """

    label: str
    look: str
    points: tuple[tuple[float, float], ...]
    marked: float | None = None


def chart(
    title: str,
    across: str,
    lines: Sequence[Line],
    *,
    top: float | None = None,
    span: tuple[float, float] | None = None,
    bars: Sequence[tuple[float, float, float]] = (),
) -> dict[str, Any]:
    """Places of everything in a chart whose y axis begins at 0.

    Args:
        title: what stands over it.
        across: what the x axis is.
        lines: at least one.
        top: end of the y axis; None takes the largest value.
        span: ends of the x axis; None takes those of the points.
        bars: (low, high, y) behind the lines.
    """
    points = [p for line in lines for p in line.points if all(map(math.isfinite, p))]
    low, high = span or (min((x for x, _ in points), default=0.0), max((x for x, _ in points), default=1.0))
    high = high if high > low else low + 1
    ceiling = top or max((y for _, y in points), default=0.0) or 1.0

    def place(x: float, y: float) -> tuple[float, float]:
        shown = min(max(y, 0.0), ceiling)
        right, down = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
        return round(LEFT + (x - low) / (high - low) * right, 1), round(TOP + (1 - shown / ceiling) * down, 1)

    drawn = []
    for line in lines:
        kept = [p for p in line.points if all(map(math.isfinite, p))]
        dots = [(*place(x, y), f"{line.label}, {across} {x:g}: {y:.4g}") for x, y in kept]
        ring = next((place(x, y) for x, y in kept if x == line.marked), None)
        path = " ".join(f"{x},{y}" for x, y, _ in dots)
        drawn.append({"label": line.label, "look": line.look, "path": path, "dots": dots, "ring": ring})
    base = place(low, 0)[1]
    boxes = []
    for left, right, y in bars:
        (x0, y0), (x1, _) = place(left, y), place(right, y)
        boxes.append((x0, y0, round(x1 - x0, 1), round(base - y0, 1)))
    return {
        "title": title,
        "across": across,
        "size": (WIDTH, HEIGHT),
        "frame": (LEFT, TOP, WIDTH - RIGHT, base),
        "lines": drawn,
        "bars": boxes,
        "down": [(place(low, y)[1], _text(y)) for y in _ticks(0.0, ceiling)],
        "along": [(place(x, 0)[0], _text(x)) for x in _ticks(low, high, whole=span is None)],
    }


def _ticks(low: float, high: float, *, whole: bool = False) -> list[float]:
    """Round numbers from low to high.

    >>> _ticks(0, 1), _ticks(1, 16, whole=True)
    ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [5.0, 10.0, 15.0])
    """
    step = 10.0 ** math.floor(math.log10((high - low) / TICKS))
    step *= next(n for n in (1, 2, 5, 10) if (high - low) / (step * n) <= TICKS)
    step = max(1.0, step) if whole else step
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(n * step, 12) for n in range(first, last + 1)]


def _text(value: float) -> str:
    return f"{value:g}" if abs(value) >= 1e-3 or value == 0 else f"{value:.0e}"

"""What every dialect of annotation comes down to: labelled shapes in the order in which they are drawn.

Whatever is wrong with a shape is gathered by kind, because one broken exporter breaks thousands of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from labelprep.errors import DamagedFileError
from labelprep.findings import Finding

Kind = Literal["polygon", "rectangle", "circle", "line", "point", "mask"]
Points = NDArray[np.float64]

LARGEST = 1_000_000.0  # a coordinate beyond it is a mistake, and libraries count in 32 bits
LONGEST = 4_000_000.0  # pixels that the outline of one shape may run
CROSSINGS_UP_TO = 2000  # corners; every edge is compared with every other
BEYOND = 1.0  # pixels outside the image that rounding explains
MAX_BYTES = 128 << 20  # of one annotation file
MAX_PIXELS = 500_000_000


@dataclass(frozen=True, eq=False)
class Shape:
    """One labelled shape.

    Attributes:
        label: its class, as the annotation calls it.
        kind: what it is.
        parts: (N, 2) float64 x, y in pixels, each: of a polygon its outlines, which are united; of the others one.
        mask: for `mask`, (h, w) bool, the pixels from `corner` on.
        corner: for `mask`, (x, y) of its first pixel.
    """

    label: str
    kind: Kind
    parts: tuple[Points, ...] = ()
    mask: NDArray[np.bool_] | None = None
    corner: tuple[int, int] = (0, 0)


@dataclass
class Faults:
    """Faults of the shapes of one file, counted by kind with the first of each.

    Attributes:
        found: code -> (how many, what the first one is).
    """

    found: dict[str, tuple[int, str]] = field(default_factory=dict)

    def add(self, code: str, message: str) -> None:
        """Takes one fault."""
        count, first = self.found.get(code, (0, message))
        self.found[code] = (count + 1, first)

    def findings(self) -> list[Finding]:
        """One finding a kind."""
        return [
            Finding.of(code, first if count == 1 else f"{count:,} shapes, the first: {first}")
            for code, (count, first) in self.found.items()
        ]


@dataclass(frozen=True, eq=False)
class Drawing:
    """The annotation of one image.

    Attributes:
        format: what the annotation is, for messages.
        size: (width, height) in pixels, or None where the annotation does not tell.
        shapes: in draw order, so that a later one lies over an earlier one.
        faults: of shapes that are drawn otherwise than they stand, or not at all.
    """

    format: str
    size: tuple[int, int] | None
    shapes: tuple[Shape, ...]
    faults: Faults = field(default_factory=Faults)


def named(number: int, label: str) -> str:
    """How messages call a shape, from 1.

    >>> named(2, "car")
    "shape 2 ('car')"
    """
    return f"shape {number} ({label[:80]!r})"


def text_of(value: Any) -> str | None:
    """A label: text, or a whole number as text; None for anything else.

    >>> text_of("car"), text_of(3), text_of(True), text_of("")
    ('car', '3', None, None)
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value else None


def size_of(width: Any, height: Any, what: str) -> tuple[int, int] | None:
    """(width, height) as an annotation gives them; None where both lack.

    Raises:
        DamagedFileError: for anything but whole numbers from 1 on.
    """
    if width is None and height is None:
        return None
    whole = [isinstance(v, int) and not isinstance(v, bool) and v > 0 for v in (width, height)]
    if not all(whole):
        message = f"{what}: expected width and height as whole numbers from 1 on, got {width!r} and {height!r}"
        raise DamagedFileError(message)
    return width, height


def refuse_large(width: int, height: int, most: int) -> None:
    """Refuses more pixels than are allowed, before any is made.

    Raises:
        DamagedFileError: `too-many-pixels`.
    """
    if width * height > most:
        message = f"{width} x {height} = {width * height:,} pixels; at most {most:,} are allowed"
        raise DamagedFileError(message, code="too-many-pixels")


def corners(values: Any) -> Points | str:
    """(N, 2) float64 from `[[x, y], …]` or `[x, y, x, y, …]`, or what is wrong with them."""
    try:
        found = np.asarray(values, np.float64)
    except (TypeError, ValueError, OverflowError):
        return "its points are not pairs of numbers"
    if found.ndim == 1 and found.size % 2 == 0:
        found = found.reshape(-1, 2)
    if found.ndim != 2 or found.shape[1] != 2:
        return "its points are not pairs of numbers"
    if not found.size:
        return found
    if not np.isfinite(found).all():
        return "it has a coordinate that is not a finite number"
    if (np.abs(found) > LARGEST).any():
        return f"it has a coordinate beyond {LARGEST:,.0f}"
    if np.abs(np.diff(found, axis=0, append=found[:1])).max(axis=1).sum() > LONGEST:
        return f"its outline is longer than {LONGEST:,.0f} pixels"
    return found


def outlines(parts: Sequence[Any], name: str, faults: Faults) -> tuple[Points, ...]:
    """The outlines of a polygon that can be drawn; the faults of the others, and those that cross themselves, are told.

    Args:
        parts: the points of each, as `corners` takes them.
        name: of the shape, for messages.
        faults: takes what is wrong.
    """
    kept = []
    for part in parts:
        points = corners(part)
        if isinstance(points, str):
            faults.add("broken-shape", f"{name}: {points}")
        elif len(points) < 3:
            faults.add("too-few-points", f"{name}: {len(points)} points enclose nothing")
        else:
            if crosses_itself(points):
                faults.add("self-crossing", f"{name}: {len(points)} corners")
            kept.append(points)
    return tuple(kept)


def crosses_itself(points: Points) -> bool:
    """Whether two edges of an outline (N, 2) cross inside both; outlines of more than 2,000 corners are not looked at.

    >>> crosses_itself(np.array([[0, 0], [4, 4], [4, 0], [0, 4.0]]))
    True
    """
    if len(points) > CROSSINGS_UP_TO:
        return False
    a, b = points, np.roll(points, -1, axis=0)
    edge = b - a
    for i in range(len(points) - 2):
        c, d = a[i + 2 :], b[i + 2 :]
        from_edge = _side(edge[i], c - a[i]) * _side(edge[i], d - a[i])
        from_other = _side(edge[i + 2 :], a[i] - c) * _side(edge[i + 2 :], b[i] - c)
        if ((from_edge < 0) & (from_other < 0)).any():
            return True
    return False


def _side(edge: Points, to: Points) -> NDArray[np.float64]:
    """Positive on one side of an edge, negative on the other."""
    found: NDArray[np.float64] = np.sign(edge[..., 0] * to[..., 1] - edge[..., 1] * to[..., 0])
    return found


def outside(shape: Shape, width: int, height: int) -> bool:
    """Whether a shape leaves an image of that size by more than a pixel."""
    if shape.kind == "mask" or shape.kind == "circle":
        return False
    beyond = np.array([width + BEYOND, height + BEYOND])
    return any(bool((part < -BEYOND).any() or (part > beyond).any()) for part in shape.parts)

"""A canvas that paints an image and its class ids at once, and a street in perspective to paint on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

SCALE = 3  # painted larger and reduced: smooth edges in the image, crisp ones in the mask

Point = tuple[float, float]
Color = tuple[int, int, int]


class Canvas:
    """Image and ids, painted together; coordinates are pixels from the top left.

    A shape without a label is painted on the image alone.
    """

    def __init__(self, height: int, width: int, void: int) -> None:
        self.height = height
        self.width = width
        self._image = Image.new("RGB", (width * SCALE, height * SCALE))
        self._ids = Image.new("L", self._image.size, void)
        self._on_image = ImageDraw.Draw(self._image, "RGBA")  # this mode blends translucent colours
        self._on_ids = ImageDraw.Draw(self._ids)

    def polygon(self, points: Sequence[Point], color: Color, label: int | None = None, alpha: int = 255) -> None:
        """Fills a polygon."""
        corners = [(round(x * SCALE), round(y * SCALE)) for x, y in points]
        self._on_image.polygon(corners, fill=(*color, alpha))
        if label is not None:
            self._on_ids.polygon(corners, fill=label)

    def box(self, left: float, top: float, right: float, bottom: float, color: Color, label: int | None = None) -> None:
        """Fills an upright rectangle."""
        self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], color, label)

    def ellipse(
        self, center: Point, rx: float, ry: float, color: Color, label: int | None = None, alpha: int = 255
    ) -> None:
        """Fills an ellipse of half axes rx and ry."""
        x, y = center
        frame = [round(v * SCALE) for v in (x - rx, y - ry, x + rx, y + ry)]
        self._on_image.ellipse(frame, fill=(*color, alpha))
        if label is not None:
            self._on_ids.ellipse(frame, fill=label)

    def line(self, points: Sequence[Point], color: Color, width: float, label: int | None = None) -> None:
        """Draws a line of some width."""
        corners = [(round(x * SCALE), round(y * SCALE)) for x, y in points]
        thick = max(1, round(width * SCALE))
        self._on_image.line(corners, fill=(*color, 255), width=thick)
        if label is not None:
            self._on_ids.line(corners, fill=label, width=thick)

    def gradient(self, top: Color, bottom: Color, height: float, label: int) -> None:
        """Fills the upper `height` pixels with a vertical gradient."""
        for y in range(round(height) + 1):
            share = min(1.0, y / max(1.0, height))
            color = blend(top, bottom, share)
            self.box(0, y, self.width, y + 1, color, label)

    def pixels(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """The image (H, W, 3) uint8, reduced by box averages, and the ids (H, W) uint8 at the pixels' centres."""
        image = np.asarray(self._image.reduce(SCALE))
        ids = np.asarray(self._ids)[SCALE // 2 :: SCALE, SCALE // 2 :: SCALE]
        return image, np.ascontiguousarray(ids)


def blend(a: Color, b: Color, share: float) -> Color:
    """The colour at `share` of the way from a to b."""
    r, g, b_ = (round(x + (y - x) * share) for x, y in zip(a, b, strict=True))
    return (r, g, b_)


def shade(color: Color, factor: float) -> Color:
    """The colour made darker or brighter."""
    r, g, b = (max(0, min(255, round(v * factor))) for v in color)
    return (r, g, b)


@dataclass(frozen=True)
class Street:
    """A straight street as a camera above it sees it.

    Attributes:
        height: of the image in pixels.
        width: of the image in pixels.
        horizon: its row.
        vanish: column of the vanishing point.
        camera: height of the camera in metres.
        road: half width of the road in metres.
        walk: width of the pavement in metres.
    """

    height: int
    width: int
    horizon: float
    vanish: float
    camera: float
    road: float
    walk: float

    def ppm(self, t: float) -> float:
        """Pixels of a metre at nearness t: 1 at the lower edge, towards 0 at the horizon."""
        return (self.height - self.horizon) * t / self.camera

    def at(self, x: float, up: float, t: float) -> Point:
        """Where a point x metres right of the axis and `up` metres above the ground is seen at nearness t."""
        ppm = self.ppm(t)
        return (self.vanish + x * ppm, self.horizon + (self.camera - up) * ppm)

    def strip(self, x0: float, x1: float, near: float = 1.6, far: float = 0.02) -> list[Point]:
        """The ground between x0 and x1 metres as a polygon."""
        return [self.at(x0, 0, far), self.at(x1, 0, far), self.at(x1, 0, near), self.at(x0, 0, near)]

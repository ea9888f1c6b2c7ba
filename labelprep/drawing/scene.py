"""One street scene: what stands where, and how light, texture and noise fall on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from labelprep.drawing import things
from labelprep.drawing.canvas import Canvas, Color, Street, blend, shade
from labelprep.drawing.classes import ID

# Texture per class: how strongly the fine and the coarse noise change its brightness.
FINE = {"road": 0.13, "sidewalk": 0.1, "building": 0.09, "sky": 0.0, "tree": 0.5, "grass": 0.42}
COARSE = {"road": 0.13, "sidewalk": 0.14, "building": 0.14, "sky": 0.07, "tree": 0.3, "grass": 0.34}


@dataclass(frozen=True)
class Weather:
    """Colours of the sky at the top and at the horizon, of the light, and how much the sun throws shadows."""

    top: Color
    bottom: Color
    light: tuple[float, float, float]
    sun: float


WEATHERS = (
    Weather((86, 142, 206), (198, 216, 228), (1.04, 1.0, 0.95), 0.3),
    Weather((128, 164, 200), (226, 224, 212), (1.07, 1.0, 0.9), 0.34),
    Weather((150, 158, 168), (204, 206, 206), (0.96, 0.98, 1.02), 0.1),
    Weather((104, 128, 176), (240, 204, 164), (1.08, 0.98, 0.88), 0.36),
)


def draw_scene(rng: np.random.Generator, size: tuple[int, int]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draws a street.

    Only integers, uniform numbers and plain arithmetic are used, so that every machine draws the same.

    Args:
        rng: where chance comes from; it is advanced.
        size: (height, width) in pixels; made for about 4:3.

    Returns:
        The image (H, W, 3) uint8 RGB and the class ids (H, W) uint8, in the order of `CLASSES`.
    """
    height, width = size
    weather = WEATHERS[int(rng.integers(len(WEATHERS)))]
    street = Street(
        height, width,
        horizon=height * (0.4 + 0.07 * rng.random()),
        vanish=width * (0.4 + 0.2 * rng.random()),
        camera=2.3 + 0.4 * rng.random(),
        road=3.3 + 0.6 * rng.random(),
        walk=1.9 + 0.9 * rng.random(),
    )  # fmt: skip
    canvas = Canvas(height, width, ID["void"])
    _backdrop(canvas, street, rng, weather)
    _ground(canvas, street, rng)
    _houses(canvas, street, rng, weather)
    _furnish(canvas, street, rng)
    image, ids = canvas.pixels()
    image = _light(image, ids, rng, weather)
    return _rim(image, ids, rng)


def _backdrop(canvas: Canvas, street: Street, rng: np.random.Generator, weather: Weather) -> None:
    """Sky, clouds and a hazy skyline."""
    canvas.gradient(weather.top, weather.bottom, street.horizon, ID["sky"])
    for _ in range(int(rng.integers(0, 5))):
        x, y = rng.random() * street.width, rng.random() * street.horizon * 0.6
        for _ in range(7):
            dx, dy, r = rng.random(3)
            center = (x + (dx - 0.5) * 0.26 * street.width, y + (dy - 0.5) * 0.06 * street.height)
            size = (0.4 + r) * 0.045 * street.height
            canvas.ellipse(center, 2.6 * size, size, (246, 246, 246), alpha=44)
    x = 0.0
    while x < street.width:
        wide, tall = (0.03 + 0.05 * rng.random()) * street.width, (0.03 + 0.13 * rng.random()) * street.height
        wall = blend(things.pick(rng, things.FACADES), weather.bottom, 0.55)
        canvas.box(x, street.horizon - tall, x + wide, street.horizon + 2, wall, ID["building"])
        x += wide


def _houses(canvas: Canvas, street: Street, rng: np.random.Generator, weather: Weather) -> None:
    """Rows of houses along both sides, or along one side of a park; the far ones first."""
    park = int(rng.integers(4))  # on one side there may be no houses: 0 left, 1 right
    for side in (0, 1):
        if side == park:
            continue
        sign = 1 if side else -1
        x = sign * (street.road + street.walk + 2.0 + 2.6 * rng.random())
        edges = [0.045]
        while edges[-1] < 1.4:
            edges.append(edges[-1] * (1.45 + 0.6 * rng.random()))
        for far, near in pairwise(edges):
            gap = 0.93 if rng.random() < 0.4 else 1.0
            things.facade(canvas, street, rng, x, near * gap, far, weather.bottom)


def _ground(canvas: Canvas, street: Street, rng: np.random.Generator) -> None:
    """Grass or paving up to the houses, pavements with joints, the road with its lines."""
    edge = street.road + street.walk
    for side in (-1, 1):
        grass = rng.random() < 0.6
        color, label = ((104, 134, 62), ID["grass"]) if grass else ((142, 138, 132), ID["sidewalk"])
        canvas.polygon(street.strip(0, side * 400.0, far=0.0), color, label)
        canvas.polygon(street.strip(0, side * edge), (162, 156, 150), ID["sidewalk"])
        for step in range(1, 44):
            t = 1.5 / (1 + 0.22 * step)
            joint = [street.at(side * street.road, 0, t), street.at(side * edge, 0, t)]
            canvas.line(joint, (138, 132, 128), 0.03 * street.ppm(t))
        canvas.polygon(street.strip(0, side * (street.road + 0.22)), (190, 186, 180), ID["sidewalk"])
    canvas.polygon(street.strip(-street.road, street.road), shade((92, 92, 96), 0.88 + 0.24 * rng.random()), ID["road"])
    for side in (-1, 1):
        canvas.polygon(street.strip(side * (street.road - 0.4), side * (street.road - 0.26)), (196, 194, 186))
    start = rng.random()
    for dash in range(16):
        near, far = (1.6 / (1 + 0.75 * (dash + start + v)) for v in (0.0, 0.45))
        canvas.polygon(street.strip(-0.09, 0.09, near, far), (214, 212, 204))
    if rng.random() < 0.3:
        t = 0.34 + 0.2 * rng.random()
        for bar in np.arange(-street.road + 0.5, street.road - 0.5, 0.9):
            canvas.polygon(street.strip(float(bar), float(bar) + 0.48, t * 1.14, t * 0.9), (206, 204, 198))


def _furnish(canvas: Canvas, street: Street, rng: np.random.Generator) -> None:
    """Trees, posts, cars and people, the far ones first."""
    kerb, verge = street.road + 0.45, street.road + street.walk + 0.8
    parked = street.road - 1.15
    plan: list[tuple[float, Callable[[], None]]] = []

    def place(thing: Callable[..., None], times: int, x: float, spread: float, near: float, far: float) -> None:
        for _ in range(times):
            t = far + (near - far) * float(rng.random())
            side = 1 if rng.random() < 0.5 else -1
            plan.append((t, partial(thing, x=side * (x + spread * float(rng.random())), t=t)))

    place(partial(things.tree, canvas, street, rng), int(rng.integers(2, 7)), verge, 1.6, 0.62, 0.1)
    place(partial(things.lamp, canvas, street), int(rng.integers(1, 4)), kerb, 0.0, 0.6, 0.12)
    place(partial(things.car, canvas, street, rng), int(rng.integers(1, 4)), parked, 0.0, 0.62, 0.14)
    place(partial(things.car, canvas, street, rng), int(rng.integers(0, 2)), 1.5, 0.3, 0.6, 0.14)
    place(
        partial(things.person, canvas, street, rng),
        int(rng.integers(0, 5)),
        street.road + 0.5,
        street.walk - 0.6,
        0.72,
        0.24,
    )
    place(partial(things.sign, canvas, street, rng), int(rng.random() < 0.6), kerb, 0.0, 0.62, 0.26)
    place(partial(things.traffic_light, canvas, street, rng), int(rng.random() < 0.5), kerb, 0.0, 0.58, 0.3)
    place(
        partial(things.bicycle, canvas, street, rng),
        int(rng.random() < 0.6),
        street.road + 0.8,
        street.walk - 1.2,
        0.72,
        0.3,
    )
    for _, paint in sorted(plan, key=lambda item: item[0]):
        paint()


def _noise(rng: np.random.Generator, height: int, width: int, cell: int) -> NDArray[np.float64]:
    """Smooth noise (H, W) in -1..1 whose bumps are about `cell` pixels wide."""
    grid = rng.integers(0, 256, (height // cell + 2, width // cell + 2), dtype=np.uint8)
    smooth = Image.fromarray(grid).resize((width, height), Image.Resampling.BICUBIC)  # integer arithmetic within
    noise: NDArray[np.float64] = np.asarray(smooth) / 127.5 - 1
    return noise


def _light(
    image: NDArray[np.uint8], ids: NDArray[np.uint8], rng: np.random.Generator, weather: Weather
) -> NDArray[np.uint8]:
    """Texture by class, a slope of light, a vignette and the sensor's noise."""
    height, width = ids.shape
    fine, coarse = np.zeros(len(ID)), np.full(len(ID), 0.08)
    for name, amount in FINE.items():
        fine[ID[name]], coarse[ID[name]] = amount, COARSE[name]
    texture = 1 + fine[ids] * 0.6 * _noise(rng, height, width, 2) + coarse[ids] * _noise(rng, height, width, 14)
    y, x = np.mgrid[0:height, 0:width]
    x, y = x / width * 2 - 1, y / height * 2 - 1
    slope = 1 - weather.sun * 0.55 * x * (ids != ID["sky"]) - 0.1 * (x * x + y * y)
    lit = image * (texture * slope * (0.9 + 0.2 * rng.random()))[..., None] * np.array(weather.light)
    grain = rng.random((2, height, width, 3)).sum(0) - 1  # triangular, -1..1
    pixels: NDArray[np.uint8] = np.clip(np.floor(lit + 9 * grain + 0.5), 0, 255).astype(np.uint8)
    return pixels


def _rim(
    image: NDArray[np.uint8], ids: NDArray[np.uint8], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """What belongs to no class: the bonnet of the car that carries the camera, and a dark rim."""
    height, width = ids.shape
    y, x = np.mgrid[0:height, 0:width]
    across = (x / width - 0.5) * 2
    top = height * (0.9 + 0.03 * rng.random()) + 0.07 * height * across * across
    bonnet = y > top
    edge = max(1, height // 96)
    rim = (x < edge) | (x >= width - edge) | (y < edge) | (y >= height - edge)
    image, ids = image.copy(), ids.copy()
    gloss = 44 + 46 * np.clip(1 - (y - top) / (0.05 * height), 0, 1) + 14 * across
    shine = np.floor(gloss[..., None] * np.array([0.86, 0.94, 1.06]) + 6 * rng.random((height, width, 3)))
    image[bonnet] = np.clip(shine, 0, 255).astype(np.uint8)[bonnet]
    image[rim] //= 4
    ids[bonnet | rim] = ID["void"]
    return image, ids

"""What stands in the street: buildings, trees, poles, lights, signs, cars, people and bicycles."""

from __future__ import annotations

import numpy as np

from labelprep.drawing.canvas import Canvas, Color, Street, blend, shade
from labelprep.drawing.classes import ID

FACADES: tuple[Color, ...] = (
    (186, 160, 128), (158, 96, 78), (142, 142, 146), (198, 186, 168), (120, 132, 148), (172, 124, 92), (150, 156, 140),
)  # fmt: skip
PAINTS: tuple[Color, ...] = (
    (172, 40, 42), (44, 74, 140), (206, 206, 208), (96, 98, 104), (38, 40, 46), (196, 166, 62), (66, 108, 84),
)  # fmt: skip
CLOTHES: tuple[Color, ...] = (
    (176, 54, 60),
    (46, 66, 116),
    (60, 60, 64),
    (196, 190, 180),
    (70, 112, 82),
    (206, 148, 60),
)
SKIN: tuple[Color, ...] = ((226, 180, 150), (188, 136, 104), (124, 84, 62))
GLASS: Color = (66, 78, 92)
METAL: Color = (104, 106, 108)


def pick(rng: np.random.Generator, colors: tuple[Color, ...]) -> Color:
    """One of the colours."""
    return colors[int(rng.integers(len(colors)))]


def facade(
    canvas: Canvas, street: Street, rng: np.random.Generator, x: float, near: float, far: float, haze: Color
) -> None:
    """A building along the street: its front x metres from the axis, between two nearnesses."""
    floors = int(rng.integers(2, 6))
    tall = 3.1 * floors + 0.8
    sunny = 1.06 if x > 0 else 0.8  # the sun stands on the left
    fog = 0.45 * (1 - min(1.0, far * 2.5))
    wall = blend(shade(pick(rng, FACADES), sunny), haze, fog)
    far_x = x + (14 if x > 0 else -14)
    end = [street.at(x, 0, near), street.at(far_x, 0, near), street.at(far_x, tall, near), street.at(x, tall, near)]
    canvas.polygon(end, shade(wall, 0.72), ID["building"])  # the end wall faces the camera
    corners = [street.at(x, up, t) for up, t in ((0, near), (0, far), (tall, far), (tall, near))]
    canvas.polygon(corners, wall, ID["building"])
    glass = blend(shade(GLASS, 0.9 + 0.5 * rng.random()), haze, fog)
    columns = max(1, round((1 / far - 1 / near) * 1.6))
    for floor in range(floors):
        for column in range(columns):
            a, b = ((column + v) / columns for v in (0.24, 0.78))
            t0, t1 = (1 / (1 / near + (1 / far - 1 / near) * v) for v in (a, b))
            low, high = (0.2, 2.4) if floor == 0 and column % 3 == 1 else (1.0, 2.4)
            pane = [street.at(x, 3.1 * floor + up, t) for up, t in ((low, t0), (low, t1), (high, t1), (high, t0))]
            canvas.polygon(pane, shade(glass, 1.5) if rng.random() < 0.16 else glass)
    for floor in range(1, floors + 1):
        ledge = [street.at(x, 3.1 * floor + up, t) for up, t in ((0, near), (0, far), (0.2, far), (0.2, near))]
        canvas.polygon(ledge, shade(wall, 1.14 if floor < floors else 0.7))


def tree(canvas: Canvas, street: Street, rng: np.random.Generator, x: float, t: float) -> None:
    """A broad-leaved tree, trunk included."""
    tall = 4.6 + 2.6 * rng.random()
    ppm = street.ppm(t)
    foot = street.at(x, 0, t)
    canvas.ellipse((foot[0] + ppm, foot[1]), 1.7 * ppm, 0.3 * ppm, (18, 20, 26), alpha=70)
    trunk = [street.at(x + dx, up, t) for dx, up in ((-0.2, 0), (0.2, 0), (0.11, tall * 0.6), (-0.11, tall * 0.6))]
    canvas.polygon(trunk, (92, 72, 56), ID["tree"])
    green = blend((62, 98, 48), (98, 116, 46), rng.random())
    crown = street.at(x, tall * 0.68, t)
    for ring in range(34):
        dx, dy = rng.random(2) * 2 - 1
        spread = 1 - 0.45 * abs(dy)
        center = (crown[0] + dx * spread * 1.5 * ppm, crown[1] + dy * tall * 0.28 * ppm)
        light = 0.72 + 0.42 * ring / 34 - 0.22 * dy - 0.16 * dx
        size = (0.38 + 0.4 * rng.random()) * ppm
        canvas.ellipse(center, size * 1.15, size, shade(green, light), ID["tree"])


def pole(canvas: Canvas, street: Street, x: float, t: float, tall: float) -> None:
    """A thin post."""
    foot, top = street.at(x, 0, t), street.at(x, tall, t)
    canvas.line([foot, top], METAL, max(1.4, 0.15 * street.ppm(t)), ID["pole"])


def lamp(canvas: Canvas, street: Street, x: float, t: float) -> None:
    """A street lamp that leans over the road."""
    pole(canvas, street, x, t, 6.2)
    arm = -1.3 if x > 0 else 1.3
    ppm = street.ppm(t)
    head = street.at(x + arm, 6.5, t)
    canvas.line([street.at(x, 6.1, t), head], METAL, max(1.2, 0.12 * ppm), ID["pole"])
    canvas.ellipse(head, 0.42 * ppm, 0.17 * ppm, (232, 228, 206), ID["pole"])


def traffic_light(canvas: Canvas, street: Street, rng: np.random.Generator, x: float, t: float) -> None:
    """Three lamps in a black box on a post; one of them is lit."""
    pole(canvas, street, x, t, 3.0)
    (left, top), (right, bottom) = street.at(x - 0.36, 4.7, t), street.at(x + 0.36, 2.8, t)
    canvas.box(left, top, right, bottom, (28, 30, 30), ID["traffic-light"])
    lit = int(rng.integers(3))
    for i, color in enumerate(((236, 56, 44), (246, 184, 52), (70, 212, 112))):
        center = street.at(x, 4.42 - 0.62 * i, t)
        radius = 0.24 * street.ppm(t)
        canvas.ellipse(center, radius, radius, color if i == lit else shade(color, 0.25))


def sign(canvas: Canvas, street: Street, rng: np.random.Generator, x: float, t: float) -> None:
    """A round, triangular or square traffic sign on a post."""
    pole(canvas, street, x, t, 2.4)
    ppm = street.ppm(t)
    center = (cx, cy) = street.at(x, 2.7, t)
    kind, r, label = int(rng.integers(3)), 0.55 * ppm, ID["sign"]
    if kind == 0:
        canvas.ellipse(center, r, r, (206, 42, 46), label)
        canvas.ellipse(center, r * 0.66, r * 0.66, (240, 240, 236))
    elif kind == 1:
        for size, color in ((1.2, (210, 44, 46)), (0.68, (242, 238, 226))):
            corners = [(cx, cy - r * size), (cx + r * size, cy + r * 0.8 * size), (cx - r * size, cy + r * 0.8 * size)]
            canvas.polygon(corners, color, label)
    else:
        canvas.box(cx - r, cy - r, cx + r, cy + r, (236, 238, 240), label)
        canvas.box(cx - r * 0.84, cy - r * 0.84, cx + r * 0.84, cy + r * 0.84, (40, 92, 176))
        canvas.polygon(
            [(cx, cy - r * 0.6), (cx + r * 0.45, cy + 0.4 * r), (cx - r * 0.45, cy + 0.4 * r)], (240, 242, 244)
        )


def car(canvas: Canvas, street: Street, rng: np.random.Generator, x: float, t: float) -> None:
    """A car seen from behind or, on the other lane, from the front."""
    paint, label = pick(rng, PAINTS), ID["car"]
    ppm = street.ppm(t)
    cx, ground = street.at(x, 0, t)

    def y(up: float) -> float:
        return ground - up * ppm

    canvas.ellipse((cx + 0.2 * ppm, ground - 0.03 * ppm), 1.25 * ppm, 0.24 * ppm, (10, 10, 14), alpha=130)
    for wheel in (-0.7, 0.7):
        canvas.box(cx + (wheel - 0.15) * ppm, y(0.5), cx + (wheel + 0.15) * ppm, y(0), (22, 22, 24), label)
    body = ((-0.94, 0.24), (-0.98, 0.72), (-0.86, 0.98), (0.86, 0.98), (0.98, 0.72), (0.94, 0.24))
    roof = ((-0.84, 0.96), (-0.62, 1.5), (-0.5, 1.58), (0.5, 1.58), (0.62, 1.5), (0.84, 0.96))
    window = ((-0.72, 1.0), (-0.54, 1.45), (0.54, 1.45), (0.72, 1.0))
    canvas.polygon([(cx + dx * ppm, y(up)) for dx, up in roof], shade(paint, 1.15), label)
    canvas.polygon([(cx + dx * ppm, y(up)) for dx, up in body], paint, label)
    canvas.polygon([(cx + dx * ppm, y(up)) for dx, up in window], shade(GLASS, 0.8))
    canvas.polygon(
        [(cx + dx * ppm, y(up)) for dx, up in ((-0.6, 1.04), (-0.44, 1.42), (0.0, 1.42), (-0.2, 1.04))], GLASS
    )
    lights: Color = (214, 46, 40) if x > 0 else (246, 240, 210)
    for side in (-0.76, 0.76):
        canvas.ellipse((cx + side * ppm, y(0.76)), 0.17 * ppm, 0.09 * ppm, lights)
    canvas.box(cx - 0.95 * ppm, y(0.44), cx + 0.95 * ppm, y(0.3), shade(paint, 0.55))
    canvas.box(cx - 0.28 * ppm, y(0.64), cx + 0.28 * ppm, y(0.5), (226, 226, 214))


def person(canvas: Canvas, street: Street, rng: np.random.Generator, x: float, t: float) -> None:
    """A walking person."""
    ppm, label = street.ppm(t), ID["person"]
    cx, ground = street.at(x, 0, t)
    top, legs, skin = pick(rng, CLOTHES), shade(pick(rng, CLOTHES), 0.55), pick(rng, SKIN)
    stride = 0.14 + 0.16 * rng.random()
    canvas.ellipse((cx + 0.3 * ppm, ground), 0.5 * ppm, 0.09 * ppm, (12, 12, 16), alpha=90)
    for foot in (-stride, stride):
        canvas.line([(cx, ground - 0.9 * ppm), (cx + foot * ppm, ground)], legs, max(1.0, 0.2 * ppm), label)
    for hand in (-0.32, 0.32):
        canvas.line(
            [(cx, ground - 1.4 * ppm), (cx + hand * ppm, ground - 0.85 * ppm)], shade(top, 0.8), 0.15 * ppm, label
        )
    torso = ((-0.26, 1.46), (0.26, 1.46), (0.22, 0.8), (-0.22, 0.8))
    canvas.polygon([(cx + dx * ppm, ground - up * ppm) for dx, up in torso], top, label)
    canvas.ellipse((cx, ground - 1.64 * ppm), 0.16 * ppm, 0.19 * ppm, skin, label)


def bicycle(canvas: Canvas, street: Street, rng: np.random.Generator, x: float, t: float) -> None:
    """A parked bicycle seen from the side; its wheels are labelled as discs."""
    ppm, label = street.ppm(t), ID["bicycle"]
    cx, ground = street.at(x, 0, t)
    frame = pick(rng, CLOTHES)
    radius, hub = 0.42 * ppm, ground - 0.42 * ppm
    for wheel in (-0.62, 0.62):
        center = (cx + wheel * ppm, hub)
        canvas.ellipse(center, radius, radius, (30, 30, 32), label)
        canvas.ellipse(center, radius * 0.76, radius * 0.76, (128, 128, 128))
        canvas.ellipse(center, radius * 0.2, radius * 0.2, (60, 60, 62))
    tubes = ((-0.62, 0.42), (-0.2, 0.98), (0.46, 0.98), (0.0, 0.4), (-0.62, 0.42))
    canvas.line([(cx + dx * ppm, ground - up * ppm) for dx, up in tubes], frame, max(1.2, 0.11 * ppm), label)
    for tube in (((0.62, 0.42), (0.42, 1.12), (0.6, 1.16)), ((-0.2, 0.98), (-0.26, 1.1)), ((0.0, 0.4), (-0.24, 1.0))):
        canvas.line([(cx + dx * ppm, ground - up * ppm) for dx, up in tube], frame, max(1.2, 0.1 * ppm), label)

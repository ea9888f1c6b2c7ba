"""Ways to spoil the colours and ids of a mask, as programs and people do. Each gives the file to look at."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from labelprep.drawing.canvas import Canvas, shade
from labelprep.drawing.classes import CLASSES, DEMO_CLASSES, ID, colors, ids_of
from labelprep.drawing.spoilt_files import image_of

STRAY = (255, 0, 255)
BEYOND = 99  # an id that no class has
ORDER = tuple(DEMO_CLASSES)


def shows(mask: Path, name: str) -> bool:
    """Whether a class is seen in a clean mask."""
    return bool((ids_of(_colors(mask)) == ID[name]).any())


def swap_channels(mask: Path) -> Path:
    """Writes blue first, as cv2.imwrite does with an RGB array."""
    return _save(_colors(mask)[..., ::-1], mask)


def stray_patch(mask: Path) -> Path:
    """Paints a patch in a colour that no class has."""
    pixels = _colors(mask)
    height, width = pixels.shape[:2]
    pixels[height // 2 : height // 2 + 6, width // 2 : width // 2 + 9] = STRAY
    return _save(pixels, mask)


def photograph(mask: Path) -> Path:
    """Saves the image as its own mask."""
    shutil.copyfile(image_of(mask), mask)
    return mask


def smooth(mask: Path) -> Path:
    """Moves the mask down by half a pixel with interpolation, as programs do that smooth edges."""
    pixels = _colors(mask)
    pixels[1:] = (pixels[:-1].astype(np.uint16) + pixels[1:]) // 2
    return _save(pixels, mask)


def near_miss(mask: Path) -> Path:
    """Paints the road with a red that is off by two."""
    pixels = _colors(mask)
    pixels[ids_of(pixels) == ID["road"], 0] += 2
    return _save(pixels, mask)


def treetop(mask: Path) -> Path:
    """Draws a look up into a tree: one class alone, whose colour with red and blue swapped is another one's."""
    height, width = _colors(mask).shape[:2]
    canvas, rng = Canvas(height, width, void=ID["void"]), np.random.default_rng(0)
    canvas.box(0, 0, width, height, (46, 74, 38), ID["tree"])
    for leaf in range(1200):
        x, y, size, light = rng.random(4)
        radius = (0.012 + 0.03 * size) * height
        color = shade((86, 116, 52), 0.45 + 0.4 * leaf / 1200 + 0.4 * light)
        canvas.ellipse((x * width, y * height), 1.4 * radius, radius, color, ID["tree"])
    image, ids = canvas.pixels()
    _save(image, image_of(mask))
    return _save(colors()[ids], mask)


def erase(mask: Path) -> Path:
    """Erases a corner down to transparency."""
    pixels = _colors(mask)
    alpha = np.full(pixels.shape[:2], 255, np.uint8)
    alpha[: len(alpha) // 5, : len(alpha) // 5] = 0
    return _save(np.dstack([pixels, alpha]), mask)


def cut_out(mask: Path) -> Path:
    """Saves the road as a white cut-out, whose alpha channel is the mask."""
    road = np.where(ids_of(_colors(mask)) == ID["road"], np.uint8(255), np.uint8(0))
    white = np.full_like(road, 255)
    return _save(np.dstack([white, white, white, road]), mask)


def gray_ids(mask: Path) -> NDArray[np.uint8]:
    """The mask's ids (H, W) in the order of the demo's class table."""
    ids: NDArray[np.uint8] = np.array([ORDER.index(name) for name in CLASSES], np.uint8)[ids_of(_colors(mask))]
    return ids


def beyond(mask: Path) -> Path:
    """Saves ids, those of the cars as an id that no class has."""
    ids = gray_ids(mask)
    ids[ids == ORDER.index("car")] = BEYOND
    return _save(ids, mask)


def binary(mask: Path) -> Path:
    """Saves the road in white on black."""
    return _save(np.where(gray_ids(mask) == ORDER.index("road"), np.uint8(255), np.uint8(0)), mask)


def shift(mask: Path) -> Path:
    """Saves ids that begin with 1."""
    return _save(gray_ids(mask) + np.uint8(1), mask)


def stretch(mask: Path) -> Path:
    """Saves ids that are spread over 0..255, to be seen; the rim is 0."""
    ids = gray_ids(mask).astype(np.uint16)
    ids[ids == ORDER.index("void")] = 0
    return _save((ids * 255 // ids.max()).astype(np.uint8), mask)


def luma(mask: Path) -> Path:
    """Saves the brightness of the colours, as a reader in gray mode makes it."""
    with Image.open(mask) as image:
        image.convert("L").save(mask)
    return mask


def thrice(mask: Path) -> Path:
    """Saves ids in three equal channels."""
    ids = gray_ids(mask)
    return _save(np.dstack([ids, ids, ids]), mask)


def sort_palette(mask: Path) -> Path:
    """Saves a palette mask whose entries stand in the order of the alphabet."""
    names = sorted(CLASSES)
    order = np.array([names.index(name) for name in CLASSES], np.uint8)
    return _save_palette(order[ids_of(_colors(mask))], [CLASSES[name] for name in names], mask)


def decorate(mask: Path) -> Path:
    """Saves ids with a palette of other colours, two of which the class table has."""
    shades = [(40 + 15 * i, 255 - 13 * i, (90 * i) % 256) for i in range(len(ORDER))]
    shades[0], shades[3] = CLASSES["road"], CLASSES["sky"]
    return _save_palette(gray_ids(mask), shades, mask)


def _colors(mask: Path) -> NDArray[np.uint8]:
    with Image.open(mask) as image:
        return np.array(image)


def _save(pixels: NDArray[np.uint8], path: Path) -> Path:
    Image.fromarray(np.ascontiguousarray(pixels)).save(path)
    return path


def _save_palette(ids: NDArray[np.uint8], palette: list[tuple[int, int, int]], path: Path) -> Path:
    image = Image.fromarray(ids)
    image.putpalette([*(v for color in palette for v in color), *bytes(3 * (256 - len(palette)))])
    image.save(path, bits=8)
    return path

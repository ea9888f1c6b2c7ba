"""A sheet of training samples with their masks laid over them, as the network gets them."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from labelprep.classes import ClassTable
from labelprep.steps.palette import painted

SAMPLES = 8
SIDE = 240  # pixels of the longer side of one picture
GAP, LINE = 8, 16
SHOWN = 0.55  # share of the class's colour
PAPER, INK = (255, 255, 255), (30, 30, 30)

Sample = tuple[str, NDArray[np.uint8], NDArray[np.integer]]  # key, image (H, W, 3) RGB, ids (H, W)


def overlay_sheet(samples: list[Sample], table: ClassTable) -> bytes:
    """A PNG: each sample beside itself under its mask, keys below, the colours of the classes at the bottom.

    Ignored pixels keep the image's own colours.
    """
    pictures = [(key, _pair(image, ids, table)) for key, image, ids in samples[:SAMPLES]]
    columns = min(2, len(pictures))
    width = max(picture.width for _, picture in pictures) + GAP
    heights = [
        max(picture.height for _, picture in pictures[at : at + columns]) + LINE + GAP
        for at in range(0, len(pictures), columns)
    ]
    held = np.unique(np.concatenate([np.unique(ids) for _, _, ids in samples[:SAMPLES]]))
    legend = _legend(table, [int(i) for i in held if i < len(table)], columns * width + GAP)
    sheet = Image.new("RGB", (columns * width + GAP, GAP + sum(heights) + legend.height), PAPER)
    draw = ImageDraw.Draw(sheet)
    for place, (key, picture) in enumerate(pictures):
        row, column = divmod(place, columns)
        x, y = GAP + column * width, GAP + sum(heights[:row])
        sheet.paste(picture, (x, y))
        draw.text((x, y + picture.height + 2), key[-width // 7 :], INK)
    sheet.paste(legend, (0, GAP + sum(heights)))
    out = io.BytesIO()
    sheet.save(out, "PNG")
    return out.getvalue()


def _pair(image: NDArray[np.uint8], ids: NDArray[np.integer], table: ClassTable) -> Image.Image:
    colors = painted(ids.astype(table.dtype), table)
    mixed = np.where((ids < len(table))[..., None], SHOWN * colors + (1 - SHOWN) * image, image).astype(np.uint8)
    both = Image.fromarray(np.concatenate([image, mixed], 1))
    scale = SIDE / max(image.shape[:2])
    size = max(1, round(both.width * scale)), max(1, round(both.height * scale))
    return both.resize(size, Image.Resampling.BILINEAR)


def _legend(table: ClassTable, ids: list[int], width: int) -> Image.Image:
    places, x, y = [], GAP, 0
    for i in ids:
        needed = LINE + GAP + 7 * len(table.names[i])
        if x + needed > width and x > GAP:
            x, y = GAP, y + LINE + 2
        places.append((i, x, y))
        x += needed
    legend = Image.new("RGB", (width, y + LINE + GAP), PAPER)
    draw = ImageDraw.Draw(legend)
    for i, x, y in places:
        draw.rectangle((x, y + 1, x + LINE - 5, y + LINE - 4), table.classes[i].color, INK)
        draw.text((x + LINE, y), table.names[i], INK)
    return legend

"""Pictures for people beside the entropy maps: image, masks and entropy in colours, on one fixed scale. No torch."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

SIDE = 512  # pixels: larger images are thinned out
GAP = 8
BAR = 14  # height of the scale

# From certain (0) to a guess (1); each step is brighter than the one before, so that gray prints keep the order.
RAMP = ((0, 0, 8), (58, 14, 98), (140, 32, 108), (214, 66, 68), (246, 142, 30), (252, 252, 176))


def ramp() -> NDArray[np.uint8]:
    """The colours of the scale, (256, 3) uint8: entry 0 is entropy 0, entry 255 entropy 1."""
    at = np.linspace(0, len(RAMP) - 1, 256)
    stops = np.array(RAMP, np.float64)
    columns = [np.interp(at, np.arange(len(RAMP)), stops[:, channel]) for channel in range(3)]
    return np.rint(np.stack(columns, 1)).astype(np.uint8)


def thinned(values: NDArray[Any]) -> NDArray[Any]:
    """Every n-th row and column of an array (H, W, …), so that no side is longer than `SIDE`."""
    step = max(1, -(-max(values.shape[:2]) // SIDE))
    return values[::step, ::step]


def entropy_panel(pictures: Sequence[NDArray[np.uint8]], entropy: NDArray[np.uint16]) -> bytes:
    """Pictures and the entropy map side by side over the scale from 0 to 1, as PNG.

    Args:
        pictures: (h, w, 3) uint8 RGB each, such as image, truth and prediction, `thinned`.
        entropy: (H, W); 0 is 0 and 65535 is 1.
    """
    tiles = [*pictures, ramp()[thinned(entropy) >> 8]]
    height, width = tiles[0].shape[:2]
    across = len(tiles) * (width + GAP) - GAP
    sheet = np.full((height + GAP + BAR + 14, across, 3), 255, np.uint8)
    for n, tile in enumerate(tiles):
        sheet[:height, n * (width + GAP) : n * (width + GAP) + width] = tile
    left = across - width
    bar = ramp()[np.rint(np.linspace(0, 255, width)).astype(np.intp)]
    sheet[height + GAP : height + GAP + BAR, left:] = bar
    drawing = Image.fromarray(sheet)
    draw = ImageDraw.Draw(drawing)
    below = height + GAP + BAR + 1
    draw.text((left, below), "0", fill=(0, 0, 0))
    draw.text((left + width - 6, below), "1", fill=(0, 0, 0))
    if width >= 64:
        draw.text((left + width // 2 - 20, below), "entropy", fill=(0, 0, 0))
    buffer = io.BytesIO()
    drawing.save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()

"""Where on a picture a finding is: the offending pixels of a source mask, and marks around them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from labelprep.classes import ClassTable
from labelprep.findings import Finding

Bits = NDArray[np.bool_]
RGB8 = NDArray[np.uint8]
Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels
RING = (255, 214, 0)
CROP = 48  # pixels of the source around the spot, at least


def offending(finding: Finding, source: Image.Image, table: ClassTable) -> Bits | None:
    """The pixels (H, W) of a source mask that a finding is about; None where the mask alone does not tell."""
    find = _FINDERS.get(finding.code)
    found = None if find is None else find(finding, source, table)
    return found if found is not None and found.any() else None


def _of_color(finding: Finding, source: Image.Image, table: ClassTable) -> Bits | None:
    """Pixels of the colour that the finding names, in either order of red and blue."""
    if finding.color is None:
        return _unknown(finding, source, table)
    packed, (r, g, b) = _packed(source), finding.color
    same = np.asarray(packed == (r << 16 | g << 8 | b))
    return same if same.any() else np.asarray(packed == (b << 16 | g << 8 | r))


def _unknown(finding: Finding, source: Image.Image, table: ClassTable) -> Bits | None:
    """Pixels of colours that the table does not have, in the order of red and blue that fits better."""
    if source.mode in ("L", "1", "I", "I;16") or not table.color_ids:
        return None
    packed = _packed(source)
    known = np.array([r << 16 | g << 8 | b for r, g, b in table.color_ids])
    swapped = np.array([b << 16 | g << 8 | r for r, g, b in table.color_ids])
    return min((~np.isin(packed, known), ~np.isin(packed, swapped)), key=lambda bits: int(bits.sum()))


def _id_outside(finding: Finding, source: Image.Image, table: ClassTable) -> Bits | None:
    values = _values(source)
    if values is None:
        return None
    if finding.xy is not None and _inside(finding.xy, values.shape):
        x, y = finding.xy
        return np.asarray(values == values[y, x])
    return ~np.isin(values, np.array(sorted(table.source_ids), np.int64))


def _white(finding: Finding, source: Image.Image, table: ClassTable) -> Bits | None:
    values = _values(source)
    return None if values is None else np.asarray(values == 255)


def _clear(finding: Finding, source: Image.Image, table: ClassTable) -> Bits | None:
    alpha = np.asarray(source.convert("RGBA"))[..., 3]
    return np.asarray(alpha < 255)


Finder = Callable[[Finding, Image.Image, ClassTable], Bits | None]
_FINDERS: Mapping[str, Finder] = MappingProxyType(
    dict.fromkeys(("unknown-color",), _of_color)
    | dict.fromkeys(
        ("more-unknown-colors", "blended-edges", "lossy-mask", "snapped-colors", "ignored-colors"), _unknown
    )
    | dict.fromkeys(("mapped-colors", "off-table"), _unknown)
    | dict.fromkeys(("id-out-of-range", "shifted-ids", "palette-luma"), _id_outside)
    | {"binary-mask": _white, "transparent-pixels": _clear, "ignored-transparency": _clear, "alpha-mask": _clear}
)


def _packed(source: Image.Image) -> NDArray[np.int64]:
    channels = np.asarray(source.convert("RGB")).astype(np.int64)
    packed: NDArray[np.int64] = channels[..., 0] << 16 | channels[..., 1] << 8 | channels[..., 2]
    return packed


def _values(source: Image.Image) -> NDArray[Any] | None:
    """Gray or palette values; of a mask of three equal channels, the first."""
    values = np.asarray(source)
    if values.ndim == 2:
        return values.astype(np.int64)
    return values[..., 0].astype(np.int64) if source.mode == "RGB" else None


def _inside(xy: tuple[int, int], shape: tuple[int, ...]) -> bool:
    return 0 <= xy[0] < shape[1] and 0 <= xy[1] < shape[0]


def region_at(wrong: Bits, xy: tuple[int, int]) -> Bits:
    """The part of some pixels that touches (x, y), by edges; all of them where (x, y) is not among them."""
    from scipy import ndimage

    if not _inside(xy, wrong.shape) or not wrong[xy[1], xy[0]]:
        return wrong
    labels, _ = ndimage.label(wrong)
    return np.asarray(labels == labels[xy[1], xy[0]])


def first(bits: Bits | None) -> tuple[int, int]:
    """The first (x, y) of some pixels, in reading order; the corner where there are none."""
    if bits is None or not bits.any():
        return 0, 0
    y, x = divmod(int(bits.argmax()), bits.shape[1])
    return x, y


def box_around(bits: Bits | None, xy: tuple[int, int] | None, shape: tuple[int, ...]) -> Box:
    """Left, top, right, bottom of what is looked at: the part that holds `xy`, with room around it."""
    height, width = shape[:2]
    if xy is None or not _inside(xy, shape):
        if bits is None:
            return 0, 0, width, height
        x, y = first(bits)
    else:
        x, y = xy
    left, top, right, bottom = x, y, x + 1, y + 1
    if bits is not None and bits[y, x]:
        part = bits[max(0, y - 256) : y + 256, max(0, x - 256) : x + 256]
        near = region_at(part, (x - max(0, x - 256), y - max(0, y - 256)))
        rows, columns = np.flatnonzero(near.any(1)), np.flatnonzero(near.any(0))
        top, bottom = max(0, y - 256) + int(rows[0]), max(0, y - 256) + int(rows[-1]) + 1
        left, right = max(0, x - 256) + int(columns[0]), max(0, x - 256) + int(columns[-1]) + 1
    side = max(CROP, round(1.6 * max(right - left, bottom - top)))
    return _square((left + right) // 2, (top + bottom) // 2, side, width, height)


def _square(x: int, y: int, side: int, width: int, height: int) -> Box:
    left = min(max(0, x - side // 2), max(0, width - side))
    top = min(max(0, y - side // 2), max(0, height - side))
    return left, top, min(width, left + side), min(height, top + side)


def is_small(box: Box, shape: tuple[int, ...]) -> bool:
    """Whether a part is worth a ring and a picture of its own: at most half of the whole, both ways."""
    left, top, right, bottom = box
    return 2 * (right - left) <= shape[1] and 2 * (bottom - top) <= shape[0]


def outlined(pixels: RGB8, bits: Bits | None) -> RGB8:
    """A picture with a line around some of its pixels, dark outside and bright inside; neither covers the pixels."""
    if bits is None:
        return pixels
    drawn = pixels.copy()
    near = _grown(bits)
    drawn[_grown(near) & ~near] = (0, 0, 0)
    drawn[near & ~bits] = RING
    return drawn


def _grown(bits: Bits) -> Bits:
    grown = bits.copy()
    grown[1:] |= bits[:-1]
    grown[:-1] |= bits[1:]
    grown[:, 1:] |= bits[:, :-1]
    grown[:, :-1] |= bits[:, 1:]
    return grown


def ringed(pixels: RGB8, box: Box) -> RGB8:
    """A picture with a ring around a part of it."""
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    wide = max(2, round(max(image.size) / 150))
    left, top, right, bottom = box
    radius = max(right - left, bottom - top) / 2
    x, y = (left + right) / 2, (top + bottom) / 2
    for grow, color in ((wide, (0, 0, 0)), (0, RING)):
        r = radius + grow
        draw.ellipse((x - r, y - r, x + r, y + r), outline=color, width=wide + (2 if grow else 0))
    return np.asarray(image)


def marked(pixels: RGB8, bits: Bits | None, box: Box | None, side: int) -> RGB8:
    """A picture, thinned out first so that lines stay lines, with an outline and perhaps a ring.

    Args:
        pixels: (H, W, 3).
        bits: (H, W) what is outlined, or None.
        box: what gets a ring, in pixels of the picture, or None.
        side: pixels of the longer side at most.
    """
    height, width = pixels.shape[:2]
    scale = min(1.0, side / max(height, width))
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        pixels = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))
        if bits is not None:  # a single pixel of a large picture still shows
            bits = np.asarray(Image.fromarray(bits.astype(np.float32)).resize(size, Image.Resampling.BOX)) > 0
    drawn = outlined(pixels, bits)
    if box is None:
        return drawn
    left, top, right, bottom = (round(n * scale) for n in box)
    return ringed(drawn, (left, top, right, bottom))


def magnified(pixels: RGB8, box: Box, side: int) -> RGB8:
    """A part of a picture, each pixel a square."""
    left, top, right, bottom = box
    part = pixels[top:bottom, left:right]
    scale = max(1, side // max(part.shape[:2]))
    return np.asarray(part.repeat(scale, 0).repeat(scale, 1))

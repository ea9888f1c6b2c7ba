"""What Pillow makes of a mask file, undone where it changes values: depth, keys for transparency, short palettes."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.TiffImagePlugin import BITSPERSAMPLE as _BITS
from PIL.TiffImagePlugin import TiffImageFile

from labelprep.errors import DamagedFileError
from labelprep.png import chunks
from labelprep.steps.coded import PART
from labelprep.steps.decoded import Decoded, pack

SIXTEEN_BITS = "16 bits per channel; ids are read from 16-bit gray, colours from 8-bit RGB"


@contextmanager
def any_size() -> Iterator[None]:
    """Lets Pillow open pictures of any size: its own limit refuses honest masks; `--max-pixels` takes its place.

    Its warnings about odd headers are dropped: what matters of them fails a moment later, and becomes a finding.
    """
    limit = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def to_decoded(image: Image.Image, data: bytes) -> Decoded:
    """The pixels of an opened picture as the file holds them.

    Args:
        image: opened, of one frame.
        data: the whole file.

    Raises:
        DamagedFileError: `unsupported-mode` for pixels that are neither colours of 8 bits nor a palette nor gray.
    """
    name, depth, lossy = str(image.format), _depth(image, data), _lossy(image, data)
    image.load()
    mode = image.mode if depth == 8 else f"{image.mode} at {depth} bits"
    if image.mode in ("RGB", "RGBX"):
        pixels = _packed(image, "RGBX")
        pixels &= np.uint32(0xFFFFFF)
        return Decoded("rgb", pixels, name, mode, alpha=_color_key(image, pixels), lossy=lossy)
    if image.mode == "RGBA":
        whole = _packed(image, "RGBA")
        alpha = _alpha(whole)
        whole &= np.uint32(0xFFFFFF)
        return Decoded("rgb", whole, name, mode, alpha=alpha, lossy=lossy)
    if image.mode == "P":
        return _palette(image, name, mode)
    if image.mode == "LA":
        both = np.asarray(image)
        levels = np.ascontiguousarray(both[..., 1])
        opaque = bool((levels == 255).all())
        gray = np.ascontiguousarray(both[..., 0])
        return Decoded("gray", gray, name, mode, alpha=None if opaque else levels, lossy=lossy)
    if image.mode == "1":
        black_white = np.zeros((256, 3), np.uint8)
        black_white[1] = 255
        index = np.asarray(image).astype(np.uint8)
        alpha = _gray_key(image, index * np.uint8(255))  # Pillow tells the key as it tells the pixels, 0 or 255
        return Decoded("palette", index, name, mode, palette=black_white, alpha=alpha, entries=2)
    if image.mode == "L":
        gray = np.asarray(image)
        # Pillow stretches 2 and 4-bit gray to 0..255; ids want the values that are in the file.
        gray = gray // (255 // (2**depth - 1)) if depth < 8 else gray
        return Decoded("gray", gray, name, mode, alpha=_gray_key(image, gray), lossy=lossy)
    if image.mode in ("I;16", "I;16B", "I;16L", "I;16N", "I"):
        return _wide_gray(image, name, mode)
    message = f"mode {image.mode}: not RGB, palette or gray"
    raise DamagedFileError(message, code="unsupported-mode")


def _packed(image: Image.Image, raw: str) -> NDArray[np.uint32]:
    # Pillow keeps 4 bytes a pixel, so this is a plain copy; asarray would repack to 3. By strips, for the memory.
    whole = np.empty((image.height, image.width), np.uint32)
    rows = max(1, PART // max(image.width, 1))
    for top in range(0, image.height, rows):
        strip = image.crop((0, top, image.width, min(top + rows, image.height)))
        whole[top : top + rows] = np.frombuffer(strip.tobytes("raw", raw), "<u4").reshape(-1, image.width)
    return whole


def _alpha(whole: NDArray[np.uint32]) -> NDArray[np.uint8] | None:
    if int(whole.min(initial=0xFF000000)) >= 0xFF000000:
        return None
    return (whole >> 24).astype(np.uint8)


def _color_key(image: Image.Image, pixels: NDArray[np.uint32]) -> NDArray[np.uint8] | None:
    key = image.info.get("transparency")
    if not isinstance(key, tuple):
        return None
    hit = pixels == pack(np.array(key, np.uint16).astype(np.uint8))
    return np.where(hit, np.uint8(0), np.uint8(255)) if hit.any() else None


def _gray_key(image: Image.Image, gray: NDArray[Any]) -> NDArray[np.uint8] | None:
    key = image.info.get("transparency")
    if not isinstance(key, int):
        return None
    hit = gray == key
    return np.where(hit, np.uint8(0), np.uint8(255)) if hit.any() else None


def _palette(image: Image.Image, name: str, mode: str) -> Decoded:
    index = np.asarray(image)
    flat = image.getpalette("RGB") or []
    entries = len(flat) // 3
    palette = np.zeros((256, 3), np.uint8)
    palette[:entries] = np.array(flat, np.uint8).reshape(-1, 3)
    transparency = image.info.get("transparency")
    alpha = None
    if transparency is not None:
        levels = np.full(256, 255, np.uint8)
        if isinstance(transparency, bytes):
            levels[: len(transparency)] = np.frombuffer(transparency, np.uint8)
        else:
            levels[transparency] = 0
        alpha = levels[index]
        alpha = None if (alpha == 255).all() else alpha
    top = int(index.max(initial=0))
    if entries and top >= entries:
        message = f"index {top} is used, but the palette has {entries} entries"
        raise DamagedFileError(message)
    return Decoded("palette", index, name, mode, palette=palette, alpha=alpha, entries=entries)


def _wide_gray(image: Image.Image, name: str, mode: str) -> Decoded:
    gray = np.asarray(image)
    if int(gray.min(initial=0)) < 0 or int(gray.max(initial=0)) > 65535:
        message = f"values from {gray.min()} to {gray.max()}; ids lie in 0..65535"
        raise DamagedFileError(message, code="unsupported-mode")
    wide = gray.astype(np.uint16)
    return Decoded("gray", wide, name, mode, alpha=_gray_key(image, wide))


def _depth(image: Image.Image, data: bytes) -> int:
    """Bits a channel, as the file says.

    Raises:
        DamagedFileError: for colours of 16 bits, of which Pillow keeps the high bytes without a word.
    """
    if image.format == "PNG":
        return chunks.read_header(data).depth
    depth = max(image.tag_v2.get(_BITS, (8,))) if isinstance(image, TiffImageFile) else 8
    if depth == 16 and image.mode in ("RGB", "RGBA", "RGBX"):
        raise DamagedFileError(SIXTEEN_BITS, code="unsupported-mode")
    return depth


def _lossy(image: Image.Image, data: bytes) -> bool:
    """JPEG always, in a TIFF too; WebP where its first image chunk is `VP8 ` and not `VP8L`."""
    if image.format != "WEBP":
        return image.format == "JPEG" or image.info.get("compression") in ("jpeg", "tiff_jpeg")
    at = 12
    while at + 8 <= len(data):
        chunk, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if chunk in (b"VP8 ", b"VP8L"):
            return chunk == b"VP8 "
        at += 8 + size + (size & 1)
    return False

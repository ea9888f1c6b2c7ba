"""PNG straight to codes: inflated in one go, unfiltered in the domain of ordinals, never a picture of colours.

For 8-bit RGB, RGBA without transparency, gray and palette files that are not interlaced. Everything else, and
everything odd, gives None and takes the Pillow path, which stays the reference.
"""

from __future__ import annotations

import zlib
from typing import Any, NamedTuple

import deflate
import numpy as np
from numpy.typing import NDArray

from labelprep.png import chunks
from labelprep.png.chunks import COMPRESSED, Header, packed_text

STEPS = {chunks.GRAY: 1, chunks.RGB: 3, chunks.PALETTE: 1, chunks.RGBA: 4}
MOST_TEXT = 1 << 20  # bytes that a compressed profile or text may unfold to, as in Pillow

# Chunks that change no pixel and that Pillow accepts whatever they hold, or at just this length.
_HARMLESS = {b"tEXt", b"tIME", b"bKGD", b"sBIT", b"eXIf", b"IHDR", b"PLTE", b"IDAT", b"IEND"}
_LENGTHS = {b"pHYs": 9, b"gAMA": 4, b"sRGB": 1, b"cHRM": 32}


class Seeds(NamedTuple):
    """Colours that are given an ordinal before the first pixel, so that ordinals come out as ids.

    Attributes:
        colors: (256,) uint32 packed colours by ordinal.
        taken: (256,) bool, the ordinals in use.
    """

    colors: NDArray[np.uint32]
    taken: NDArray[np.bool_]


class Codes(NamedTuple):
    """The pixels of a file: `values[codes]`.

    Attributes:
        values: (256,) uint32, packed colours, or the values 0..255.
        pixels: (256,) int64, pixels of each.
        first: (256,) int64, position of the first pixel of a colour that was not seeded, else -1.
        codes: (H, W) uint8.
        palette: (N, 3) uint8 of a palette file, else None.
    """

    values: NDArray[np.uint32]
    pixels: NDArray[np.int64]
    first: NDArray[np.int64]
    codes: NDArray[np.uint8]
    palette: NDArray[np.uint8] | None


_OPAQUE, _NOWHERE = np.uint32(0xFF000000), np.full(256, -1, np.int64)
NO_SEEDS = Seeds(np.zeros(256, np.uint32), np.zeros(256, np.bool_))


def decode(parts: list[tuple[bytes, memoryview]], header: Header, seeds: Seeds = NO_SEEDS) -> Codes | None:
    """Decodes a PNG whose chunks were walked, or gives None where Pillow has to.

    Args:
        parts: (name, content) of every chunk, checksums compared.
        header: its header.
        seeds: colours with ordinals of their own.
    """
    step = STEPS.get(header.color_type)
    if step is None or header.depth != 8 or header.interlaced or not header.width or not header.height:
        return None
    if not all(_is_plain(name, content) for name, content in parts):
        return None
    raw = _inflate(parts, header.height * (1 + header.width * step))
    if raw is None:
        return None
    if step == 1:
        return _decode_values(raw, parts, header)
    return _decode_colors(raw, header, step, seeds)


def _is_plain(name: bytes, content: memoryview) -> bool:
    if name in _HARMLESS:
        return True
    if name in _LENGTHS:
        return len(content) == _LENGTHS[name]
    if name not in COMPRESSED:
        return False  # transparency, animation, and what nobody knows
    packed = packed_text(name, content)
    if name == b"iTXt" and not packed:
        return len(content) <= MOST_TEXT
    try:
        inflater = zlib.decompressobj()
        inflater.decompress(packed, MOST_TEXT)
    except zlib.error:
        return False
    return not inflater.unconsumed_tail


def _inflate(parts: list[tuple[bytes, memoryview]], size: int) -> NDArray[np.uint8] | None:
    """The scanlines, where the data are one run of IDAT chunks that unfolds to just `size` bytes, Adler-32 compared."""
    where = [i for i, (name, _) in enumerate(parts) if name == b"IDAT"]
    if not where or where[-1] - where[0] != len(where) - 1:
        return None
    data = parts[where[0]][1] if len(where) == 1 else b"".join(parts[i][1] for i in where)
    try:
        raw = deflate.zlib_decompress(data, size)
    except deflate.DeflateError:  # damaged, or longer
        return None
    return np.frombuffer(raw, np.uint8) if len(raw) == size else None


def _decode_colors(raw: NDArray[np.uint8], header: Header, step: int, seeds: Seeds) -> Codes | None:
    from labelprep.png import kernels

    colors = seeds.colors | _OPAQUE if step == 4 else seeds.colors.copy()
    taken, first = seeds.taken.copy(), _NOWHERE.copy()
    pixels = np.zeros(256, np.int64)
    codes = np.empty(header.height * header.width, np.uint8)
    book = (np.empty(kernels.SLOTS, np.uint16), colors, taken, first, np.zeros(256, np.int64))
    status = kernels.decode_colors(raw, header.height, header.width, step, codes, pixels, book)
    if status != kernels.DONE:
        return None
    return Codes(
        colors & np.uint32(0xFFFFFF) if step == 4 else colors,
        pixels,
        first,
        codes.reshape(header.height, header.width),
        None,
    )


def _decode_values(raw: NDArray[np.uint8], parts: list[tuple[bytes, memoryview]], header: Header) -> Codes | None:
    from labelprep.png import kernels

    palette = None
    if header.color_type == chunks.PALETTE:
        stored: Any = [content for name, content in parts if name == b"PLTE"]
        if len(stored) != 1 or len(stored[0]) % 3 or not 3 <= len(stored[0]) <= 768:
            return None
        palette = np.frombuffer(stored[0], np.uint8).reshape(-1, 3)
    pixels = np.zeros(256, np.int64)
    codes = np.empty(header.height * header.width, np.uint8)
    if kernels.decode_values(raw, header.height, header.width, codes, pixels) != kernels.DONE:
        return None
    if palette is not None and pixels[len(palette) :].any():
        return None
    shape = (header.height, header.width)
    return Codes(np.arange(256, dtype=np.uint32), pixels, _NOWHERE.copy(), codes.reshape(shape), palette)

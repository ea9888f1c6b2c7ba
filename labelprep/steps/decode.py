"""From the bytes of a mask file to pixels that mean something: packed colours, or indices with their palette.

Every mask a person brings: PNG of all modes and depths, BMP, TIFF, lossless WebP, and JPEG (told as lossy).
The header is judged before anything is decoded, and a damaged file never gives pixels.
"""

from __future__ import annotations

import io
from contextlib import suppress

import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from labelprep.errors import DamagedFileError
from labelprep.png import chunks, fast
from labelprep.png.fast import NO_SEEDS, Seeds
from labelprep.steps.coded import Coded
from labelprep.steps.decoded import Decoded
from labelprep.steps.pillow import SIXTEEN_BITS, any_size, to_decoded

FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP")
ENDINGS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".bmp": "BMP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
}
MAX_PIXELS = 500_000_000


def decode(data: bytes, *, max_pixels: int = MAX_PIXELS, seeds: Seeds | None = NO_SEEDS) -> Decoded:
    """Decodes the bytes of one mask file.

    Args:
        data: the whole file.
        max_pixels: larger masks are refused from the header, before decoding.
        seeds: colours whose codes are wanted in certain places; None takes the Pillow path always.

    Raises:
        DamagedFileError: with a code of the findings' catalogue: `damaged-file`, `unreadable-file`,
            `too-many-pixels` or `unsupported-mode`.
    """
    if data.startswith(chunks.SIGNATURE):
        header, parts = _judge_png(data, max_pixels)
        codes = None if seeds is None else fast.decode(parts, header, seeds)
        if codes is not None:
            return _from_codes(codes, header)
        chunks.require_whole(parts, header)
    try:
        with any_size():
            image = _open(data)
            _refuse_large(image.width, image.height, max_pixels)
            _refuse_frames(image)
            return to_decoded(image, data)
    except (DamagedFileError, MemoryError):  # of memory another process may have enough
        raise
    except Exception as error:
        what = " ".join(str(error).split()) or type(error).__name__
        message = f"the {_named(data)} does not decode: {what}"
        raise DamagedFileError(message) from error


def _from_codes(codes: fast.Codes, header: chunks.Header) -> Decoded:
    coded = Coded(codes.values, codes.pixels, codes.first, codes.codes)
    if codes.palette is not None:
        palette = np.zeros((256, 3), np.uint8)
        palette[: len(codes.palette)] = codes.palette
        return Decoded("palette", coded, "PNG", "P", palette=palette, entries=len(codes.palette))
    mode = {chunks.GRAY: "L", chunks.RGB: "RGB", chunks.RGBA: "RGBA"}[header.color_type]
    return Decoded("gray" if mode == "L" else "rgb", coded, "PNG", mode)


def _judge_png(data: bytes, max_pixels: int) -> tuple[chunks.Header, list[tuple[bytes, memoryview]]]:
    header = chunks.read_header(data)
    _refuse_large(header.width, header.height, max_pixels)
    if header.depth == 16 and header.color_type != chunks.GRAY:
        raise DamagedFileError(SIXTEEN_BITS, code="unsupported-mode")
    parts = list(chunks.walk(data))
    chunks.require_modest_texts(parts)
    return header, parts


def _refuse_large(width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        message = f"{width} x {height} = {width * height:,} pixels; at most {max_pixels:,} are allowed"
        raise DamagedFileError(message, code="too-many-pixels")


def _refuse_frames(image: Image.Image) -> None:
    if isinstance(image, TiffImageFile):  # which counts by reading a chain that a file may make endless
        with suppress(EOFError):
            image.seek(1)
            message = "holds more than one picture; a mask is one"
            raise DamagedFileError(message, code="unsupported-mode")
        return
    frames = getattr(image, "n_frames", 1)
    if frames != 1:
        message = f"holds {frames} pictures; a mask is one"
        raise DamagedFileError(message, code="unsupported-mode")


def _open(data: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:
        message = f"not an image that can be a mask (first bytes {data[:8]!r}); expected {', '.join(FORMATS)}"
        code = "unreadable-file" if data else "damaged-file"
        raise DamagedFileError(message if data else "the file is empty", code=code) from None


def _named(data: bytes) -> str:
    starts = {b"\x89PNG": "PNG", b"\xff\xd8": "JPEG", b"BM": "BMP", b"II*\0": "TIFF", b"MM\0*": "TIFF", b"RIFF": "WebP"}
    return next((name for start, name in starts.items() if data.startswith(start)), "file")

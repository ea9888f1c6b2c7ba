"""The chunks of a PNG: header read and every checksum compared before a pixel is decoded.

Pillow's `load` alone accepts damaged files with wrong pixels (a wrong IDAT checksum goes unseen), so no PNG
is decoded here before its chunks have been walked.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from zlib_ng.zlib_ng import crc32

from labelprep.errors import DamagedFileError

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GRAY, RGB, PALETTE, GRAY_ALPHA, RGBA = 0, 2, 3, 4, 6
_CHANNELS = {GRAY: 1, RGB: 3, PALETTE: 1, GRAY_ALPHA: 2, RGBA: 4}
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))  # Adam7
_PIECE = 1 << 20
_CHUNK, _CHECKSUM = struct.Struct(">I4s"), struct.Struct(">I")
COMPRESSED = frozenset({b"iCCP", b"zTXt", b"iTXt"})
MOST_TEXT = 4 << 20  # bytes; as large as profiles get
MANY_CHUNKS, SHORT_CHUNK = 5_000, 256  # from so many on, they hold so many bytes on average: a list of them is no bomb


class Header(NamedTuple):
    """What IHDR says.

    Attributes:
        width: pixels.
        height: pixels.
        depth: bits per channel: 1, 2, 4, 8 or 16.
        color_type: 0 gray, 2 RGB, 3 palette, 4 gray with alpha, 6 RGBA.
        interlaced: Adam7.
    """

    width: int
    height: int
    depth: int
    color_type: int
    interlaced: bool


def read_header(data: bytes) -> Header:
    """The header of PNG bytes, from the first 33 of them.

    Raises:
        DamagedFileError: where there is no valid IHDR.
    """
    if len(data) < 33 or data[12:16] != b"IHDR" or data[8:12] != b"\0\0\0\r":
        raise DamagedFileError("damaged PNG: no header chunk (IHDR) at its start")  # noqa: EM101
    width, height, depth, color_type, _, _, interlace = struct.unpack(">IIBBBBB", data[16:29])
    if zlib.crc32(data[12:29]) != int.from_bytes(data[29:33]):
        raise DamagedFileError("damaged PNG: wrong checksum in chunk IHDR at byte 8")  # noqa: EM101
    if not width or not height:
        message = f"damaged PNG: {width} x {height} pixels"
        raise DamagedFileError(message)
    return Header(width, height, depth, color_type, bool(interlace))


def walk(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Name and content of every chunk up to IEND, each checksum compared.

    Raises:
        DamagedFileError: naming the chunk and its offset, for a wrong checksum or a file that ends early.
    """
    view = memoryview(data)
    at, count = len(SIGNATURE), 0
    while at + 12 <= len(data):
        count += 1
        if count > MANY_CHUNKS and at < count * SHORT_CHUNK:
            message = f"damaged PNG: {count:,} chunks in its first {at:,} bytes; no program writes such files"
            raise DamagedFileError(message)
        size, name = _CHUNK.unpack_from(data, at)
        end = at + 12 + size
        if end > len(data):
            break
        if crc32(view[at + 4 : end - 4]) != _CHECKSUM.unpack_from(data, end - 4)[0]:
            message = f"damaged PNG: wrong checksum in chunk {name.decode('latin-1')!r} at byte {at}"
            raise DamagedFileError(message)
        yield name, view[at + 8 : end - 4]
        if name == b"IEND":
            return
        at = end
    message = f"damaged PNG: ends early, at byte {len(data)}, in the chunk that starts at byte {at}"
    raise DamagedFileError(message)


def require_modest_texts(parts: Sequence[tuple[bytes, memoryview]]) -> None:
    """Refuses a PNG whose compressed texts and profiles unfold to more than `MOST_TEXT` bytes together.

    Args:
        parts: (name, content) of every chunk.

    Raises:
        DamagedFileError: as soon as that is known.
    """
    left = MOST_TEXT
    for name, content in parts:
        if name not in COMPRESSED:
            continue
        inflater = zlib.decompressobj()
        try:
            waiting: bytes = packed_text(name, content)
            while left >= 0 and (piece := inflater.decompress(waiting, _PIECE)):
                left, waiting = left - len(piece), inflater.unconsumed_tail
        except zlib.error:
            continue  # for the decoder to say
        if left < 0:
            message = f"damaged PNG: its texts and profiles unfold to more than {MOST_TEXT:,} bytes"
            raise DamagedFileError(message)


def packed_text(name: bytes, content: memoryview) -> bytes:
    """The compressed part of a chunk iCCP, zTXt or iTXt; empty where an iTXt is not compressed."""
    _, _, rest = bytes(content).partition(b"\0")
    if name != b"iTXt":
        return rest[1:]
    if rest[:1] == b"\0":
        return b""
    return rest[rest.find(b"\0", rest.find(b"\0", 2) + 1) + 1 :]


def require_whole(parts: Sequence[tuple[bytes, memoryview]], header: Header) -> None:
    """Refuses a PNG whose data unfold to fewer scanlines than its header promises, or whose palette is missing.

    Pillow fills such pictures up with zeros and says nothing, as all checksums are right. Data that do not
    unfold at all are left to the decoder.

    Args:
        parts: (name, content) of every chunk.
        header: the file's header.

    Raises:
        DamagedFileError: with the bytes that were found and expected.
    """
    if header.color_type == PALETTE and not any(name == b"PLTE" for name, _ in parts):
        raise DamagedFileError("damaged PNG: palette indices without a palette (no chunk PLTE)")  # noqa: EM101
    expected, found = _scanline_bytes(header), 0
    inflater = zlib.decompressobj()
    try:
        for content in (content for name, content in parts if name == b"IDAT"):
            waiting: bytes | memoryview = content
            while piece := inflater.decompress(waiting, _PIECE):
                found, waiting = found + len(piece), inflater.unconsumed_tail
                if found >= expected:
                    return
    except zlib.error:
        return
    message = f"damaged PNG: its pixels end after {found:,} of {expected:,} bytes"
    raise DamagedFileError(message)


def _scanline_bytes(header: Header) -> int:
    bits = header.depth * _CHANNELS.get(header.color_type, 0)
    total = 0
    for x, y, dx, dy in _PASSES if header.interlaced else ((0, 0, 1, 1),):
        columns, rows = -(-max(header.width - x, 0) // dx), -(-max(header.height - y, 0) // dy)
        total += rows * (1 + -(-columns * bits // 8)) if columns else 0
    return total

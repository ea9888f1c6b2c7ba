"""From ids to PNG and back: palette masks that people can look at, index masks that every reader agrees on.

Always 8 bits and all 256 palette entries: given 16 colours or fewer, Pillow writes a 4-bit file and masks
higher ids off without a word ([0, 5, 255] comes back as [0, 5, 15]).
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from labelprep.class_rows import voc_colormap
from labelprep.classes import ClassTable
from labelprep.errors import DamagedFileError, UsageError
from labelprep.png import chunks, fast, write
from labelprep.steps.count import ClassCounts
from labelprep.steps.pillow import any_size
from labelprep.storage.atomic import write_atomic
from labelprep.storage.place import Place, to_place

PaletteKind = Literal["colour", "identity"]
MaskMode = Literal["palette", "index"]

PNG_LEVELS = ("fast", "small")

__all__ = ["encode_mask", "painted", "read_ids", "save_palette", "voc_colormap"]


def encode_mask(
    index: NDArray[Any],
    table: ClassTable,
    *,
    mask_mode: MaskMode = "palette",
    palette: PaletteKind = "colour",
    png_level: str = "fast",
) -> bytes:
    """An index mask as PNG bytes, the same for the same input and library versions.

    Args:
        index: (H, W) unsigned integers: ids 0..C-1 and the table's ignore index.
        table: the class table that the ids refer to.
        mask_mode: `palette` (8-bit palette PNG) or `index` (gray PNG, 16-bit for more than 255 classes).
        palette: `colour` (the classes' colours) or `identity` (entry i is (i, i, i), which even readers
            that expand palettes give back as i).
        png_level: `fast` or `small`.

    Raises:
        ClassTableError: for more than 255 classes in a palette.
        ValueError: for an array or a word that does not fit.
    """
    if index.ndim != 2:
        message = f"index must have shape (H, W), but has {index.shape}"
        raise ValueError(message)
    if png_level not in PNG_LEVELS or mask_mode not in ("palette", "index") or palette not in ("colour", "identity"):
        message = f"no such way to write a mask: {mask_mode!r}, {palette!r}, {png_level!r}"
        raise ValueError(message)
    if index.dtype.kind not in "uib":
        message = f"ids must be integers, but are {index.dtype}"
        raise ValueError(message)
    if not (index.dtype == np.uint8 and table.ignore_index >= 255):  # which all of them fit
        top = int(index.max(initial=0))
        if top > table.ignore_index or (index.dtype.kind == "i" and int(index.min(initial=0)) < 0):
            message = f"ids must lie in 0..{table.ignore_index}, but reach from {index.min()} to {top}"
            raise ValueError(message)
    colors = _palette_bytes(table, palette) if mask_mode == "palette" else None
    ids = np.ascontiguousarray(index, table.dtype)
    if ids.dtype == np.uint8:
        return write.encode(ids, colors, small=png_level == "small")
    out = io.BytesIO()
    Image.fromarray(ids).save(out, "PNG", compress_level=1 if png_level == "fast" else 9)
    return out.getvalue()


def _palette_bytes(table: ClassTable, kind: PaletteKind) -> bytes:
    colors = table.palette
    return colors.tobytes() if kind == "colour" else np.repeat(np.arange(256, dtype=np.uint8), 3).tobytes()


def save_palette(
    path: Path | str,
    index: NDArray[Any],
    table: ClassTable,
    *,
    palette: PaletteKind = "colour",
    png_level: str = "fast",
) -> None:
    """Writes an index mask (H, W) as palette PNG: pixel value = id, 255 = ignored; whole or not at all.

    Raises:
        EnvironmentFailure: disk full, no permission.
        ValueError: for ids that are neither a class's nor the ignore index.
    """
    png = encode_mask(index, table, palette=palette, png_level=png_level)
    ClassCounts.of(index.astype(table.dtype, copy=False), len(table), table.ignore_index)  # refuses ids of no class
    write_atomic(to_place(path), png)


def read_ids(path: Place | str) -> NDArray[Any]:
    """The ids of a prepared mask, (H, W) uint8 or uint16.

    Eight bits take the fast path of `png`; other masks are read with Pillow, which of the common readers alone gives
    palette indices instead of colours. For masks that somebody else wrote there is `mask_folders.ids_of`.

    Raises:
        UsageError: where the file is no palette or gray PNG.
        DamagedFileError: where a checksum is wrong or the file ends early.
        OSError: where it cannot be read.
    """
    data = to_place(path).read_bytes()
    if not data.startswith(chunks.SIGNATURE):
        message = f"is no PNG (first bytes {data[:8]!r})"
        raise DamagedFileError(message, path=path, hint="convert it first: labelprep convert DATASET -o OUT")
    try:
        header, parts = chunks.read_header(data), list(chunks.walk(data))
        if header.color_type in (chunks.GRAY, chunks.PALETTE) and (codes := fast.decode(parts, header)) is not None:
            return codes.codes
        chunks.require_whole(parts, header)
    except DamagedFileError as error:
        raise DamagedFileError(error.message, path=path) from None
    with any_size(), Image.open(io.BytesIO(data), formats=("PNG",)) as image:
        if image.mode not in ("P", "L", "I;16"):
            message = f"holds colours (mode {image.mode}), not ids; expected a palette or gray PNG"
            raise UsageError(message, path=path, hint="convert it first: labelprep convert DATASET -o OUT")
        return np.asarray(image)


def painted(index: NDArray[Any], table: ClassTable) -> NDArray[np.uint8]:
    """An index mask (H, W) in the colours of its classes, (H, W, 3) uint8 RGB.

    Ignored pixels take the colour of the only ignored class, else (224, 224, 192).
    """
    colors: NDArray[np.uint8] = np.full((table.ignore_index + 1, 3), table.void_color, np.uint8)
    colors[: len(table)] = [c.color for c in table.classes]
    return np.take(colors, index, axis=0)

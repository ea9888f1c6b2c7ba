"""Pictures of samples for the pages: read with care, thinned out, written as WebP under the hash of their content."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from labelprep.classes import ClassTable
from labelprep.errors import EnvironmentFailure
from labelprep.prepared import Prepared, Row, is_below
from labelprep.storage.atomic import write_atomic
from labelprep.storage.place import Place, for_pillow

LARGEST = 64_000_000  # pixels: larger files are not opened for a picture
FOLDER = "thumbs"
STRANGE = (255, 0, 255)  # ids that the class table does not have
UNREADABLE = frozenset({"unreadable-file", "image-unreadable"})  # the mask or the image
# What is wrong with a file that is not opened again, outside of a guarded process.
UNSAFE = UNREADABLE | {"damaged-file", "crashed-decoder", "hung-decoder", "out-of-memory"}
UNSAFE |= {"too-many-pixels", "unsupported-mode"}
# What the system says of a path that leads to no file.
_GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG})
_DENIED = frozenset({errno.EACCES, errno.EPERM})
RGB8 = NDArray[np.uint8]


@dataclass(frozen=True)
class Figure:
    """A picture on a page.

    Attributes:
        src: path from the page.
        width: pixels.
        height: pixels.
        alt: what it shows, for those who do not see it.
    """

    src: str
    width: int
    height: int
    alt: str


class Album:
    """The folder of thumbnails of a report; equal pictures are one file."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self.names: set[str] = set()

    def add(self, pixels: RGB8, alt: str, side: int, *, sharp: bool = False) -> Figure:
        """Writes a picture.

        Args:
            pixels: (H, W, 3) uint8 RGB.
            alt: what it shows.
            side: pixels of its longer side; a smaller one stays as it is.
            sharp: thin out without blending colours, and compress without loss.

        Raises:
            EnvironmentFailure: disk full, no permission.
        """
        image = Image.fromarray(np.ascontiguousarray(pixels))
        scale = side / max(image.size)
        if scale < 1:
            size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
            image = image.resize(size, Image.Resampling.NEAREST if sharp else Image.Resampling.BOX)
        buffer = io.BytesIO()
        image.save(buffer, "WEBP", lossless=sharp, quality=60 if sharp else 78, method=3)
        name = f"{FOLDER}/{hashlib.sha256(buffer.getvalue()).hexdigest()[:20]}.webp"
        if name not in self.names:
            write_atomic(self._out / name, buffer.getvalue())
            self.names.add(name)
        return Figure(name, image.width, image.height, alt)


def opened(path: Place | None, *, exif_rotate: bool = False, ours: bool = False) -> Image.Image | None:
    """An image file, decoded; None where it is gone, damaged or very large.

    Args:
        path: the file.
        exif_rotate: turn it by its EXIF orientation.
        ours: labelprep wrote it; a file of a dataset may be one that nobody is permitted to read.

    Raises:
        EnvironmentFailure: for a disk that fails: a report would be another one when it works again.
    """
    if path is None:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow about odd files; none of them changes the picture
            source = for_pillow(path)
            with source.open("rb") if isinstance(source, Path) else source as file, Image.open(file) as image:
                if image.width * image.height > LARGEST:
                    return None
                image.load()
                return ImageOps.exif_transpose(image) if exif_rotate else image.copy()
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError, Image.DecompressionBombError) as error:
        code = error.errno if isinstance(error, OSError) else None
        if code is None or code in _GONE or (code in _DENIED and not ours):
            return None
        message = f"cannot be read: {os.strerror(code)}"
        raise EnvironmentFailure(message, path=path, hint="make it readable, then report again") from error


def ids_at(path: Place) -> NDArray[Any] | None:
    """The ids of a written mask or the values of a map, (H, W); None where it is gone or unreadable."""
    image = opened(path, ours=True)
    return None if image is None or image.mode not in ("P", "L", "I;16", "I") else np.asarray(image)


def rgb(image: Image.Image | None) -> RGB8 | None:
    """An image as (H, W, 3) uint8 RGB; transparent parts over gray."""
    if image is None:
        return None
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        whole = image.convert("RGBA")
        ground = Image.new("RGBA", whole.size, (190, 190, 190, 255))
        return np.asarray(Image.alpha_composite(ground, whole).convert("RGB"))
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image, np.float64)
        top = float(values.max()) or 1.0
        gray = (values * (255 / top)).astype(np.uint8)
        return np.repeat(gray[..., None], 3, 2)
    return np.asarray(image.convert("RGB"))


def colors_of(table: ClassTable) -> RGB8:
    """(ignore_index + 1, 3) uint8: id -> colour; ids without a class are magenta."""
    colors = np.full((table.ignore_index + 1, 3), STRANGE, np.uint8)
    for c in table.classes:
        colors[c.id] = c.color
    colors[table.ignore_index] = table.void_color
    return colors


def blended(image: RGB8 | None, mask: RGB8, share: float = 0.5) -> RGB8:
    """Image and mask over one another, at the mask's size; the mask alone where there is no image."""
    if image is None:
        return mask
    under = fitted(image, mask.shape[:2])
    mixed: RGB8 = (under * (1 - share) + mask * share).astype(np.uint8)
    return mixed


def fitted(image: RGB8, shape: tuple[int, ...]) -> RGB8:
    """An image at another height and width."""
    if image.shape[:2] == tuple(shape[:2]):
        return image
    return np.asarray(Image.fromarray(image).resize((shape[1], shape[0]), Image.Resampling.BOX))


def thinned(ids: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    """Ids (H, W) at another height and width, each the nearest one."""
    rows = ((np.arange(height) + 0.5) * ids.shape[0] / height).astype(np.intp)
    columns = ((np.arange(width) + 0.5) * ids.shape[1] / width).astype(np.intp)
    thin: NDArray[Any] = ids[rows][:, columns]
    return thin


def image_of(prepared: Prepared, row: Row) -> RGB8 | None:
    """The image of a sample, as its mask was drawn on it."""
    rotate = bool(prepared.info["options"].get("exif_rotate", False))
    try:
        return rgb(opened(prepared.image_path(row), exif_rotate=rotate))
    except EnvironmentFailure:
        if UNREADABLE.isdisjoint(row.findings):
            raise
        return None  # a finding says so


def source_at(prepared: Prepared, path: str | None) -> Image.Image | None:
    """A file of the dataset, by its path as findings and the manifest give it."""
    root = prepared.source_root
    if root is None or path is None or not is_below(path):
        return None
    return opened(root / path)

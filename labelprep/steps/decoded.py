"""The pixels of one mask file, and colours packed into one number."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from labelprep.steps.coded import Coded, encode

Kind = Literal["rgb", "palette", "gray", "labels"]


@dataclass(frozen=True, eq=False)
class Decoded:
    """The pixels of one mask file.

    Attributes:
        kind: what a pixel is: `rgb` a colour, `palette` an index into `palette`
            (1-bit files too: entry 0 black, entry 1 white), `gray` a value, `labels` 0 or 1 + a place in `labels`.
        content: the pixels: (H, W), for `rgb` uint32 with R + 256 G + 65536 B, else uint8 or uint16; or coded already.
        palette: for `palette`, (256, 3) uint8 RGB; entries that the file lacks are black.
        alpha: (H, W) uint8 where some pixel is not opaque, else None.
        format: PNG, JPEG, BMP, TIFF or WEBP, from the content; for `labels`, what the annotation is.
        mode: the mode of the file in Pillow's words, with its depth.
        lossy: whether the format lost information.
        entries: for `palette`, how many entries the file gives.
        labels: for `labels`, the classes as the annotation calls them.
    """

    kind: Kind
    content: NDArray[Any] | Coded
    format: str
    mode: str
    palette: NDArray[np.uint8] | None = None
    alpha: NDArray[np.uint8] | None = None
    lossy: bool = False
    entries: int = 0
    labels: tuple[str, ...] = ()

    @cached_property
    def coded(self) -> Coded:
        """The pixels as distinct values and codes."""
        return self.content if isinstance(self.content, Coded) else encode(self.content)

    @cached_property
    def pixels(self) -> NDArray[Any]:
        """The pixels, (H, W): uint32 for `rgb`, else uint8 or uint16."""
        if not isinstance(self.content, Coded):
            return self.content
        return self.content.picture() if self.kind == "rgb" else self.content.picture(np.uint8)

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.content.shape[0])

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.content.shape[1])


def pack(rgb: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Colours (..., 3) uint8 RGB as uint32: R + 256 G + 65536 B.

    >>> pack(np.array([[1, 2, 3]], np.uint8)).tolist()
    [197121]
    """
    wide = rgb.astype(np.uint32)
    packed: NDArray[np.uint32] = np.bitwise_or(np.bitwise_or(wide[..., 0], wide[..., 1] << 8), wide[..., 2] << 16)
    return packed


def unpack(packed: int) -> tuple[int, int, int]:
    """The (R, G, B) of one packed colour.

    >>> unpack(197121)
    (1, 2, 3)
    """
    return packed & 255, packed >> 8 & 255, packed >> 16 & 255


def swap(packed: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Packed colours with red and blue exchanged."""
    outer: NDArray[np.uint32] = np.bitwise_or((packed & 0xFF) << 16, packed >> 16)
    both: NDArray[np.uint32] = np.bitwise_or(packed & 0x00FF00, outer)
    return both

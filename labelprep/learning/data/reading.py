"""Pairs of image and mask on disk: which there are in a split, and how each is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from labelprep.errors import UsageError
from labelprep.learning.data import png_images
from labelprep.learning.options import Size
from labelprep.prepared import Prepared, Row
from labelprep.steps.palette import read_ids
from labelprep.storage.place import Place, absent, for_pillow


@dataclass(frozen=True)
class Pair:
    """An image and its mask on disk.

    Attributes:
        key: the sample's key.
        image: path of the image.
        mask: path of the prepared mask.
        size: (H, W) of the mask.
        labels: number of classes and ignore index that its ids are held against; None: they are not.
        pixels: valid pixels per class, from the manifest.
    """

    key: str
    image: Place
    mask: Place
    size: Size
    labels: tuple[int, int] | None = None
    pixels: tuple[int, ...] = ()


def pairs(prepared: Prepared, split: str | None, images: Place | None = None) -> tuple[Pair, ...]:
    """The image and mask pairs of a split (None: all), in plan order.

    Args:
        prepared: the prepared folder.
        split: name of the split, or None for all written masks.
        images: folder of the images, where they moved since convert.

    Raises:
        UsageError: for an unknown or empty split, or where images are missing: how many, which, and the mend.
    """
    rows = [row for row in prepared.rows(split) if row.written]
    if not rows:
        message = "no mask was written" if split is None else f"split {split!r} is empty"
        raise UsageError(message, path=prepared.root)
    found = [(row, prepared.image_path(row, images)) for row in rows]
    _refuse_missing(prepared, split, found, images)
    labels = len(prepared.table), prepared.table.ignore_index
    return tuple(
        Pair(row.key, path, prepared.mask_path(row.key), (row.height, row.width), labels, row.pixels)
        for row, path in found
        if path
    )


def _refuse_missing(
    prepared: Prepared, split: str | None, found: list[tuple[Row, Place | None]], images: Place | None
) -> None:
    where = "the set" if split is None else f"split {split!r}"
    unpaired = [row.key for row, path in found if row.image is None]
    if unpaired:
        message = f"{len(unpaired)} of {len(found)} masks of {where} have no image: {_examples(unpaired)}"
        hint = "pair them: --image-suffix or --mask-suffix; or list what has one: --pairs FILE; convert again"
        raise UsageError(message, code="image-missing", path=prepared.root, hint=hint)
    gone = [str(row.image) for row, path in found if path is None]
    gone += map(str, absent([path for _, path in found if path is not None]))
    if gone:
        message = f"{len(gone)} of {len(found)} images of {where} are missing: {_examples(gone)}"
        again = "another --images DIR" if images is not None else "--images DIR if they moved"
        hint = f"give {again}, or convert with --link hard to keep them in the prepared folder"
        raise UsageError(message, code="image-missing", path=prepared.root, hint=hint)


def _examples(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")


def read_image(path: Place, *, exif_rotate: bool = False) -> Tensor:
    """An image of any mode as (3, H, W) uint8 RGB; alpha is dropped, 16-bit gray takes its high byte.

    Args:
        path: the file.
        exif_rotate: turn it by its EXIF orientation, as viewers do.

    Raises:
        UsageError: where it cannot be read.
    """
    limit = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None  # convert judged the size already
    try:
        is_png = path.suffix.lower() == ".png" and not exif_rotate
        pixels = png_images.decode(path.read_bytes()) if is_png else None
        if pixels is None:
            with Image.open(for_pillow(path)) as opened:
                pixels = _rgb(ImageOps.exif_transpose(opened) if exif_rotate else opened)
        return torch.from_numpy(pixels.transpose(2, 0, 1).copy())
    except Exception as error:
        message = f"the image cannot be read: {' '.join(str(error).split()) or type(error).__name__}"
        raise UsageError(message, code="image-unreadable", path=path, hint="restore the image") from error
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def _rgb(image: Image.Image) -> np.ndarray[Any, np.dtype[np.uint8]]:
    if image.mode.startswith("I"):
        gray = np.clip(np.asarray(image).astype(np.int64) >> 8, 0, 255).astype(np.uint8)
        return np.repeat(gray[..., None], 3, axis=2)
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return np.asarray(image.convert("RGB"))


def read_pair(pair: Pair, *, exif_rotate: bool = False) -> tuple[Tensor, Tensor]:
    """Image (3, H, W) uint8 RGB and mask (H, W) of ids, uint8 or, for more than 255 classes, int32.

    Raises:
        UsageError: where one of them cannot be read, they differ in size, or the mask holds ids of no class.
    """
    image = read_image(pair.image, exif_rotate=exif_rotate)
    ids = read_ids(pair.mask)
    if pair.labels is not None:
        _refuse_strays(pair, ids, *pair.labels)
    mask = torch.from_numpy(ids.astype(np.int32 if ids.dtype == np.uint16 else np.uint8))
    if image.shape[1:] != mask.shape:
        message = f"{pair.key}: the image has {tuple(image.shape[1:])} pixels (H, W), its mask {tuple(mask.shape)}"
        raise UsageError(message, code="size-differs", path=pair.image, hint="give the images that were converted")
    return image, mask


def _refuse_strays(pair: Pair, ids: np.ndarray[Any, Any], classes: int, ignore_index: int) -> None:
    """On the host, before a GPU could stop at an assertion that names no file."""
    wrong = (ids >= classes) & (ids != ignore_index)
    if wrong.any():
        strays = ", ".join(str(value) for value in np.unique(ids[wrong])[:5])
        message = (
            f"{pair.key}: ids must be below {classes} or {ignore_index}, but {int(wrong.sum())} pixels hold {strays}"
        )
        raise UsageError(message, code="id-out-of-range", path=pair.mask, hint="convert it again with --overwrite")

"""Layouts of many samples a file: WebDataset's tar shards, Hugging Face's parquet files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from labelprep.errors import LayoutError
from labelprep.formats.benchmark_sets import names_table
from labelprep.formats.folders import files_below, shown
from labelprep.formats.layouts import Arrangement, Suffix, split_ending, split_of
from labelprep.formats.lists import MASK_COLUMNS
from labelprep.storage import parquet
from labelprep.storage.place import Place
from labelprep.storage.tar import DamagedTarError, members

IMAGE_COLUMNS = ("image", "img", "images", "photo", "picture", "input", "pixel_values", "rgb")
KEY_COLUMNS = ("key", "__key__")
# fields of a WebDataset sample that hold its mask, the surest first; pictures of other names are taken for its image
MASK_FIELDS = ("seg", "mask", "label", "labels", "segmentation", "semantic", "annotation", "gt", "target", "segmask")
_PEEKED = 64  # members of the first shard that are looked at
_TABLES = ("classes.yaml", "classes.json", "id2label.json", "class_dict.csv", "labelmap.txt", "label_colors.txt")


def shard_split(path: Place) -> str | None:
    """The split that a shard's name or folder tells: `train-000000.tar`, `data/validation-00000-of-00002.parquet`."""
    return split_of(re.split(r"[-_.]", path.name)[0]) or split_of(path.parent.name)


def find_webdataset(root: Place, folders: Mapping[str, Place]) -> list[Arrangement]:
    """`*.tar` whose members are pictures."""
    del folders
    shards = files_below(root, ".tar")
    if not shards or not _holds_pictures(shards[0]):
        return []
    return [_arranged("wds", shards, root, "shards")]


def find_parquet(root: Place, folders: Mapping[str, Place]) -> list[Arrangement]:
    """`*.parquet`; which columns they have is looked at when they are read."""
    del folders
    files = files_below(root, ".parquet")
    return [_arranged("hf-parquet", files, root, "files")] if files else []


def _arranged(layout: str, files: list[Place], root: Place, what: str) -> Arrangement:
    named = [shown(path, root) for path in files]
    few = ", ".join(named[:3]) + (f" and {len(named) - 3} more" if len(named) > 3 else "")
    why = f"{len(files)} {what} read in place: {few} (training wants the images as files: convert with --link copy)"
    tables = names_table(root, *_TABLES)
    shards = tuple((shard_split(path), path) for path in files)
    return Arrangement(layout, why, f"--layout {layout}", shards=shards, tables=tables)


def _holds_pictures(shard: Place) -> bool:
    """Whether pictures are among the first members; of a damaged shard its reading tells more."""
    try:
        with shard.open("rb") as file:
            total = file.seek(0, 2)
            file.seek(0)
            for number, member in enumerate(members(shard, file, total)):
                if split_ending(member.name)[1]:
                    return True
                if number >= _PEEKED:
                    return False
    except (OSError, DamagedTarError):
        return True
    return False


@dataclass(frozen=True)
class Fields:
    """Which files of a WebDataset sample are its mask and its image.

    Attributes:
        mask: the mask's, or None.
        image: the image's, or None.
        left_out: further pictures.
    """

    mask: str | None
    image: str | None
    left_out: int


def fields_of(names: Mapping[str, Any], mask: Suffix | None = None, image: Suffix | None = None) -> Fields:
    """Tells mask and image apart among the fields of a sample, by their names behind the key.

    Args:
        names: `jpg`, `seg.png`, `json`, …
        mask: what the mask's field is called, where that is said.
        image: likewise.

    >>> fields_of({"jpg": 0, "seg.png": 0, "json": 0})
    Fields(mask='seg.png', image='jpg', left_out=0)
    >>> fields_of({"jpg": 0, "png": 0}), fields_of({"png": 0})
    (Fields(mask='png', image='jpg', left_out=0), Fields(mask=None, image='png', left_out=0))
    """
    pictures = [name for name in names if split_ending(f"a.{name}")[1]]
    masks = list(_asked(pictures, mask)) if mask else _ranked(pictures)
    chosen = masks[0] if masks else None
    rest = [name for name in pictures if name not in masks]
    images = list(_asked(pictures, image)) if image else rest
    return Fields(chosen, images[0] if images else None, len(pictures) - (chosen is not None) - bool(images))


def _asked(pictures: list[str], wanted: Suffix) -> Iterator[str]:
    for name in pictures:
        stem, ending = split_ending(f"a.{name}")
        if stem.removeprefix("a").strip(".") == wanted.stem.strip("._") and wanted.ending in (None, ending):
            yield name


def _ranked(pictures: list[str]) -> list[str]:
    first = {name: split_ending(f"a.{name}")[0].removeprefix("a").strip(".").lower() for name in pictures}
    named = [name for word in MASK_FIELDS for name in pictures if first[name] == word]
    lossless = [name for name in pictures if name.lower() == "png"]
    return named or (lossless if len(pictures) == 2 and lossless else [])


@dataclass(frozen=True)
class Columns:
    """The columns of a parquet file: of masks, and of images and keys where there are any."""

    mask: str
    image: str | None
    key: str | None


def columns_of(held: parquet.Kinds, path: Place) -> Columns:
    """Which columns hold masks and images, told apart by their names.

    Args:
        held: the columns of bytes and of texts.
        path: for messages.

    Raises:
        LayoutError: no column of masks, naming those that there are.
    """
    names = {name.lower(): name for name in held.pictures}
    mask = next((names[n] for n in MASK_COLUMNS if n in names), None)
    if mask is None:
        message = (
            f"no column of masks; expected mask, label, annotation or segmentation with the bytes of picture files;"
            f" there are: {', '.join(held.every[:20]) or 'none'}"
        )
        raise LayoutError(message, path=path)
    image = next((names[n] for n in IMAGE_COLUMNS if n in names), None)
    return Columns(mask, image, next((n for n in KEY_COLUMNS if n in held.texts), None))

"""Layouts of datasets as data: which folders hold masks, which hold images, and how their names pair.

| layout | masks | images | splits |
|---|---|---|---|
| `mirror` | `masks/**/a.png` | `images/**/a.jpg` | subfolders train, val, test; `splits/*.txt` |
| `mirror` | `X-mask/**/a.png` | `X/**/a.png` | subfolders train, val, test |
| `mirror` | `train/masks/a.png` | `train/images/a.png` | first folder |
| `pairs` | column `mask` | column `image` | column `split` |
| `voc` | `SegmentationClass/a.png` | `JPEGImages/a.jpg` | `ImageSets/Segmentation/*.txt` |
| `camvid` | `trainannot/a.png` | `train/a.png` | `train.txt` with pairs, else folders |
| `camvid-kaggle` | `train_labels/a_L.png` | `train/a.png` | folders |
| `cityscapes` | `gtFine/train/c/a_gtFine_labelIds.png` | `leftImg8bit/train/c/a_leftImg8bit.png` | folders |
| `masks` | every picture below the folder | none | subfolders train, val, test |

Pictures are files that end in one of `ENDINGS`, in any case; other files and hidden ones are left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import Self

from labelprep.storage.place import Place

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
LAYOUTS = ("mirror", "pairs", "voc", "camvid", "camvid-kaggle", "cityscapes", "masks")

IMAGE_FOLDERS = frozenset((
    "images", "image", "img", "imgs", "img_dir", "rgb", "photos", "photo", "pictures", "stills", "hr",
    "original_images", "originals", "inputs",
))  # fmt: skip
MASK_FOLDERS = frozenset((
    "masks", "mask", "hr-mask", "labels", "label", "labelsrgb", "labels_rgb", "annotations", "annotation", "ann_dir",
    "ann", "annots", "gt", "ground_truth", "groundtruth", "segmentation", "segmentations", "seg", "semantic",
    "label_images_semantic", "targets",
))  # fmt: skip
PARTNER_ENDINGS = ("-mask", "_mask", "-masks", "_masks", "_labels", "-labels", "_label", "-label", "annot", "_annot")
CLASS_TABLE_FILES = frozenset((
    "class_dict.csv", "class_dict_seg.csv", "label_colors.txt", "labelmap.txt", "classes.yaml", "classes.yml",
))  # fmt: skip
PRESETS = MappingProxyType({"voc": "preset:voc", "cityscapes": "preset:cityscapes"})

_SPLITS = MappingProxyType(
    {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val"}
    | {"test": "test", "testing": "test"}
)


def split_of(folder: str) -> str | None:
    """The split that a folder's or list's name stands for, or None; a year behind the name is left aside.

    >>> [split_of(name) for name in ("Train", "validation", "test", "val2017", "city")]
    ['train', 'val', 'test', 'val', None]
    """
    return _SPLITS.get(re.sub(r"_?(19|20)\d\d$", "", folder.lower()))


def split_ending(name: str) -> tuple[str, str]:
    """A picture's name without its last ending, and that ending in lower case; "" where it is no picture.

    >>> split_ending("train/jp22_1.10_0.PNG"), split_ending("notes.v1"), split_ending(".png")
    (('train/jp22_1.10_0', '.png'), ('notes.v1', ''), ('.png', ''))
    """
    stem, dot, ending = name.rpartition(".")
    ending = dot + ending.lower()
    if ending in ENDINGS and stem and not stem.endswith("/"):
        return stem, ending
    return name, ""


@dataclass(frozen=True)
class Suffix:
    """What a file name ends in beyond the name that pairs.

    Attributes:
        stem: the part before the ending, such as `_L`.
        ending: the ending in lower case, or None for any of `ENDINGS`.
    """

    stem: str = ""
    ending: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads `_L` or `_L.png`.

        >>> Suffix.parse("_L"), Suffix.parse("_L.PNG"), Suffix.parse(".png")
        (Suffix(stem='_L', ending=None), Suffix(stem='_L', ending='.png'), Suffix(stem='', ending='.png'))
        """
        if text.lower() in ENDINGS:
            return cls("", text.lower())
        stem, ending = split_ending(text)
        return cls(stem, ending or None)

    def __str__(self) -> str:
        return self.stem + (self.ending or "")

    def base(self, stem: str, ending: str) -> str | None:
        """The name that pairs, or None where the file does not carry this suffix.

        Args:
            stem: name without its ending, with its folders.
            ending: the ending in lower case.

        >>> Suffix("_L").base("train/a_L", ".png"), Suffix("_L", ".png").base("a_L", ".jpg")
        ('train/a', None)
        """
        if (self.ending is not None and ending != self.ending) or not stem.endswith(self.stem):
            return None
        base = stem.removesuffix(self.stem)
        return base if base and not base.endswith("/") else None


@dataclass(frozen=True)
class Source:
    """One folder of masks with the folder of their images.

    Attributes:
        masks: folder, or None for one that holds images alone.
        images: folder, or None.
        prefix: goes in front of every name below it, such as `train/`.
        split: the split of everything in it, or None.
    """

    masks: Place | None
    images: Place | None
    prefix: str = ""
    split: str | None = None


@dataclass(frozen=True)
class Arrangement:
    """A layout found in a place, or asked for.

    Attributes:
        layout: a name of `LAYOUTS`.
        why: what was found and by which rule, naming the folders.
        option: the command-line words that choose it.
        sources: where masks and images lie; empty where pairs are listed.
        mask_suffix: given or fixed by the layout; None: found by comparing names.
        image_suffix: likewise.
        lists: split lists of names, as (split or None for a list that only names files, file).
        pairs: lists of pairs, as (split or None, file).
        preset: the class table that the layout implies, or None.
    """

    layout: str
    why: str
    option: str
    sources: tuple[Source, ...] = ()
    mask_suffix: Suffix | None = None
    image_suffix: Suffix | None = None
    lists: tuple[tuple[str | None, Place], ...] = ()
    pairs: tuple[tuple[str | None, Place], ...] = ()
    preset: str | None = None

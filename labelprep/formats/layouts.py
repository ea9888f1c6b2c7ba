"""Layouts of datasets as data: which folders hold masks, which hold images, and how their names pair.

| layout | masks | images | splits |
|---|---|---|---|
| `mirror` | `masks/**/a.png` | `images/**/a.jpg` | subfolders train, val, test; `splits/*.txt` |
| `mirror` | `X-mask/**/a.png` | `X/**/a.png` | subfolders train, val, test |
| `mirror` | `train/masks/a.png` | `train/images/a.png` | first folder |
| `masks` | every picture below the folder | none | subfolders train, val, test |
| `pairs` | column `mask` | column `image` | column `split` |
| `ultralytics` | `masks/train/a.png` | `images/train/a.jpg` | train, val, test of `data.yaml` |
| `mmseg` | `ann_dir/train/a.png` | `img_dir/train/a.jpg` | subfolders, or `train.txt`, `splits/*.txt` |
| `voc` | `SegmentationClass/a.png` | `JPEGImages/a.jpg` | `ImageSets/Segmentation/*.txt` |
| `camvid` | `trainannot/a.png` | `train/a.png` | `train.txt` with pairs, else folders |
| `camvid-kaggle` | `train_labels/a_L.png` | `train/a.png` | folders |
| `cityscapes` | `gtFine/train/c/a_gtFine_labelIds.png` | `leftImg8bit/train/c/a_leftImg8bit.png` | folders |
| `cityscapes-trainids` | `…_gtFine_labelTrainIds.png` | the same | folders |
| `cityscapes-color` | `…_gtFine_color.png` | the same | folders |
| `ade20k` | `annotations/training/a.png` | `images/training/a.jpg` | folders |
| `coco-stuff` | `annotations/train2017/a_labelTrainIds.png` | `images/train2017/a.jpg` | folders |
| `mapillary` | `training/v2.0/labels/a.png` | `training/images/a.jpg` | folders |
| `nnunet` | `labelsTr/a.png` | `imagesTr/a_0000.png` | Tr, Ts; `splits_final.json` |
| `datumaro` | `train/masks/a.png` | `train/images/a.jpg` | folders, or none |
| `hf` | mask column of `train/metadata.jsonl` | column `file_name` | folders |
| `hf-parquet` | column `mask` or `label` of `*.parquet` | column `image` | names of the files |
| `wds` | `a.seg.png` in `*.tar` | `a.jpg` in the same | names of the files |
| `labelme` | `a.json` | beside, or `images/a.jpg` | subfolders |
| `coco` | `annotations/instances_train2017.json` | `train2017/a.jpg` | names of the files |
| `coco-panoptic` | `annotations/panoptic_train2017.json` and its PNGs | `train2017/a.jpg` | names of the files |
| `cvat` | `annotations.xml` | `images/a.jpg` | `subset` |
| `cityscapes-polygons` | `gtFine/train/c/a_gtFine_polygons.json` | `leftImg8bit/train/c/a_leftImg8bit.png` | folders |
| `yolo-segment` | `labels/train/a.txt` | `images/train/a.jpg` | folders |

Pictures are files that end in one of `ENDINGS`, in any case; other files and hidden ones are left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, Self

from labelprep.storage.place import Place

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
LAYOUTS = (
    "mirror", "masks", "pairs", "ultralytics", "mmseg", "voc", "camvid", "camvid-kaggle", "cityscapes",
    "cityscapes-trainids", "cityscapes-color", "ade20k", "coco-stuff", "mapillary", "nnunet", "datumaro", "hf",
    "hf-parquet", "wds", "labelme", "coco", "coco-panoptic", "cvat", "cityscapes-polygons", "yolo-segment",
)  # fmt: skip

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
Dialect = Literal["pairs", "camvid", "images", "hf"]
"""A list of pairs: a table, SegNet's lines, Ultralytics' lists of images, Hugging Face's `metadata.jsonl`."""

NAME_LISTS = frozenset({"class_names.txt"})
"""labelme writes it beside palette masks: line k names id k; it has no colours, so elsewhere it decides nothing."""

PRESETS = MappingProxyType({"voc": "preset:voc"})

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


def split_ending(name: str, endings: tuple[str, ...] = ENDINGS) -> tuple[str, str]:
    """A picture's name without its last ending, and that ending in lower case; "" where it is no picture.

    >>> split_ending("train/jp22_1.10_0.PNG"), split_ending("notes.v1"), split_ending(".png")
    (('train/jp22_1.10_0', '.png'), ('notes.v1', ''), ('.png', ''))
    """
    stem, dot, ending = name.rpartition(".")
    ending = dot + ending.lower()
    if ending in endings and stem and not stem.endswith("/"):
        return stem, ending
    return name, ""


@dataclass(frozen=True)
class Suffix:
    """What a file name ends in, and by choice begins with, beyond the name that pairs.

    Attributes:
        stem: the part before the ending, such as `_L`.
        ending: the ending in lower case, or None for any of `ENDINGS`.
        prefix: what the name begins with, behind its folders.
    """

    stem: str = ""
    ending: str | None = None
    prefix: str = ""

    @classmethod
    def parse(cls, text: str, prefix: str = "") -> Self:
        """Reads `_L` or `_L.png`.

        >>> Suffix.parse("_L"), Suffix.parse("_L.PNG")
        (Suffix(stem='_L', ending=None, prefix=''), Suffix(stem='_L', ending='.png', prefix=''))
        """
        if text.lower() in ENDINGS:
            return cls("", text.lower(), prefix)
        stem, ending = split_ending(text)
        return cls(stem, ending or None, prefix)

    def __str__(self) -> str:
        suffix = self.stem + (self.ending or "")
        return f"{self.prefix}…{suffix}" if self.prefix else suffix

    def base(self, stem: str, ending: str) -> str | None:
        """The name that pairs, or None where the file does not carry this suffix.

        Args:
            stem: name without its ending, with its folders.
            ending: the ending in lower case.

        >>> Suffix("_L").base("train/a_L", ".png"), Suffix("_L", ".png").base("a_L", ".jpg")
        ('train/a', None)
        >>> Suffix(prefix="gt_").base("train/gt_a", ".png"), Suffix(prefix="gt_").base("gt_/a", ".png")
        ('train/a', None)
        """
        if (self.ending is not None and ending != self.ending) or not stem.endswith(self.stem):
            return None
        folder, slash, name = stem.removesuffix(self.stem).rpartition("/")
        if not name.startswith(self.prefix) or name == self.prefix:
            return None
        return folder + slash + name.removeprefix(self.prefix)


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
        dialect: how those lists are written.
        masks_dir: what stands in place of `images` in the paths of masks, for lists of images.
        shards: files that hold many samples, as (split or None, file).
        tables: class tables that belong to the layout, files or presets; the first one that is there counts.
        zero_ignored: masks hold id + 1, and 0 where pixels are ignored.
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
    dialect: Dialect = "pairs"
    masks_dir: str = "masks"
    shards: tuple[tuple[str | None, Place], ...] = ()
    tables: tuple[str, ...] = ()
    zero_ignored: bool = False

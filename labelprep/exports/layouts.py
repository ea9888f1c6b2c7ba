"""The layouts, one entry each. What each reader wants was read in its documentation or its loader."""

from __future__ import annotations

import csv
import io
import json
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Final

from labelprep.exports import coco, nnunet, sidecars
from labelprep.exports.values import EVERYTHING_KEPT, Item, Kept, Layout


def _csv_line(item: Item) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow([item.image_to, item.mask_to, item.split, item.key])
    return text.getvalue()


def _camvid_line(item: Item) -> str:
    places = (f"/{item.image_to}", f"/{item.mask_to}")
    return " ".join(f'"{place}"' if " " in place else place for place in places)


def _hugging_face_line(item: Item) -> str:
    places = [PurePosixPath(place).relative_to(item.split).as_posix() for place in (item.image_to, item.mask_to)]
    return json.dumps(dict(zip(("file_name", "mask_file_name"), places, strict=True)), ensure_ascii=False)


def _without(*lost: Kept) -> tuple[Kept, ...]:
    return tuple(what for what in EVERYTHING_KEPT if what not in lost)


FLAT: Final = "folders of names (`a/b` becomes `a__b`)"
NO_COLOURS: Final = "colours"
NOT_IGNORED: Final = "that a class is ignored (read it back with `--ignore NAME`)"
ADE_SPLITS: Final = {"train": "training", "val": "validation"}
COCO_SPLITS: Final = {"train": "train2017", "val": "val2017", "test": "test2017"}
MAPILLARY_SPLITS: Final = {"train": "training", "val": "validation", "test": "testing"}
NNUNET_SPLITS: Final = {"test": "Ts"}  # and "Tr" for all else
WEBDATASET_ENDINGS: Final = (".jpg", ".jpeg", ".png")  # what its decoders know

LAYOUTS: Final = MappingProxyType(
    {
        "mirror": Layout(
            "labelprep, and anything that pairs by name",
            "images/{split}/{name}{ending}",
            "masks/{split}/{name}.png",
            sidecars=sidecars.native,
            wide=True,
        ),
        "pairs": Layout(
            "labelprep, pandas, anything that reads CSV",
            "images/{name}{ending}",
            "masks/{name}.png",
            list="pairs.csv",
            head="image,mask,split,key",
            line=_csv_line,
            sidecars=sidecars.native,
            wide=True,
        ),
        "ultralytics": Layout(
            "Ultralytics semantic segmentation (it reads masks with cv2, so they are gray)",
            "images/{split}/{name}{ending}",
            "masks/{split}/{name}.png",
            form="gray",
            sidecars=sidecars.ultralytics,
            keeps=_without("colours"),
            loses=NO_COLOURS,
        ),
        "mmseg": Layout(
            "mmsegmentation's BaseSegDataset, reduce_zero_label=False",
            "img_dir/{split}/{name}{ending}",
            "ann_dir/{split}/{name}.png",
            form="gray",
            sidecars=sidecars.mmseg,
        ),
        "voc": Layout(
            "torchvision's VOCSegmentation, CVAT, datumaro",
            "JPEGImages/{name}{ending}",
            "SegmentationClass/{name}.png",
            flat=True,
            image_endings=(".jpg",),
            list="ImageSets/Segmentation/{split}.txt",
            sidecars=sidecars.labelmap,
            keeps=_without("keys", "ignored"),
            loses=f"{FLAT}; {NOT_IGNORED}",
        ),
        "camvid": Layout(
            "SegNet and those who read its lists",
            "{split}/{name}{ending}",
            "{split}annot/{name}.png",
            form="gray",
            list="{split}.txt",
            line=_camvid_line,
            sidecars=sidecars.label_colors,
            keeps=_without("ignored"),
            loses=NOT_IGNORED,
        ),
        "camvid-kaggle": Layout(
            "Semantic-Segmentation-Suite and those who read class_dict.csv",
            "{split}/{name}{ending}",
            "{split}_labels/{name}_L.png",
            form="colours",
            flat=True,
            sidecars=sidecars.class_dict,
            keeps=_without("keys"),
            loses=FLAT,
        ),
        "cityscapes": Layout(
            "mmsegmentation's CityscapesDataset and others that read labelTrainIds",
            "leftImg8bit/{split}/all/{name}_leftImg8bit{ending}",
            "gtFine/{split}/all/{name}_gtFine_labelTrainIds.png",
            form="gray",
            flat=True,
            image_endings=(".png",),
            to_png=True,
            sidecars=sidecars.mmseg,
            keeps=_without("keys"),
            loses=FLAT,
        ),
        "ade20k": Layout(
            "readers of the ADE20K challenge layout, reduce_zero_label=True",
            "images/{split}/{name}{ending}",
            "annotations/{split}/{name}.png",
            form="one-more",
            splits=ADE_SPLITS,
            sidecars=sidecars.object_info,
            keeps=_without("colours"),
            loses=NO_COLOURS,
        ),
        "coco-stuff": Layout(
            "mmsegmentation's COCOStuffDataset",
            "images/{split}/{name}{ending}",
            "annotations/{split}/{name}_labelTrainIds.png",
            form="gray",
            splits=COCO_SPLITS,
            sidecars=sidecars.mmseg,
        ),
        "mapillary": Layout(
            "mmsegmentation's MapillaryDataset_v2",
            "{split}/images/{name}{ending}",
            "{split}/v2.0/labels/{name}.png",
            flat=True,
            splits=MAPILLARY_SPLITS,
            sidecars=sidecars.mapillary,
            keeps=_without("keys"),
            loses=FLAT,
        ),
        "datumaro": Layout(
            "datumaro's common_semantic_segmentation_with_subset_dirs",
            "{split}/images/{name}{ending}",
            "{split}/masks/{name}.png",
            form="colours",
            sidecars=sidecars.datumaro,
            flat=True,
            keeps=_without("keys", "ignored"),
            loses=f"{FLAT}; {NOT_IGNORED}",
        ),
        "hf": Layout(
            "Hugging Face datasets: load_dataset('imagefolder', data_dir=DIR)",
            "{split}/images/{name}{ending}",
            "{split}/masks/{name}.png",
            form="gray",
            list="{split}/metadata.jsonl",
            line=_hugging_face_line,
            sidecars=sidecars.hugging_face,
            wide=True,
            keeps=_without("colours"),
            loses=NO_COLOURS,
        ),
        "hf-parquet": Layout(
            "Hugging Face datasets: load_dataset('parquet', data_dir=DIR), or load_dataset(DIR)",
            "{name}{ending}",
            "{name}.png",
            form="gray",
            pack="parquet",
            shard="data/{split}-{number:05}.parquet",
            sidecars=sidecars.hugging_face_parquet,
            wide=True,
            keeps=_without("colours"),
            loses=NO_COLOURS,
        ),
        "wds": Layout(
            "webdataset, Hugging Face's load_dataset('webdataset', data_dir=DIR)",
            "{name}{ending}",
            "{name}.seg.png",
            form="gray",
            undotted=True,
            image_endings=WEBDATASET_ENDINGS,
            to_png=True,
            pack="tar",
            shard="{split}-{number:06}.tar",
            sidecars=sidecars.native,
        ),
        "coco": Layout(
            "pycocotools, and all that is built on it: torchvision's CocoDetection, MMDetection, Detectron2",
            "images/{split}/{name}{ending}",
            None,
            list="annotations/stuff_{split}.json",
            lines=coco.lines,
            sidecars=sidecars.native,
            wide=True,
            keeps=_without("ignored"),
            loses="ignored pixels, where a class is called background and takes them",
        ),
        "nnunet": Layout(
            "nnU-Net v2, as nnUNet_raw/DatasetNNN_NAME",
            "images{split}/{name}_0000{ending}",
            "labels{split}/{name}.png",
            form="background-first",
            flat=True,
            image_endings=(".png",),
            to_png=True,
            rgb=True,
            splits=NNUNET_SPLITS,
            other_splits="Tr",
            list="splits_final.json",
            lines=nnunet.split_lines,
            sidecars=sidecars.nothing,
            told=nnunet.dataset_json,
            keeps=_without("ids", "keys", "colours"),
            loses="colours; ids where class 0 is not the background (id + 1 then); " + FLAT,
        ),
    }
)

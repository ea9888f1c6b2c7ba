"""The layouts, one entry each. What each reader wants was read in its documentation or its loader."""

from __future__ import annotations

import csv
import io
import json
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Final

from labelprep.exports import sidecars
from labelprep.exports.values import Item, Layout


def _csv_line(item: Item) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow([item.image_to, item.mask_to, item.split])
    return text.getvalue()


def _camvid_line(item: Item) -> str:
    places = (f"/{item.image_to}", f"/{item.mask_to}")
    return " ".join(f'"{place}"' if " " in place else place for place in places)


def _hugging_face_line(item: Item) -> str:
    places = [PurePosixPath(place).relative_to(item.split).as_posix() for place in (item.image_to, item.mask_to)]
    return json.dumps(dict(zip(("file_name", "mask_file_name"), places, strict=True)), ensure_ascii=False)


ADE_SPLITS: Final = {"train": "training", "val": "validation"}
COCO_SPLITS: Final = {"train": "train2017", "val": "val2017", "test": "test2017"}
MAPILLARY_SPLITS: Final = {"train": "training", "val": "validation", "test": "testing"}

LAYOUTS: Final = MappingProxyType(
    {
        "mirror": Layout(
            "labelprep, and anything that pairs by name",
            "images/{split}/{name}{ending}",
            "masks/{split}/{name}.png",
            sidecars=sidecars.native,
        ),
        "pairs": Layout(
            "labelprep, pandas, anything that reads CSV",
            "images/{name}{ending}",
            "masks/{name}.png",
            list="pairs.csv",
            head="image,mask,split",
            line=_csv_line,
            sidecars=sidecars.native,
        ),
        "ultralytics": Layout(
            "Ultralytics semantic segmentation (it reads masks with cv2, so they are gray)",
            "images/{split}/{name}{ending}",
            "masks/{split}/{name}.png",
            form="gray",
            sidecars=sidecars.ultralytics,
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
            image_ending=".jpg",
            list="ImageSets/Segmentation/{split}.txt",
            sidecars=sidecars.labelmap,
        ),
        "camvid": Layout(
            "SegNet and those who read its lists",
            "{split}/{name}{ending}",
            "{split}annot/{name}.png",
            form="gray",
            list="{split}.txt",
            line=_camvid_line,
            sidecars=sidecars.label_colors,
        ),
        "camvid-kaggle": Layout(
            "Semantic-Segmentation-Suite and those who read class_dict.csv",
            "{split}/{name}{ending}",
            "{split}_labels/{name}_L.png",
            form="colours",
            flat=True,
            sidecars=sidecars.class_dict,
        ),
        "cityscapes": Layout(
            "mmsegmentation's CityscapesDataset and others that read labelTrainIds",
            "leftImg8bit/{split}/all/{name}_leftImg8bit{ending}",
            "gtFine/{split}/all/{name}_gtFine_labelTrainIds.png",
            form="gray",
            flat=True,
            image_ending=".png",
            sidecars=sidecars.mmseg,
        ),
        "ade20k": Layout(
            "readers of the ADE20K challenge layout, reduce_zero_label=True",
            "images/{split}/{name}{ending}",
            "annotations/{split}/{name}.png",
            form="one-more",
            splits=ADE_SPLITS,
            sidecars=sidecars.object_info,
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
            "mmsegmentation's MapillaryDataset_v2, datumaro",
            "{split}/images/{name}{ending}",
            "{split}/v2.0/labels/{name}.png",
            flat=True,
            splits=MAPILLARY_SPLITS,
            sidecars=sidecars.mapillary,
        ),
        "datumaro": Layout(
            "datumaro's common semantic segmentation",
            "{split}/images/{name}{ending}",
            "{split}/masks/{name}.png",
            form="colours",
            sidecars=sidecars.datumaro,
        ),
        "hf": Layout(
            "Hugging Face datasets: load_dataset('imagefolder', data_dir=DIR)",
            "{split}/images/{name}{ending}",
            "{split}/masks/{name}.png",
            form="gray",
            list="{split}/metadata.jsonl",
            line=_hugging_face_line,
            sidecars=sidecars.hugging_face,
        ),
    }
)

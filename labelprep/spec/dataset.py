"""The raw dataset and how to read it: the `dataset:` of a spec, the options that all commands share."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from labelprep.spec.fields import Anywhere, Count, Flag, Model, Pairs, UnknownPolicy, Words

Layout = Literal[
    "auto", "mirror", "masks", "pairs", "ultralytics", "mmseg", "voc", "camvid", "camvid-kaggle", "cityscapes",
    "cityscapes-trainids", "cityscapes-color", "ade20k", "coco-stuff", "mapillary", "nnunet", "datumaro", "hf",
    "hf-parquet", "wds", "labelme", "coco", "coco-panoptic", "cvat", "cityscapes-polygons", "yolo-segment",
]  # fmt: skip


class DatasetSpec(Model):
    """The raw dataset and how to read it. Paths are relative to the current directory."""

    root: Anywhere = Field(description="folder of the dataset")
    layout: Layout = Field("auto", description="how the folders tell which mask belongs to which image")
    images: Anywhere | None = Field(None, description="folder of the images")
    masks: Anywhere | None = Field(None, description="folder of the masks")
    pairs: Anywhere | None = Field(None, description="CSV or JSONL file that lists image, mask and split")
    image_suffix: str | None = Field(
        None, description="end of every image's stem that its mask lacks, such as _leftImg8bit"
    )
    mask_suffix: str | None = Field(None, description="end of every mask's stem that its image lacks: _L")
    image_prefix: str | None = Field(None, description="start of every image's name that its mask lacks")
    mask_prefix: str | None = Field(None, description="start of every mask's name that its image lacks: gt_")
    reduce_zero_label: Flag | None = Field(
        None, description="masks hold id + 1, and 0 where pixels are ignored; layout ade20k has such masks"
    )
    classes: str | None = Field(None, description="class table: a file, or preset:NAME")
    ignore: Words = Field((), description="name of a class whose pixels are ignored")
    renumber: Flag = Field(False, description="close gaps that ignoring leaves in ids that the table gives")
    map: Pairs = Field((), description="SRC=DST: pixels of class or id SRC count as DST, all pairs at once")
    color_order: Literal["auto", "rgb", "bgr"] = Field("auto", description="order of the colour channels in the masks")
    palette_meaning: Literal["auto", "index", "colour"] = Field(
        "auto", description="whether a palette mask means its indices or its colours"
    )
    alpha: Literal["error", "ignore"] = Field("error", description="what transparent pixels are")
    on_unknown: UnknownPolicy = Field(
        "error", description="unknown colours: error, ignore, nearest:N (RGB distance up to N) or map:NAME"
    )
    on_duplicate_color: Literal["error", "first", "merge", "ignore"] = Field(
        "error", description="one colour for two classes: which one it means"
    )
    exif_rotate: Flag = Field(False, description="masks were drawn on images turned by their EXIF orientation")
    mask_mode: Literal["palette", "index"] = Field("palette", description="pixel format of the written masks")
    palette: Literal["colour", "identity"] = Field(
        "colour", description="palette of the written masks: class colours, or entry i = (i, i, i)"
    )
    png_level: Literal["fast", "small"] = Field("fast", description="compression of the written masks")
    max_pixels: Count = Field(500_000_000, description="refuse a mask with more pixels, judged from its header")
    limit: Count | None = Field(None, description="take only the first N samples")

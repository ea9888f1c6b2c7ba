"""Stages that make another folder of a prepared one."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from labelprep.spec.fields import Anywhere, Bytes, Positive, Real, Size, Words, refuse
from labelprep.spec.stage import Stage

ExportLayout = Literal[
    "mirror", "pairs", "ultralytics", "mmseg", "voc", "camvid", "camvid-kaggle", "cityscapes", "ade20k",
    "coco-stuff", "mapillary", "datumaro", "hf", "hf-parquet", "wds", "coco", "nnunet",
]  # fmt: skip


def _check_shares(words: tuple[str, ...]) -> tuple[str, ...]:
    for word in words:
        name, _, share = word.rpartition(":")
        if not name or not re.fullmatch(r"0?\.\d+|1(\.0+)?", share):
            refuse("CLASS:SHARE with a share up to 1, such as road:0.9")
    return words


Share = Annotated[Real, Field(le=1)]
Dominated = Annotated[Words, AfterValidator(_check_shares)]


class TileStage(Stage):
    """A prepared folder of crops or resized copies of another one."""

    use: Literal["tile"] = "tile"
    data: Anywhere | None = Field(None, description="prepared folder")
    images: Anywhere | None = Field(None, description="folder of the images, where they moved since convert")
    size: Size | None = Field(None, description="H W: height and width of a crop; without it images stay whole")
    stride: Size | None = Field(None, description="H W: rows and columns from crop to crop; the size, if not given")
    scale: Positive = Field(1.0, description="factor on height and width before cropping")
    resize: Size | None = Field(None, description="H W: height and width before cropping, in place of scale")
    edge: Literal["shift", "pad", "drop"] = Field(
        "shift", description="a last crop that does not fit: moved back, padded with ignored pixels, or left out"
    )
    min_valid: Share = Field(0.0, description="least share of a crop's pixels that must not be ignored")
    drop_dominated: Dominated = Field(
        (), description="CLASS:SHARE: leave out crops that the class fills to that share or more"
    )
    image_format: Literal["png", "jpg"] = Field("png", description="format of the written images")

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        if self.resize is not None and self.scale != 1:
            refuse("either resize, one size for all, or scale, a factor on each one's own, and not both")
        return self


class ExportStage(Stage):
    """A prepared folder in the layout that another tool reads."""

    use: Literal["export"] = "export"
    data: Anywhere | None = Field(None, description="prepared folder")
    layout: ExportLayout = Field(description="layout of the folder that is written")
    images: Anywhere | None = Field(None, description="folder of the images, where they moved since convert")
    link: Literal["hard", "copy"] = Field(
        "hard", description="hard-link files that need no change, where the file system allows, or copy them"
    )
    shard_size: Bytes = Field(500 << 20, description="size of a shard (layouts wds and hf-parquet), such as 200M or 2G")

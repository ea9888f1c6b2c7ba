"""The stages that look at images with a trained model: eval and predict."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from labelprep.spec.fields import Anywhere, Count, Device, Flag, OnDisk, Real, Size, Whole, refuse
from labelprep.spec.stage import Stage

MOST_SCALE: Final = 8.0


def _split_words(value: Any) -> Any:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        value = (value,)
    if not isinstance(value, list | tuple):
        return value
    return tuple(word for part in value for word in re.split(r"[,\s]+", str(part).strip()) if word)


def _check_views(value: tuple[str, ...]) -> tuple[str, ...]:
    for word in value:
        try:
            scale = 1.0 if word == "flip" else float(word)
        except ValueError:
            scale = math.nan
        if not 0 < scale <= MOST_SCALE:
            refuse(f"flip, or factors of the size above 0 and at most {MOST_SCALE:g} such as 0.75", allowed=("flip",))
    return value


_VIEW = {"type": ["string", "number"]}
Views = Annotated[
    tuple[str, ...],
    BeforeValidator(_split_words),
    AfterValidator(_check_views),
    WithJsonSchema({"anyOf": [_VIEW, {"type": "array", "items": _VIEW}]}),
]
Share = Annotated[Real, Field(le=1)]


class Looking(Stage):
    """How images are looked at, and by which code."""

    own_model: str | None = Field(
        None, description="package.module:function that the checkpoint may run, where it was trained with one"
    )
    window: Count | None = Field(None, description="side of sliding windows, for images larger than memory")
    stride: Count | None = Field(None, description="from one window to the next; half a window")
    tta: Views = Field((), description="further views to average over: flip and factors of the size: flip,0.75,1.25")
    device: Device = Field("auto", description="auto, cpu, cuda, cuda:N or mps")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.stride is not None and (self.window is None or self.stride > self.window):
            refuse("a stride only with a window, and not above it")
        return self


class EvalStage(Looking):
    """A trained model, or a folder of predicted masks, against a prepared folder."""

    use: Literal["eval"] = "eval"
    checkpoint: OnDisk | None = Field(None, description="checkpoint, or the folder of a training run")
    data: Anywhere | None = Field(None, description="prepared folder")
    images: Anywhere | None = Field(None, description="folder of the images, where they moved since convert")
    pred: OnDisk | None = Field(None, description="folder of predicted palette PNGs to score in place of a model")
    split: str | None = Field(None, description="split to score; val if there is one, else all")
    boundary: Real = Field(
        0.02, description="edges of boundary IoU: a share of the diagonal below 1, else pixels; 0 for none"
    )
    bootstrap: Whole = Field(1000, description="replicates of the interval of mean IoU; 0 for none")
    seed: Whole = Field(0, description="seed of the bootstrap")
    suspect_pixels: Whole = Field(64, description="least pixels of a region whose label is suspect; 0 for none")
    suspect_below: Share = Field(
        0.05, description="the model's probability of a label, at or below which it is suspect"
    )
    entropy_maps: Whole = Field(0, description="for how many images entropy maps are written")
    predictions: Flag = Field(True, description="write predictions as palette PNGs")
    batch_size: Count = Field(8, description="images that are loaded together")
    workers: Whole = Field(0, description="processes that load images")


class PredictStage(Looking):
    """Masks for images that have none."""

    use: Literal["predict"] = "predict"
    checkpoint: str | None = Field(None, description="checkpoint, run folder, or torchvision:NAME")
    images: OnDisk = Field(description="folder of the images")
    entropy: Flag = Field(False, description="write entropy maps")
    size: Size | None = Field(None, description="H W: resize images for the model; masks keep the image's size")

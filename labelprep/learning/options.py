"""What training, evaluation and prediction can be told, as frozen values. Imports no torch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from labelprep.learning.loss_options import LossOptions

Size = tuple[int, int]


# What says where and how to work, not what comes out of it.
PLACE = ("images", "weights", "cache", "device", "workers", "tensorboard", "keep", "max_minutes")


@dataclass(frozen=True)
class TrainOptions(LossOptions):
    """How to train; the same words and defaults as `use: train` in a spec. Those of the loss are in `LossOptions`.

    Attributes:
        images: folder of the images, where they moved since convert.
        weights: class-weight file made for the same class table.
        train_split: split to train on.
        val_split: split that chooses the best checkpoint.
        model: a name of `models.MODELS`, `smp:ARCHITECTURE/ENCODER` or `package.module:function`.
        pretrained: published weights of the backbone: `DEFAULT`, or their name such as `IMAGENET1K_V2`.
        loss: a sum of `loss_terms.LOSSES` such as `0.5*ce+dice`.
        aux_weight: factor of the loss of the auxiliary head; 0: the model has none.
        epochs: passes over the training split.
        batch_size: images in a step, of each process.
        accumulate: batches whose gradients are added up before a step.
        resize: (H, W) that image and mask are resized to, nearest for masks.
        crop: (H, W) of a random crop while training.
        flip: random horizontal flips while training.
        sampling: `shuffle`, or `rare` for images and crops drawn towards rare classes (see `sampling`).
        rare_share: share of the pixels below which `rare` counts a class as rare.
        optimizer: `adam`, `adamw` or `sgd`.
        lr: learning rate after the warm-up.
        lr_backbone: that of the backbone; None: `lr`.
        weight_decay: weight decay.
        momentum: momentum of sgd.
        schedule: `constant`, `poly` or `cosine` (see `schedule`).
        poly_power: power of the poly schedule.
        warmup: epochs in which the learning rate rises from 0.
        clip_grad: longest gradient, by its 2-norm over all parameters.
        ema: decay of a moving average of the weights, which is validated and saved in their place.
        precision: `fp32`, `bf16`, `fp16`, or `auto`: bf16 on a GPU that has it, else fp32.
        channels_last: memory format of images and weights.
        compile: compile the network; goes on without where it cannot.
        sync_bn: normalise over the batches of all processes.
        deterministic: bitwise the same weights every time, also on a GPU.
        patience: validations without a better mIoU before training stops; 0: it does not.
        max_minutes: time after which training stops.
        val_every: epochs from one validation to the next.
        keep: how many of the last epochs keep a checkpoint, beside best and last.
        overfit_one_batch: train and validate on one batch, augmented once.
        cache: folder for decoded and resized pairs.
        tensorboard: write the curves for TensorBoard too.
        device: `auto`, `cpu`, `cuda`, `cuda:N` or `mps`.
        workers: processes that load data.
        seed: seed of weights, shuffles and augmentation.
    """

    images: Path | None = None
    weights: Path | None = None
    train_split: str = "train"
    val_split: str = "val"
    model: str = "lraspp_mobilenet_v3_large"
    pretrained: str | None = None
    loss: str = "ce+dice"
    aux_weight: float = 0.0
    epochs: int = 20
    batch_size: int = 8
    accumulate: int = 1
    resize: Size | None = None
    crop: Size | None = None
    flip: bool = True
    sampling: Literal["shuffle", "rare"] = "shuffle"
    rare_share: float = 0.01
    optimizer: Literal["adam", "adamw", "sgd"] = "adamw"
    lr: float = 1e-3
    lr_backbone: float | None = None
    weight_decay: float = 1e-4
    momentum: float = 0.9
    schedule: Literal["constant", "poly", "cosine"] = "constant"
    poly_power: float = 0.9
    warmup: float = 0.0
    clip_grad: float | None = None
    ema: float | None = None
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    channels_last: bool = False
    compile: bool = False
    sync_bn: bool = False
    deterministic: bool = False
    patience: int = 0
    max_minutes: float | None = None
    val_every: int = 1
    keep: int = 0
    overfit_one_batch: bool = False
    cache: Path | None = None
    tensorboard: bool = False
    device: str = "auto"
    workers: int = 0
    seed: int = 0

    def plain(self) -> dict[str, Any]:
        """Plain values for JSON and checkpoints, without those of `PLACE`."""
        values = {name: value for name, value in asdict(self).items() if name not in PLACE}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    def spec(self, data: str) -> str:
        """A spec whose one stage trains with these options: the words that are not the defaults."""
        usual = type(self)()
        words = {name: value for name, value in asdict(self).items() if value != getattr(usual, name)}
        stage = json.dumps({"use": "train", "data": data, **words}, ensure_ascii=False, default=str)
        return f"version: 1\nstages:\n  train: {stage}\n"


@dataclass(frozen=True)
class EvalOptions:
    """How to evaluate; the same words and defaults as `use: eval` in a spec.

    Attributes:
        images: folder of the images, where they moved since convert.
        split: split to score; None: `val` if there is one, else all.
        window: side of sliding windows; None: the whole image at once.
        stride: from one window to the next; None: half a window.
        tta: further views of each image, whose probabilities are averaged: `flip` and factors of its size.
        boundary: width of the edges of boundary IoU, a share of the diagonal below 1, else pixels; 0: none.
        bootstrap: replicates of the interval of mean IoU; 0: none.
        seed: of the bootstrap.
        suspect_pixels: least pixels of a region whose label is suspect; 0: none are looked for.
        suspect_below: probability of the label below which it is suspect.
        entropy_maps: for how many of the most uncertain images entropy maps are written.
        predictions: write predictions as palette PNGs.
        batch_size: images that are loaded together.
        device: `auto`, `cpu`, `cuda`, `cuda:N` or `mps`.
        workers: processes that load images.
    """

    images: Path | None = None
    split: str | None = None
    window: int | None = None
    stride: int | None = None
    tta: tuple[str, ...] = ()
    boundary: float = 0.02
    bootstrap: int = 1000
    seed: int = 0
    suspect_pixels: int = 64
    suspect_below: float = 0.05
    entropy_maps: int = 0
    predictions: bool = True
    batch_size: int = 8
    device: str = "auto"
    workers: int = 0

    def split_of(self, splits: Sequence[str]) -> str | None:
        """The split that is meant among those there are: the named one, else `val`, else None for all masks."""
        return self.split if self.split is not None else ("val" if "val" in splits else None)


@dataclass(frozen=True)
class PredictOptions:
    """How to predict; the same words and defaults as `use: predict` in a spec.

    Attributes:
        entropy: write entropy maps.
        size: (H, W) that images are resized to for the model; the masks keep the image's size.
        window: side of sliding windows; None: the whole image at once.
        stride: from one window to the next; None: half a window.
        tta: further views of each image, whose probabilities are averaged: `flip` and factors of its size.
        device: `auto`, `cpu`, `cuda`, `cuda:N` or `mps`.
    """

    entropy: bool = False
    size: Size | None = None
    window: int | None = None
    stride: int | None = None
    tta: tuple[str, ...] = ()
    device: str = "auto"

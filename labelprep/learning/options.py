"""What training, evaluation and prediction can be told, as frozen values. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

Size = tuple[int, int]


@dataclass(frozen=True)
class TrainOptions:
    """How to train; the same words and defaults as `use: train` in a spec.

    Attributes:
        images: folder of the images, where they moved since convert.
        weights: class-weight file made for the same class table.
        train_split: split to train on.
        val_split: split that chooses the best checkpoint.
        model: a name of `models.MODELS`.
        pretrained: start from torchvision's published backbone.
        loss: `ce`, `focal`, `dice` or a sum such as `0.5*ce+dice`.
        epochs: passes over the training split.
        batch_size: images in a step.
        resize: (H, W) that image and mask are resized to, nearest for masks.
        crop: (H, W) of a random crop while training.
        flip: random horizontal flips while training.
        optimizer: `adam`, `adamw` or `sgd`.
        lr: learning rate.
        weight_decay: weight decay.
        momentum: momentum of sgd.
        dice_beta: beta of the Dice loss.
        dice_reduction: Dice over the `batch` or per `image`.
        dice_absent: a class absent from the truth: `skip`, `count` or `zero`.
        focal_gamma: gamma of the focal loss.
        focal_alpha: alpha of the focal loss, a plain factor; None: 1, and 0.5 under `compat` deeplab.
        compat: `none`, or the published variants `keras` and `deeplab`.
        device: `auto`, `cpu`, `cuda`, `cuda:N` or `mps`.
        workers: processes that load data.
        seed: seed of weights, shuffles and augmentation.
    """

    images: Path | None = None
    weights: Path | None = None
    train_split: str = "train"
    val_split: str = "val"
    model: str = "lraspp_mobilenet_v3_large"
    pretrained: bool = False
    loss: str = "ce+dice"
    epochs: int = 20
    batch_size: int = 8
    resize: Size | None = None
    crop: Size | None = None
    flip: bool = True
    optimizer: Literal["adam", "adamw", "sgd"] = "adamw"
    lr: float = 1e-3
    weight_decay: float = 1e-4
    momentum: float = 0.9
    dice_beta: float = 1.0
    dice_reduction: Literal["batch", "image"] = "batch"
    dice_absent: Literal["skip", "count", "zero"] = "skip"
    focal_gamma: float = 2.0
    focal_alpha: float | None = None
    compat: Literal["none", "keras", "deeplab"] = "none"
    device: str = "auto"
    workers: int = 0
    seed: int = 0

    def plain(self) -> dict[str, Any]:
        """Plain values for JSON and checkpoints, without what depends on the place (paths, device, workers)."""
        values = asdict(self)
        for name in ("images", "weights", "device", "workers"):
            del values[name]
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


@dataclass(frozen=True)
class EvalOptions:
    """How to evaluate; the same words and defaults as `use: eval` in a spec.

    Attributes:
        images: folder of the images, where they moved since convert.
        split: split to score; None: `val` if there is one, else all.
        batch_size: images in a step.
        device: `auto`, `cpu`, `cuda`, `cuda:N` or `mps`.
        entropy_maps: for how many of the most uncertain images entropy maps are written.
        predictions: write predictions as palette PNGs.
    """

    images: Path | None = None
    split: str | None = None
    batch_size: int = 8
    device: str = "auto"
    entropy_maps: int = 0
    predictions: bool = True

    def split_of(self, splits: Sequence[str]) -> str | None:
        """The split that is meant among those there are: the named one, else `val`, else None for all masks."""
        return self.split if self.split is not None else ("val" if "val" in splits else None)


@dataclass(frozen=True)
class PredictOptions:
    """How to predict; the same words and defaults as `use: predict` in a spec.

    Attributes:
        entropy: write entropy maps.
        size: (H, W) that images are resized to for the model; the masks keep the image's size.
        device: `auto`, `cpu`, `cuda`, `cuda:N` or `mps`.
    """

    entropy: bool = False
    size: Size | None = None
    device: str = "auto"

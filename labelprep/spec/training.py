"""The words of `use: train`: data, model, loss, optimiser, the run."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from labelprep.spec.fields import Anywhere, Count, Device, Flag, OnDisk, Positive, Real, Size, Whole, refuse
from labelprep.spec.losses import LossWords

MODEL_NAMES = (
    "lraspp_mobilenet_v3_large",
    "deeplabv3_mobilenet_v3_large",
    "deeplabv3_resnet50",
    "deeplabv3_resnet101",
    "fcn_resnet50",
    "fcn_resnet101",
    "unet_small",
    "single_conv",
)
FOREIGN_MODEL = re.compile(r"smp:\w+/[\w.-]+|[A-Za-z_][\w.]*:[A-Za-z_]\w*")


def _check_model(model: str) -> str:
    if model not in MODEL_NAMES and not FOREIGN_MODEL.fullmatch(model):
        refuse(
            f"one of {', '.join(sorted(MODEL_NAMES))}, smp:ARCHITECTURE/ENCODER or package.module:function",
            allowed=MODEL_NAMES,
        )
    return model


def _pretrained(value: Any) -> Any:
    return {True: "DEFAULT", False: None}[value] if isinstance(value, bool) else value


SegModel = Annotated[str, AfterValidator(_check_model)]
Pretrained = Annotated[str | None, BeforeValidator(_pretrained)]
Decay = Annotated[float, Field(gt=0, lt=1)]


class TrainStage(LossWords):
    """A model trained from a prepared folder."""

    use: Literal["train"] = "train"
    data: Anywhere | None = Field(None, description="prepared folder")
    images: Anywhere | None = Field(None, description="folder of the images, where they moved since convert")
    weights: Anywhere | None = Field(None, description="class-weight file")
    train_split: str = Field("train", description="split to train on")
    val_split: str = Field("val", description="split that chooses the best checkpoint")
    model: SegModel = Field(
        "lraspp_mobilenet_v3_large",
        description="architecture: a name, smp:ARCHITECTURE/ENCODER or package.module:function",
    )
    pretrained: Pretrained = Field(
        None, description="start the backbone from published weights: DEFAULT, or their name such as IMAGENET1K_V2"
    )
    aux_weight: Real = Field(0.0, description="factor of the loss of the auxiliary head; 0: the model has none")
    epochs: Count = Field(20, description="passes over the training split")
    batch_size: Count = Field(8, description="images in a step, of each process")
    accumulate: Count = Field(1, description="batches whose gradients are added up before a step")
    resize: Size | None = Field(None, description="H W: resize image and mask (nearest for masks)")
    crop: Size | None = Field(None, description="H W: random crop while training")
    flip: Flag = Field(True, description="random horizontal flips while training")
    sampling: Literal["shuffle", "rare"] = Field(
        "shuffle", description="every image once, or images and crops drawn towards rare classes"
    )
    rare_share: Positive = Field(0.01, description="share of the pixels below which sampling counts a class as rare")
    optimizer: Literal["adam", "adamw", "sgd"] = Field("adamw", description="optimizer")
    lr: Positive = Field(1e-3, description="learning rate after the warm-up")
    lr_backbone: Positive | None = Field(None, description="learning rate of the backbone; that of the head by default")
    weight_decay: Real = Field(1e-4, description="weight decay")
    momentum: Real = Field(0.9, description="momentum of sgd")
    schedule: Literal["constant", "poly", "cosine"] = Field("constant", description="how the learning rate falls to 0")
    poly_power: Positive = Field(0.9, description="power of the poly schedule")
    warmup: Real = Field(0.0, description="epochs in which the learning rate rises from 0")
    clip_grad: Positive | None = Field(None, description="longest gradient, by its 2-norm over all parameters")
    ema: Decay | None = Field(
        None, description="decay of a moving average of the weights, which is validated and saved in their place"
    )
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        "auto", description="of the network's arithmetic; auto: bf16 on a GPU that has it, else fp32"
    )
    channels_last: Flag = Field(False, description="keep images and weights with the channels last")
    compile: Flag = Field(False, description="compile the network with torch.compile; goes on without where it cannot")
    sync_bn: Flag = Field(False, description="normalise over the batches of all processes; GPUs alone")
    deterministic: Flag = Field(False, description="bitwise the same weights every time, also on a GPU; slower")
    patience: Whole = Field(0, description="stop after so many validations without a better mIoU; 0: never")
    max_minutes: Positive | None = Field(None, description="stop after so much time, earlier parts of the run included")
    val_every: Count = Field(1, description="epochs from one validation to the next; the last is always validated")
    keep: Whole = Field(0, description="how many of the last epochs keep a checkpoint, beside best and last")
    overfit_one_batch: Flag = Field(False, description="train on one batch alone, to see that the model can learn it")
    cache: OnDisk | None = Field(None, description="folder for decoded and resized pairs, read in place of the files")
    tensorboard: Flag = Field(False, description="write the curves for TensorBoard too")
    device: Device = Field("auto", description="auto, cpu, cuda, cuda:N or mps")
    workers: Whole = Field(0, description="processes that load data")
    seed: Whole = Field(0, description="seed of weights, shuffles and augmentation")

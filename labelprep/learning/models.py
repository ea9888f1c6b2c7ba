"""Models by name: torchvision's segmentation families, a small U-Net, the one-convolution baseline, and others'."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import torch
from torch import nn
from torchvision import models as tv

from labelprep.errors import EnvironmentFailure, UsageError
from labelprep.learning.networks.foreign import SMP, own_model, smp_model
from labelprep.learning.networks.segmenter import Segmenter
from labelprep.learning.networks.unet import SmallUNet

TORCHVISION = (
    "deeplabv3_mobilenet_v3_large",
    "deeplabv3_resnet101",
    "deeplabv3_resnet50",
    "fcn_resnet101",
    "fcn_resnet50",
    "lraspp_mobilenet_v3_large",
)


BATCHNORM_MOMENTUM = 0.1  # torch's default


def _unet_small(name: str, classes: int, pretrained: str | None, aux: bool) -> Segmenter:
    _refuse(name, pretrained, aux)
    return Segmenter(name, SmallUNet(classes), multiple=8)


def _single_conv(name: str, classes: int, pretrained: str | None, aux: bool) -> Segmenter:
    _refuse(name, pretrained, aux)
    return Segmenter(name, nn.Sequential(nn.Conv2d(3, classes, 3, padding=1), nn.ReLU()))


def _torchvision(name: str, classes: int, pretrained: str | None, aux: bool) -> Segmenter:
    if aux and name.startswith("lraspp"):
        _refuse_aux(name)
    words = {} if name.startswith("lraspp") else {"aux_loss": aux}
    try:
        net = _downloading(
            lambda: tv.get_model(
                name, weights=None, weights_backbone=pretrained, num_classes=classes, progress=False, **words
            )
        )
    except (KeyError, AttributeError) as error:
        message = f"the backbone of {name} has no published weights named {pretrained!r}"
        raise UsageError(message, hint="DEFAULT, or torchvision's own name such as IMAGENET1K_V1") from error
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            # torchvision's MobileNetV3 has 0.01, made for long training: after 100 steps a third of the running
            # statistics would still be the initial ones, and validation would see another network than training.
            module.momentum = BATCHNORM_MOMENTUM
    # The image-pooling branch of DeepLabV3 normalises one value per channel and image: never a batch of one.
    return Segmenter(name, net, least_batch=2 if name.startswith("deeplabv3") else 1)


MODELS: Mapping[str, Callable[[str, int, str | None, bool], Segmenter]] = MappingProxyType(
    {"single_conv": _single_conv, "unet_small": _unet_small} | dict.fromkeys(TORCHVISION, _torchvision)
)


def create_model(name: str, classes: int, pretrained: str | None = None, *, aux: bool = False) -> Segmenter:
    """A model with fresh weights, drawn from torch's global generator.

    Args:
        name: a name of `MODELS`, `smp:ARCHITECTURE/ENCODER`, or `package.module:function`, which is imported and run.
        classes: number of classes, the channels of the logits.
        pretrained: published weights of the backbone by torchvision's own name, or `DEFAULT`.
        aux: with an auxiliary head (torchvision's FCN and DeepLabV3).

    Raises:
        UsageError: for an unknown name, listing those there are, or weights or heads that do not exist.
        EnvironmentFailure: where the published weights cannot be fetched.
    """
    if name in MODELS:
        return MODELS[name](name, classes, pretrained, aux)
    if name.startswith(SMP):
        if aux:
            _refuse_aux(name)
        return smp_model(name, classes, pretrained)
    if is_own(name):
        return own_model(name, classes, pretrained)
    message = f"no model named {name!r}; there are: {', '.join(sorted(MODELS))}"
    raise UsageError(message, hint="or smp:ARCHITECTURE/ENCODER, or package.module:function")


def is_own(name: str) -> bool:
    """Whether a name stands for a function of somebody's module: building the model runs that code."""
    return ":" in name and not name.startswith(SMP)


def published_model(name: str) -> tuple[Segmenter, tuple[str, ...], int]:
    """One of torchvision's segmentation models with its published weights.

    Returns:
        The model, the names of its classes in id order, and the shorter side of the images it was made for.

    Raises:
        UsageError: for an unknown name.
        EnvironmentFailure: where the weights cannot be fetched.
    """
    if name not in TORCHVISION:
        message = f"torchvision has no segmentation model named {name!r}; there are: {', '.join(TORCHVISION)}"
        raise UsageError(message)
    weights = tv.get_model_weights(name).DEFAULT
    net = _downloading(lambda: tv.get_model(name, weights=weights, progress=False))
    return Segmenter(name, net), tuple(weights.meta["categories"]), int(weights.transforms().resize_size[0])


def _refuse(name: str, pretrained: str | None, aux: bool) -> None:
    if pretrained is not None:
        message = f"{name} has no published weights; expected one of torchvision's models with pretrained"
        raise UsageError(message, hint=f"leave pretrained out, or choose one of: {', '.join(TORCHVISION)}")
    if aux:
        _refuse_aux(name)


def _refuse_aux(name: str) -> None:
    message = f"{name} has no auxiliary head"
    raise UsageError(message, hint="leave aux_weight at 0, or choose one of torchvision's FCN and DeepLabV3")


def _downloading(build: Callable[[], nn.Module]) -> nn.Module:
    try:
        return build()
    except (OSError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "invalid hash" not in str(error):  # torch.hub: a broken download
            raise
        reason = getattr(error, "reason", None) or error
        cache = Path(torch.hub.get_dir()) / "checkpoints"
        message = f"the published weights cannot be fetched: {reason}"
        raise EnvironmentFailure(message, hint=f"go online once, or put the file into {cache}") from error

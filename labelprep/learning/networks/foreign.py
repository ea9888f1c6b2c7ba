"""Models of other people: segmentation_models.pytorch by name, and any function that makes a `torch.nn.Module`."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from labelprep.errors import EnvironmentFailure, UsageError
from labelprep.learning.networks.segmenter import Segmenter

SMP = "smp:"
POOLED = ("DeepLabV3", "DeepLabV3Plus", "PAN", "PSPNet", "UPerNet")  # normalise one value a channel and image
SIDE = 64  # pixels of the image that a model is tried on


def smp_model(name: str, classes: int, pretrained: str | None) -> Segmenter:
    """`smp:ARCHITECTURE/ENCODER` of segmentation_models.pytorch; timm's encoders have names with `tu-` before them.

    Raises:
        UsageError: for an architecture or encoder that it does not have.
        EnvironmentFailure: where it is not installed, or published weights cannot be fetched.
    """
    try:
        import segmentation_models_pytorch as smp
    except ImportError as error:
        message = f"{name} needs segmentation_models.pytorch: {error}"
        raise EnvironmentFailure(message, hint="python -m pip install segmentation-models-pytorch") from error
    architecture, _, encoder = name.removeprefix(SMP).partition("/")
    weights = "imagenet" if pretrained == "DEFAULT" else pretrained
    try:
        net = smp.create_model(architecture, encoder, encoder_weights=weights, in_channels=3, classes=classes)
    except (KeyError, ValueError) as error:
        message = f"segmentation_models.pytorch has no {name.removeprefix(SMP)!r}: {_line(error)}"
        raise UsageError(message, hint="smp:ARCHITECTURE/ENCODER, such as smp:Unet/resnet18") from error
    except (OSError, RuntimeError) as error:
        message = f"the published weights of {encoder} cannot be fetched: {_line(error)}"
        raise EnvironmentFailure(message, hint="go online once, or leave --pretrained out") from error
    return Segmenter(name, net, multiple=32, least_batch=2 if architecture in POOLED else 1)


def own_model(name: str, classes: int, pretrained: str | None) -> Segmenter:
    """What the function of `package.module:function` makes of the number of classes, tried on one image.

    The network takes images (B, 3, H, W) float and gives logits (B, C, H, W), or a dict with them under `out` and, by
    choice, those of an auxiliary head under `aux`.

    Raises:
        UsageError: where there is no such function, or its result does something else.
    """
    if pretrained is not None:
        message = f"{name} loads its own weights, not {pretrained!r}"
        raise UsageError(message, hint="leave --pretrained out")
    net = _function(name)(classes)
    if not isinstance(net, nn.Module):
        message = f"{name} gave {type(net).__name__}, expected a torch.nn.Module"
        raise UsageError(message, hint="a function of the number of classes")
    model = Segmenter(name, net)
    _try(model, classes)
    return model


def _function(name: str) -> Callable[[int], Any]:
    module, _, function = name.partition(":")
    try:
        found: Callable[[int], Any] = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        message = f"model {name}: {error}"
        raise UsageError(message, hint="its folder has to be on PYTHONPATH") from error
    return found


def _try(model: Segmenter, classes: int) -> None:
    wanted = (1, classes, SIDE, SIDE)
    training = model.training
    try:
        with torch.inference_mode():
            shapes = [tuple(logits.shape) for logits in model.eval().outputs(torch.zeros(1, 3, SIDE, SIDE))]
    except Exception as error:  # whatever a stranger's code raises
        message = f"{model.name} fails on an image of {SIDE} x {SIDE}: {_line(error)}"
        raise UsageError(message, hint="expected (B, 3, H, W) float in, logits (B, C, H, W) out") from error
    finally:
        model.train(training)
    if not shapes or any(shape != wanted for shape in shapes):
        message = f"{model.name} gives {shapes or 'nothing'} for one image of {SIDE} x {SIDE}, expected {wanted}"
        raise UsageError(message, hint="logits have a channel per class and the size of the image")


def _line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__

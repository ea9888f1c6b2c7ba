"""Models by name: torchvision's segmentation families, a small U-Net, and the one-convolution baseline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision import models as tv

from labelprep.errors import EnvironmentFailure, UsageError

TORCHVISION = (
    "deeplabv3_mobilenet_v3_large",
    "deeplabv3_resnet101",
    "deeplabv3_resnet50",
    "fcn_resnet101",
    "fcn_resnet50",
    "lraspp_mobilenet_v3_large",
)


BATCHNORM_MOMENTUM = 0.1  # torch's default


class Segmenter(nn.Module):
    """A network behind one face: images in, logits of the same height and width out.

    Attributes:
        name: its name in `MODELS`.
        net: the network.
        multiple: height and width are padded at the right and bottom to multiples of it, and logits cut back.
        least_batch: least number of images in a training step that its batch normalisation can take.
    """

    def __init__(self, name: str, net: nn.Module, *, multiple: int = 1, least_batch: int = 1) -> None:
        super().__init__()
        self.name = name
        self.net = net
        self.multiple = multiple
        self.least_batch = least_batch

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, C, H, W) float of normalised RGB images (B, 3, H, W) float."""
        height, width = images.shape[-2:]
        below, right = -height % self.multiple, -width % self.multiple
        if below or right:
            images = functional.pad(images, (0, right, 0, below), mode="replicate")
        out = self.net(images)
        logits: Tensor = out["out"] if isinstance(out, dict) else out
        return logits[..., :height, :width]

    def parameter_count(self) -> int:
        """Number of trainable and frozen parameters."""
        return sum(p.numel() for p in self.parameters())


class SmallUNet(nn.Module):
    """A U-Net of four levels (Ronneberger et al. 2015) with group normalisation; height and width divide by 8.

    Group normalisation works alike for batches of any size, one included.
    """

    def __init__(self, classes: int, width: int = 16) -> None:
        super().__init__()
        widths = [width << level for level in range(4)]
        self.down = nn.ModuleList(_block(a, b) for a, b in zip([3, *widths], widths, strict=False))
        self.up = nn.ModuleList(nn.ConvTranspose2d(2 * w, w, 2, stride=2) for w in reversed(widths[:-1]))
        self.merge = nn.ModuleList(_block(2 * w, w) for w in reversed(widths[:-1]))
        self.head = nn.Conv2d(width, classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, C, H, W) of images (B, 3, H, W)."""
        x, skips = images, []
        for level, block in enumerate(self.down):
            x = block(functional.max_pool2d(x, 2) if level else x)
            skips.append(x)
        skips.pop()
        for up, merge in zip(self.up, self.merge, strict=True):
            x = merge(torch.cat([skips.pop(), up(x)], 1))
        return cast(Tensor, self.head(x))


def _block(inputs: int, outputs: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels in (inputs, outputs):
        layers += [nn.Conv2d(channels, outputs, 3, padding=1, bias=False), nn.GroupNorm(8, outputs), nn.ReLU()]
    return nn.Sequential(*layers)


def _unet_small(name: str, classes: int, pretrained: bool) -> Segmenter:
    _refuse_pretrained(name, pretrained)
    return Segmenter(name, SmallUNet(classes), multiple=8)


def _single_conv(name: str, classes: int, pretrained: bool) -> Segmenter:
    _refuse_pretrained(name, pretrained)
    return Segmenter(name, nn.Sequential(nn.Conv2d(3, classes, 3, padding=1), nn.ReLU()))


def _torchvision(name: str, classes: int, pretrained: bool) -> Segmenter:
    backbone = "DEFAULT" if pretrained else None
    net = _downloading(
        lambda: tv.get_model(name, weights=None, weights_backbone=backbone, num_classes=classes, progress=False)
    )
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            # torchvision's MobileNetV3 has 0.01, made for long training: after 100 steps a third of the running
            # statistics would still be the initial ones, and validation would see another network than training.
            module.momentum = BATCHNORM_MOMENTUM
    # The image-pooling branch of DeepLabV3 normalises one value per channel and image: never a batch of one.
    return Segmenter(name, net, least_batch=2 if name.startswith("deeplabv3") else 1)


MODELS: Mapping[str, Callable[[str, int, bool], Segmenter]] = MappingProxyType(
    {"single_conv": _single_conv, "unet_small": _unet_small} | dict.fromkeys(TORCHVISION, _torchvision)
)


def create_model(name: str, classes: int, pretrained: bool = False) -> Segmenter:
    """A model with fresh weights, drawn from torch's global generator.

    Args:
        name: a name of `MODELS`.
        classes: number of classes, the channels of the logits.
        pretrained: start from torchvision's published backbone (ImageNet).

    Raises:
        UsageError: for an unknown name, listing those there are, or pretrained weights that do not exist.
        EnvironmentFailure: where the published weights cannot be fetched.
    """
    if name not in MODELS:
        message = f"no model named {name!r}; there are: {', '.join(sorted(MODELS))}"
        raise UsageError(message)
    return MODELS[name](name, classes, pretrained)


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


def _refuse_pretrained(name: str, pretrained: bool) -> None:
    if pretrained:
        message = f"{name} has no published weights; expected one of torchvision's models with pretrained"
        raise UsageError(message, hint=f"leave pretrained out, or choose one of: {', '.join(TORCHVISION)}")


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

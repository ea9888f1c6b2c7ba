"""The optimizer and its groups of parameters: backbone and head, each with a rate of its own."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from labelprep.errors import UsageError
from labelprep.learning.networks.segmenter import Segmenter
from labelprep.learning.options import TrainOptions

BACKBONES = ("net.backbone.", "net.encoder.")  # torchvision's and segmentation_models.pytorch's names


def make_optimizer(model: Segmenter, options: TrainOptions) -> torch.optim.Optimizer:
    """Adam, AdamW or SGD over all parameters.

    Raises:
        UsageError: for another name, or a rate for a backbone that the model does not have.
    """
    groups = parameter_groups(model, options)
    shared: dict[str, Any] = {"lr": options.lr, "weight_decay": options.weight_decay}
    if options.optimizer == "adam":
        return torch.optim.Adam(groups, **shared)
    if options.optimizer == "adamw":
        return torch.optim.AdamW(groups, **shared)
    if options.optimizer == "sgd":
        return torch.optim.SGD(groups, momentum=options.momentum, **shared)
    message = f"optimizer must be adam, adamw or sgd, but is {options.optimizer!r}"
    raise UsageError(message)


def parameter_groups(model: Segmenter, options: TrainOptions) -> list[dict[str, Any]]:
    """Head and, with `lr_backbone`, backbone; every trainable parameter is in one of them.

    Raises:
        UsageError: where there is no backbone.
    """
    trainable = [(name, value) for name, value in model.named_parameters() if value.requires_grad]
    if options.lr_backbone is None:
        return [{"params": [value for _, value in trainable]}]
    backbone: list[nn.Parameter] = [value for name, value in trainable if name.startswith(BACKBONES)]
    if not backbone:
        message = f"{model.name} has no part named backbone or encoder, so no rate of its own for it"
        raise UsageError(message, hint="leave --lr-backbone out")
    head = [value for name, value in trainable if not name.startswith(BACKBONES)]
    return [{"params": head}, {"params": backbone, "lr": options.lr_backbone}]

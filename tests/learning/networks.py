"""Networks as somebody else would bring them: `tests.learning.networks:FUNCTION`."""

import torch
from torch import nn


def noisy(classes):
    """Batch normalisation and dropout: buffers, and a draw in every step."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout2d(0.3), nn.Conv2d(8, classes, 1)
    )


class TwoHeads(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.backbone = nn.Conv2d(3, 4, 3, padding=1)
        self.head = nn.Conv2d(4, classes, 1)
        self.extra = nn.Conv2d(4, classes, 1)

    def forward(self, images):
        x = torch.relu(self.backbone(images))
        return {"out": self.head(x), "aux": self.extra(x)}


def two_heads(classes):
    return TwoHeads(classes)


def smaller(classes):
    return nn.Conv2d(3, classes, 3, stride=2)


def no_module(classes):
    return classes


def failing(classes):
    return nn.Conv2d(4, classes, 1)

"""Sliding windows and test-time augmentation: averages of class probabilities, a band of rows at a time.

An image of any height takes the memory of one row of windows, 4 (C + 1) times window height times width bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as v2f

from labelprep.learning.evaluation.full_size import at_size

SPREAD = 1 / 8  # standard deviation of the blending weights, in windows

Network = Callable[[Tensor], Tensor]  # image (3, h, w) uint8 -> logits (C, h, w)


@dataclass(frozen=True)
class Views:
    """The ways in which one crop is looked at.

    Attributes:
        scales: factors of height and width.
        flip: each scale also mirrored left to right.
    """

    scales: tuple[float, ...] = (1.0,)
    flip: bool = False

    @classmethod
    def of(cls, words: Sequence[str]) -> Views:
        """From words such as `flip`, `0.75`, `1.25`; the crop as it is comes first always.

        >>> Views.of(["flip", "0.75"])
        Views(scales=(1.0, 0.75), flip=True)
        """
        scales = dict.fromkeys([1.0, *(float(word) for word in words if word != "flip")])
        return cls(tuple(scales), "flip" in words)


PLAIN = Views()


def probabilities(network: Network, image: Tensor, views: Views) -> Tensor:
    """Mean class probabilities over the views of one crop, (C, h, w), at least float32.

    Each view's probabilities are brought back to the crop's size, bilinear, before they are averaged.
    """
    size = image.shape[1:]
    total: Tensor | None = None
    for scale in views.scales:
        wanted = [max(1, round(scale * side)) for side in size]
        seen = image if scale == 1 else v2f.resize(image, wanted, antialias=True)
        for mirrored in (False, True) if views.flip else (False,):
            logits = network(seen.flip(-1) if mirrored else seen)
            one = torch.softmax(logits.to(torch.promote_types(logits.dtype, torch.float32)), 0)
            one = at_size((one.flip(-1) if mirrored else one)[None], size)[0]
            total = one if total is None else total + one
    if total is None:
        message = "views must hold a scale, but hold none"
        raise ValueError(message)
    return total / (len(views.scales) * (1 + views.flip))


def places(side: int, window: int, stride: int) -> tuple[int, ...]:
    """Where windows begin along one side so that they cover it: every `stride`, the last one flush with the end.

    >>> places(10, 4, 3), places(11, 4, 3), places(3, 4, 3)
    ((0, 3, 6), (0, 3, 6, 7), (0,))
    """
    last = max(0, side - window)
    return tuple(dict.fromkeys([*range(0, last, stride), last]))


def blending(length: int) -> Tensor:
    """Weights (length,) of the pixels of a window along one side: a Gaussian around its middle, positive throughout."""
    offset = torch.arange(length, dtype=torch.float64) - (length - 1) / 2
    return torch.exp(-0.5 * (offset / (SPREAD * length)) ** 2).float()


def bands(network: Network, image: Tensor, views: Views, window: int, stride: int) -> Iterator[tuple[int, Tensor]]:
    """Class probabilities of a whole image from overlapping windows, weighted by `blending`.

    Args:
        network: gives the logits of a crop.
        image: (3, H, W) uint8.
        views: of every window.
        window: side of the windows; an image that is smaller is one window.
        stride: from one window to the next, at most `window`.

    Yields:
        First row and probabilities (C, rows, W) of bands that cover the image from the top.

    Raises:
        ValueError: for a stride that leaves gaps.
    """
    if not 1 <= stride <= window:
        message = f"stride must lie in 1..{window}, the window, but is {stride}"
        raise ValueError(message)
    height, width = image.shape[1:]
    high, wide = min(window, height), min(window, width)
    rows, columns = places(height, high, stride), places(width, wide, stride)
    total = weight = torch.empty(0)
    for top, below in zip(rows, [*rows[1:], height], strict=True):
        for left in columns:
            crop = image[:, top : top + high, left : left + wide]
            one = probabilities(network, crop, views)
            if not total.numel():
                mask = blending(high)[:, None].to(one.device) * blending(wide).to(one.device)
                total, weight = one.new_zeros(len(one), high, width), one.new_zeros(high, width)
            total[:, :, left : left + wide] += one * mask
            weight[:, left : left + wide] += mask
        done = below - top
        yield top, total[:, :done] / weight[:done]
        total = torch.cat([total[:, done:], torch.zeros_like(total[:, :done])], 1)
        weight = torch.cat([weight[done:], torch.zeros_like(weight[:done])])

"""Rare classes seen more often: images and crops drawn towards them, as an alternative to class weights.

The factor of a class is max(1, sqrt(t / f_c)) with f_c its share of the valid training pixels and t the share below
which it counts as rare: the repeat factor of Gupta, Dollár and Girshick 2019 (arXiv 1908.03195), with shares of pixels
from the manifest in place of shares of images. An image is drawn, with replacement, in proportion to the largest factor
among its classes; a crop is laid around a pixel of a class drawn in proportion to the factors of those in the mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from labelprep.learning.options import Size


def class_factors(pixels: NDArray[np.int64], share: float) -> NDArray[np.float64]:
    """How much more often each class should be seen, (C,); 1 for classes that are not rare, or absent.

    Args:
        pixels: (C,) valid pixels of the training split.
        share: t, above 0.

    >>> class_factors(np.array([9899, 100, 1, 0]), 0.01).tolist()
    [1.0, 1.0, 10.0, 1.0]
    """
    factors = np.ones(len(pixels))
    present = pixels > 0
    factors[present] = np.maximum(1, np.sqrt(share * pixels.sum() / pixels[present]))
    return factors


def image_factors(pixels: Sequence[Sequence[int]], factors: NDArray[np.float64]) -> Tensor:
    """The largest factor among the classes of each image, (N,) float64; 1 for an image without a valid pixel."""
    held = np.array(pixels, np.int64).reshape(len(pixels), -1) > 0
    return torch.from_numpy(np.where(held, factors, 1.0).max(axis=1, initial=1.0))


@dataclass(frozen=True)
class RareCrop:
    """A crop around a pixel of a class that is drawn by its factor; draws from torch's global generator.

    Attributes:
        size: (H, W) of the crop; where the image is smaller, it is kept whole along that side.
        factors: factor of each class.
    """

    size: Size
    factors: tuple[float, ...]

    def __call__(self, image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """The same window of image (3, H, W) and mask (H, W)."""
        classes = len(self.factors)
        flat = mask.reshape(-1).to(torch.int64)
        held = torch.bincount(flat[flat < classes], minlength=classes) > 0
        if not bool(held.any()):
            return image, mask
        chosen = int(torch.multinomial(torch.tensor(self.factors) * held, 1))
        places = (flat == chosen).nonzero()
        place = int(places[torch.randint(len(places), ())])
        y, x = divmod(place, mask.shape[1])
        top, left = _start(y, mask.shape[0], self.size[0]), _start(x, mask.shape[1], self.size[1])
        window = (slice(top, top + self.size[0]), slice(left, left + self.size[1]))
        return image[(slice(None), *window)], mask[window]


def _start(at: int, length: int, wanted: int) -> int:
    """Where a window that holds `at` starts, drawn evenly and kept inside."""
    drawn = at - int(torch.randint(wanted, ()))
    return min(max(drawn, 0), max(0, length - wanted))

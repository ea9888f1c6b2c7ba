"""Image and mask pairs as a network gets them: augmented together, or whole.

Augmentation draws from a generator seeded by (seed, epoch, sample), so that it is the same for any number of
loading processes. Images travel as uint8 and become floats on the device (`normalized`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as v2f

from labelprep.errors import LabelprepError
from labelprep.learning.data.packed import Packed
from labelprep.learning.data.reading import Pair, read_pair
from labelprep.learning.data.sampling import RareCrop
from labelprep.learning.options import Size

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
MEAN_COLOR = tuple(round(255 * value) for value in IMAGENET_MEAN)  # pads images; close to 0 once normalised


def normalized(images: Tensor) -> Tensor:
    """Images (..., 3, H, W) uint8 RGB as float32, scaled to 0..1 and normalised by ImageNet's mean and deviation."""
    scaled = v2f.to_dtype(images, torch.float32, scale=True)
    out: Tensor = v2f.normalize(scaled, list(IMAGENET_MEAN), list(IMAGENET_STD))
    return out


def augmentation(*, resize: Size | None, crop: Size | None, flip: bool, ignore_index: int) -> v2.Transform:
    """What image and mask go through together while training: resize, random crop, random horizontal flip.

    Masks are resized with nearest interpolation; where a crop reaches beyond them, they are ignored.
    """
    steps: list[v2.Transform] = [v2.Identity()]
    if resize is not None:
        steps.append(v2.Resize(list(resize), antialias=True))
    if crop is not None:
        fill = {tv_tensors.Image: list(MEAN_COLOR), tv_tensors.Mask: ignore_index}
        steps.append(v2.RandomCrop(list(crop), pad_if_needed=True, fill=fill))
    if flip:
        steps.append(v2.RandomHorizontalFlip())
    return v2.Compose(steps)


def resized(image: Tensor, mask: Tensor, size: Size) -> tuple[Tensor, Tensor]:
    """Image (3, H, W) and mask (H, W) at another size, bilinear and antialiased, and nearest."""
    image, mask = v2.Resize(list(size), antialias=True)(tv_tensors.Image(image), tv_tensors.Mask(mask))
    return image.as_subclass(Tensor), mask.as_subclass(Tensor)


Item = tuple[Tensor, Tensor, int] | LabelprepError  # a fault travels as a value: processes would garble it


class TrainData(Dataset[Item]):
    """Augmented pairs; an item is asked for by (epoch, index).

    Attributes:
        pairs: the pairs.
        packed: the same, read and resized before; None: they are read from their files.
        towards: what cuts a crop out before the augmentation, drawing from torch's generator.
    """

    def __init__(
        self,
        chosen: Sequence[Pair],
        augment: v2.Transform,
        *,
        seed: int,
        exif_rotate: bool = False,
        resize: Size | None = None,
        towards: RareCrop | None = None,
    ) -> None:
        self.pairs = tuple(chosen)
        self.augment = augment
        self.seed = seed
        self.exif_rotate = exif_rotate
        self.resize = resize
        self.towards = towards
        self.packed: Packed | None = None

    def __len__(self) -> int:
        return len(self.pairs)

    def read(self, index: int) -> tuple[Tensor, Tensor]:
        """Image (3, H, W) uint8 and mask (H, W), read and resized.

        Raises:
            LabelprepError: where they cannot be read.
        """
        if self.packed is not None:
            return self.packed[index]
        image, mask = read_pair(self.pairs[index], exif_rotate=self.exif_rotate)
        return (image, mask) if self.resize is None else resized(image, mask, self.resize)

    def __getitem__(self, draw: tuple[int, int]) -> Item:
        """Image (3, H, W) uint8, mask (H, W) and index; or the error that kept them from being read."""
        epoch, index = draw
        try:
            image, mask = self.read(index)
        except LabelprepError as error:
            return error
        with _seeded(self.seed, epoch, index):
            if self.towards is not None:
                image, mask = self.towards(image, mask)
            image, mask = self.augment(tv_tensors.Image(image), tv_tensors.Mask(mask))
        return image.as_subclass(Tensor), mask.as_subclass(Tensor), index


@dataclass(frozen=True)
class Fit:
    """The size at which a model sees an image: as it is, a fixed size, or a fixed shorter side.

    Attributes:
        size: (H, W), or None.
        short_side: length of the shorter side, or None.
    """

    size: Size | None = None
    short_side: int | None = None

    def __call__(self, size: Size) -> Size:
        """The size (H, W) for an image of that size.

        >>> Fit(short_side=520)((1040, 2080)), Fit(size=(8, 9))((4, 4)), Fit()((3, 5))
        ((520, 1040), (8, 9), (3, 5))
        """
        if self.short_side is None:
            return self.size or size
        short = min(size)
        height, width = (int(self.short_side * side / short) for side in size)
        return height, width

    def apply(self, image: Tensor) -> Tensor:
        """The image (3, H, W) uint8 at that size, antialiased."""
        size = self((image.shape[1], image.shape[2]))
        return image if size == image.shape[1:] else v2f.resize(image, list(size), antialias=True)


class WholeData(Dataset[Item]):
    """Whole images at the model's size, with masks of their own size.

    Attributes:
        pairs: the pairs.
        packed: the same, read and resized before; None: they are read from their files.
    """

    def __init__(self, chosen: Sequence[Pair], fit: Fit, *, exif_rotate: bool = False) -> None:
        self.pairs = tuple(chosen)
        self.fit = fit
        self.exif_rotate = exif_rotate
        self.packed: Packed | None = None

    def __len__(self) -> int:
        return len(self.pairs)

    def read(self, index: int) -> tuple[Tensor, Tensor]:
        """Image (3, h, w) uint8 and mask (H, W).

        Raises:
            LabelprepError: where they cannot be read.
        """
        if self.packed is not None:
            return self.packed[index]
        image, mask = read_pair(self.pairs[index], exif_rotate=self.exif_rotate)
        return self.fit.apply(image), mask

    def __getitem__(self, index: int) -> Item:
        """Image (3, h, w) uint8, mask (H, W) and index; or the error that kept them from being read."""
        try:
            return *self.read(index), index
        except LabelprepError as error:
            return error


@contextmanager
def _seeded(*numbers: int) -> Iterator[None]:
    """Within it, torch's CPU generator is seeded by some whole numbers; afterwards it goes on as before."""
    seed = int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0])
    state = torch.get_rng_state()
    torch.default_generator.manual_seed(seed & (2**63 - 1))
    try:
        yield
    finally:
        torch.set_rng_state(state)

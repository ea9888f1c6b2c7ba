"""Batches of samples, shuffled by seed and epoch, loaded in this process or in others."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Sampler

from labelprep.errors import LabelprepError, UsageError
from labelprep.learning.data import Item, Pair, TrainData, WholeData
from labelprep.learning.options import TrainOptions


@dataclass(frozen=True)
class Batch:
    """Some samples of a split.

    Attributes:
        images: (B, 3, H, W) uint8 RGB.
        masks: B masks of ids; (H, W) like the images while training, else of the masks' own sizes.
        indices: their places in the data's `pairs`.
    """

    images: Tensor
    masks: tuple[Tensor, ...]
    indices: tuple[int, ...]

    def pin_memory(self) -> Batch:
        """The same in page-locked memory, from where it is copied to a GPU without waiting."""
        return Batch(self.images.pin_memory(), tuple(mask.pin_memory() for mask in self.masks), self.indices)


class Draws(Sampler[tuple[int, int]]):
    """(epoch, index) of the samples of one epoch in the order of its shuffle, the same for the same seed.

    A last batch of a single image is left out where there are others: batch normalisation cannot take it.

    Attributes:
        epoch: set before each pass.
    """

    def __init__(self, samples: int, *, batch_size: int, seed: int) -> None:
        alone = samples > batch_size > 1 and samples % batch_size == 1
        self.samples = samples
        self.kept = samples - alone
        self.seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        return self.kept

    def __iter__(self) -> Iterator[tuple[int, int]]:
        generator = torch.Generator().manual_seed((self.seed << 32) + self.epoch & (2**63 - 1))
        order: list[int] = torch.randperm(self.samples, generator=generator).tolist()
        return ((self.epoch, index) for index in order[: self.kept])


Loader = DataLoader[Any]


def train_loader(data: TrainData, options: TrainOptions, device: torch.device) -> tuple[Loader, Draws]:
    """Shuffled batches of equal sizes, and the sampler whose `epoch` is set before each pass.

    Raises:
        UsageError: where images of different sizes would meet in a batch.
    """
    refuse_mixed_sizes(data.pairs, options)
    draws = Draws(len(data), batch_size=options.batch_size, seed=options.seed)
    return _loader(data, options.batch_size, options.workers, device, draws), draws


def whole_loader(data: WholeData, *, batch_size: int, workers: int, device: torch.device) -> Loader:
    """Batches in plan order; one image a batch where their sizes differ."""
    sizes = {data.fit(pair.size) for pair in data.pairs}
    return _loader(data, batch_size if len(sizes) == 1 else 1, workers, device, None)


def refuse_mixed_sizes(chosen: Sequence[Pair], options: TrainOptions) -> None:
    """Refuses images of different sizes in a batch before training starts.

    Raises:
        UsageError: saying which options help.
    """
    sizes = sorted({pair.size for pair in chosen})
    if len(sizes) > 1 and options.batch_size > 1 and options.resize is None and options.crop is None:
        some = ", ".join(f"{height}x{width}" for height, width in sizes[:3])
        message = f"images of {len(sizes)} sizes (height x width: {some}, …) do not fit one batch"
        raise UsageError(message, hint="give --resize H W, --crop H W or --batch-size 1")


def batches(loader: Loader) -> Iterator[Batch]:
    """The batches of one pass.

    Raises:
        UsageError: where an image or mask cannot be read.
    """
    for batch in loader:
        if isinstance(batch, LabelprepError):
            raise batch
        yield batch


def collate(items: Sequence[Item]) -> Batch | LabelprepError:
    """A batch of items, or the first error among them."""
    images, masks, indices = [], [], []
    for item in items:
        if isinstance(item, LabelprepError):
            return item
        images.append(item[0])
        masks.append(item[1])
        indices.append(item[2])
    return Batch(torch.stack(images), tuple(masks), tuple(indices))


def _loader(
    data: TrainData | WholeData, batch_size: int, workers: int, device: torch.device, sampler: Draws | None
) -> Loader:
    # Not fork: this process has threads (torch's own, the progress bar's) that a fork can catch holding a lock.
    method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    return DataLoader(
        data,
        batch_size=batch_size,
        sampler=sampler,
        num_workers=workers,
        collate_fn=collate,
        pin_memory=device.type == "cuda",
        multiprocessing_context=method if workers else None,
        persistent_workers=workers > 0,
        generator=torch.Generator().manual_seed(0),
    )

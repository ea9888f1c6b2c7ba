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
from labelprep.learning.data.reading import Pair
from labelprep.learning.data.train_data import Item, TrainData, WholeData
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

    Several processes take turns along one order; each gets as many samples, so that a rest smaller than their number is
    left out, another one in each epoch. A last batch of a single image is left out where there are others: batch
    normalisation cannot take it.

    Attributes:
        epoch: set before each pass.
        skipped: samples at the front that are left out, of a pass that goes on where it was stopped.
        fixed: the same draw in every epoch.
    """

    def __init__(
        self,
        samples: int,
        *,
        batch_size: int,
        seed: int,
        rank: int = 0,
        world: int = 1,
        factors: Tensor | None = None,
        fixed: bool = False,
    ) -> None:
        share = samples // world
        alone = share > batch_size > 1 and share % batch_size == 1
        self.samples = samples
        self.kept = share - alone
        self.seed = seed
        self.rank, self.world = rank, world
        self.factors = factors
        self.fixed = fixed
        self.epoch = self.skipped = 0

    def __len__(self) -> int:
        return self.kept - self.skipped

    def __iter__(self) -> Iterator[tuple[int, int]]:
        epoch = 1 if self.fixed else self.epoch
        order = self._order(epoch)[self.rank :: self.world]
        return ((epoch, index) for index in order[self.skipped : self.kept])

    def _order(self, epoch: int) -> list[int]:
        generator = torch.Generator().manual_seed((self.seed << 32) + epoch & (2**63 - 1))
        if self.factors is not None:
            drawn = torch.multinomial(self.factors, self.samples, replacement=True, generator=generator)
        else:
            drawn = torch.randperm(self.samples, generator=generator)
        order: list[int] = drawn.tolist()
        return order


Loader = DataLoader[Any]


def train_loader(
    data: TrainData,
    options: TrainOptions,
    device: torch.device,
    *,
    rank: int = 0,
    world: int = 1,
    factors: Tensor | None = None,
) -> tuple[Loader, Draws]:
    """Shuffled batches of equal sizes, and the sampler whose `epoch` is set before each pass.

    Args:
        data: the pairs.
        options: batch size, seed and workers.
        device: where the batches go.
        rank: number of this process.
        world: number of processes.
        factors: (N,) draw images in proportion to them, with replacement.

    Raises:
        UsageError: where images of different sizes would meet in a batch, or there are fewer than processes.
    """
    refuse_mixed_sizes(data.pairs, options)
    if len(data) < world:
        message = f"{len(data)} training images for {world} processes"
        raise UsageError(message, hint="start fewer processes")
    draws = Draws(
        len(data),
        batch_size=options.batch_size,
        seed=options.seed,
        rank=rank,
        world=world,
        factors=factors,
        fixed=options.overfit_one_batch,
    )
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
    return DataLoader(
        data,
        batch_size=batch_size,
        sampler=sampler,
        num_workers=workers,
        collate_fn=collate,
        pin_memory=device.type == "cuda",
        multiprocessing_context=start_method() if workers else None,
        persistent_workers=workers > 0,
        generator=torch.Generator().manual_seed(0),
    )


def start_method() -> str:
    """How loading processes start. Not fork: a fork can catch a thread (torch's, the bar's) holding a lock."""
    return "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"

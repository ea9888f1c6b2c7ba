"""The data of a run: which pairs, in which order, packed or from their files, and how long one waits for them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from torch.utils.data import DataLoader, Dataset

from labelprep.errors import LabelprepError
from labelprep.learning.data.batches import Batch, Loader, batches, start_method, train_loader, whole_loader
from labelprep.learning.data.packed import Arrays, Packed, fingerprint
from labelprep.learning.data.reading import pairs
from labelprep.learning.data.sampling import RareCrop, class_factors, image_factors
from labelprep.learning.data.train_data import Fit, TrainData, WholeData, augmentation
from labelprep.learning.distributed import Group
from labelprep.learning.options import TrainOptions
from labelprep.learning.progress import Progress
from labelprep.prepared import Prepared


class Feed:
    """The pairs of training and validation, and their loaders.

    Attributes:
        train_pairs: the pairs trained on.
        val_pairs: the pairs of the validation split; this process validates every `world`-th of them.
        exif_rotate: images are turned by their EXIF orientation, as convert judged them.
        draws: the order of the training pairs.
        batches: number of batches in an epoch, of this process.
    """

    def __init__(self, prepared: Prepared, options: TrainOptions, group: Group) -> None:
        self.options, self.group = options, group
        self.exif_rotate = bool(prepared.info["options"].get("exif_rotate", False))
        self.train_pairs = pairs(prepared, options.train_split, options.images)
        self.val_pairs = pairs(prepared, options.val_split, options.images)
        if options.overfit_one_batch:
            self.train_pairs = self.val_pairs = self.train_pairs[: options.batch_size * group.world]
        self.identity = prepared.identity
        self._train(prepared)
        self._held_out()
        self.batches = len(self.train_data)

    def _train(self, prepared: Prepared) -> None:
        options, towards, factors = self.options, None, None
        if options.sampling == "rare":
            of_classes = class_factors(prepared.counts(options.train_split).pixels, options.rare_share)
            factors = image_factors([pair.pixels for pair in self.train_pairs], of_classes)
            if options.crop is not None:
                towards = RareCrop(options.crop, tuple(of_classes.tolist()))
        self.train_set = TrainData(
            self.train_pairs,
            augmentation(resize=None, crop=options.crop, flip=options.flip, ignore_index=prepared.table.ignore_index),
            seed=options.seed,
            exif_rotate=self.exif_rotate,
            resize=options.resize,
            towards=towards,
        )
        group = self.group
        self.train_data, self.draws = train_loader(
            self.train_set, options, group.device, rank=group.rank, world=group.world, factors=factors
        )

    def _held_out(self) -> None:
        options, group = self.options, self.group
        mine = self.val_pairs[group.rank :: group.world]
        self.val_set = WholeData(mine, Fit(size=options.resize), exif_rotate=self.exif_rotate)
        self.val_data = whole_loader(
            self.val_set, batch_size=options.batch_size, workers=options.workers, device=group.device
        )

    def train_pass(self, epoch: int, done: int) -> Iterator[tuple[Batch, float]]:
        """The batches of an epoch behind the first `done`, each with the seconds that it was waited for."""
        self.draws.epoch, self.draws.skipped = epoch, min(done * self.options.batch_size, self.draws.kept)
        try:
            waiting = batches(self.train_data)
            while True:
                start = time.perf_counter()
                batch = next(waiting, None)
                if batch is None:
                    return
                yield batch, time.perf_counter() - start
        finally:
            self.draws.skipped = 0

    def pack(self, progress: Progress) -> None:
        """Reads all pairs into the cache, or finds them there; each process packs what it validates itself.

        Raises:
            LabelprepError: where a pair cannot be read.
            EnvironmentFailure: disk full, no permission.
        """
        folder = self.options.cache
        if folder is None:
            return
        facts = (self.identity, self.exif_rotate, self.options.resize)
        for what, data, alone in (("train", self.train_set, True), ("val", self.val_set, False)):
            paths = [(pair.image, pair.mask) for pair in data.pairs]
            name = f"{what}-{fingerprint(paths, what, *facts)[:32]}"
            if not alone or self.group.leads:
                data.packed = Packed.find(folder, name) or self._write(name, data, f"packing {what}", progress)
            self.group.any(False)  # the others wait until it is there
            data.packed = data.packed or Packed.find(folder, name)

    def _write(self, name: str, data: TrainData | WholeData, what: str, progress: Progress) -> Packed:
        items = DataLoader(
            _Reading(data.read, len(data)),
            batch_size=None,
            num_workers=self.options.workers,
            multiprocessing_context=start_method() if self.options.workers else None,
        )
        done = 0

        def tell() -> None:
            nonlocal done
            done += 1
            progress(what, done, len(data))

        if self.options.cache is None:
            message = "no folder for the cache"
            raise ValueError(message)
        return Packed.write(self.options.cache, name, _raising(items), on_item=tell)


@dataclass(frozen=True)
class _Reading(Dataset[Any]):
    """Pairs as they are read; a fault is a value on its way through processes."""

    read: Callable[[int], Arrays]
    length: int

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Arrays | LabelprepError:
        try:
            return self.read(index)
        except LabelprepError as error:
            return error


def _raising(items: Loader) -> Iterator[Arrays]:
    for item in items:
        if isinstance(item, LabelprepError):
            raise item
        image, mask = item
        yield image, mask

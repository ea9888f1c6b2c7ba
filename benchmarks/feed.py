"""How many training pairs a second the data side gives, part by part, without any network.

    python benchmarks/feed.py --data PREPARED [--crop 512 512] [--batch-size 8] [--workers 2] [--rounds 5]

PREPARED is a prepared folder whose images can be found. Parts are timed in processor time of one core, best of the
rounds, so that a busy machine tells nearly the same; whole loaders in wall time. Compare the last rows with what
`train` prints: where they are far above its images/s, the share of time spent waiting for data is small.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from PIL import Image

from labelprep.learning.data.batches import batches, train_loader
from labelprep.learning.data.packed import Packed
from labelprep.learning.data.reading import Pair, pairs, read_pair
from labelprep.learning.data.train_data import TrainData, augmentation, png_images
from labelprep.learning.options import TrainOptions
from labelprep.prepared import Prepared
from labelprep.steps.palette import read_ids

Read = Callable[[int], Any]


def pillow_rgb(data: bytes) -> Any:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def pillow_mask(path: Path) -> Any:
    with Image.open(path) as image:
        return np.asarray(image)


def jpeg(data: bytes) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pillow_rgb(data)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def parts(chosen: tuple[Pair, ...], data: TrainData, packed: Packed) -> dict[str, Read]:
    """What is timed, by name: functions of the number of a pair."""
    files = [pair.image.read_bytes() for pair in chosen]
    jpegs = [jpeg(file) for file in files]
    found: dict[str, Read] = {"image, Pillow": lambda i: pillow_rgb(files[i])}
    if png_images.decode(files[0]) is not None:
        found["image, OpenCV, checksums compared"] = lambda i: png_images.decode(files[i])
    found |= {
        "the image as JPEG of quality 90, Pillow": lambda i: pillow_rgb(jpegs[i]),
        "mask, Pillow": lambda i: pillow_mask(chosen[i].mask),
        "mask, labelprep": lambda i: read_ids(chosen[i].mask),
        "pair, read and compared with the class table": lambda i: read_pair(chosen[i]),
        "pair, read, cropped, flipped": lambda i: augmented(data, None, i),
        "pair from the cache, cropped, flipped": lambda i: augmented(data, packed, i),
    }
    return found


def augmented(data: TrainData, packed: Packed | None, index: int) -> Any:
    data.packed = packed
    return data[1, index]


def per_second(read: Read, count: int, rounds: int) -> float:
    read(0)  # imports and compiled loops
    times = []
    for _ in range(rounds):
        start = time.process_time()
        for index in range(count):
            read(index)
        times.append(time.process_time() - start)
    return count / min(times)


def loaded_per_second(data: TrainData, options: TrainOptions, rounds: int) -> float:
    loader, draws = train_loader(data, options, torch.device("cpu"))
    times = []
    for epoch in range(rounds + 1):
        draws.epoch = epoch
        start = time.perf_counter()
        images = sum(len(batch.images) for batch in batches(loader))
        times.append((time.perf_counter() - start) / images)
    return 1 / min(times[1:])  # the first waited for the processes to start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--crop", type=int, nargs=2, default=(512, 512))
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    words = parser.parse_args()
    torch.set_num_threads(1)
    prepared = Prepared.open(words.data)
    chosen = pairs(prepared, None)
    crop = (words.crop[0], words.crop[1])
    augment = augmentation(resize=None, crop=crop, flip=True, ignore_index=prepared.table.ignore_index)
    data = TrainData(chosen, augment, seed=0)
    height, width = chosen[0].size
    print(f"{len(chosen)} pairs, the first of {width}x{height}, crops of {crop[1]}x{crop[0]}\n")
    print("| part | pairs/s of one core | ms |\n|---|---|---|")
    with TemporaryDirectory() as folder:
        packed = Packed.write(Path(folder), "pairs", map(data.read, range(len(chosen))), on_item=lambda: None)
        for name, read in parts(chosen, data, packed).items():
            speed = per_second(read, len(chosen), words.rounds)
            print(f"| {name} | {speed:.0f} | {1000 / speed:.2f} |", flush=True)
        print(f"\n| batches of {words.batch_size}, wall time | pairs/s |\n|---|---|")
        for what, cache in (("files", None), ("cache", packed)):
            for workers in (0, words.workers):
                data.packed = cache
                options = TrainOptions(batch_size=words.batch_size, crop=crop, workers=workers)
                speed = loaded_per_second(data, options, words.rounds)
                print(f"| {what}, {workers} workers | {speed:.0f} |", flush=True)


if __name__ == "__main__":
    main()

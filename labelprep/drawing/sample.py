"""A drawn dataset on disk, in the mirrored layout: `images/<split>/…` beside `masks/<split>/…`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from labelprep.drawing.classes import colors
from labelprep.drawing.scene import draw_scene


def write_sample(folder: Path | str, n_train: int, n_val: int, size: tuple[int, int], seed: int) -> tuple[str, ...]:
    """Draws scenes and writes image and RGB colour mask of each as PNG.

    A scene depends on the seed and its number alone, so a larger sample begins with the smaller one's scenes.

    Args:
        folder: gets `images/{train,val}/scene_0001.png` and `masks/{train,val}/scene_0001.png`; numbers run
            on from train to val. Files of these names are replaced.
        n_train: number of scenes under `train`.
        n_val: number of scenes under `val`.
        size: (height, width) in pixels.
        seed: a whole number from 0.

    Returns:
        The scenes' keys, such as `train/scene_0001`.

    Raises:
        OSError: where a file cannot be written.
    """
    keys = tuple(f"{'train' if n <= n_train else 'val'}/scene_{n:04d}" for n in range(1, n_train + n_val + 1))
    for key in keys:
        write_scene(Path(folder), key, size, seed)
    return keys


def write_scene(folder: Path, key: str, size: tuple[int, int], seed: int) -> None:
    """Draws one scene of a sample, image and mask; the arguments are those of `write_sample`.

    Raises:
        OSError: where a file cannot be written.
    """
    image, ids = draw_scene(np.random.default_rng([seed, int(key.rpartition("_")[2])]), size)
    for kind, pixels in (("images", image), ("masks", colors()[ids])):
        path = folder / kind / f"{key}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path, optimize=True)

"""The masks that are converted: CamSeq01, and drawn ones of other kinds."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

RGB = tuple[int, int, int]


@dataclass(frozen=True)
class Set:
    """One folder with masks/ and a class table, and what rivals need to know of it.

    Attributes:
        name: what it is called in the results.
        root: the folder.
        ids: id of every colour as a reader of colours sees it (gray ids are read as gray colours).
        palette: 768 bytes for the written masks.
        ignore: names of classes to ignore.
    """

    name: str
    root: Path
    ids: Mapping[RGB, int]
    palette: bytes
    ignore: tuple[str, ...] = ()

    @property
    def masks(self) -> list[Path]:
        return sorted((self.root / "masks").iterdir())


SHAPE = (1024, 2048)
CLASSES = 19
COLORS = [(37 * i % 251 + 4, 91 * i % 241 + 7, 53 * i % 239 + 11) for i in range(CLASSES)]


def drawn(seed: int) -> NDArray[np.uint8]:
    """Ids of a made-up street: bands, blocks and ellipses of 19 classes."""
    rng = np.random.default_rng(seed)
    height, width = SHAPE
    y, x = np.ogrid[:height, :width]
    edges = np.sort(rng.integers(0, height, 4))
    wavy = y + (20 * np.sin(x / rng.integers(40, 200))).astype(np.int64)
    ids = np.searchsorted(edges, wavy).astype(np.uint8)
    for _ in range(120):
        cy, cx = int(rng.integers(0, height)), int(rng.integers(0, width))
        h, w = (int(v) for v in rng.geometric(1 / 50, 2) + 4)
        window = np.s_[max(0, cy - h) : cy + h, max(0, cx - w) : cx + w]
        if rng.random() < 0.5:
            ids[window] = rng.integers(CLASSES)
        else:
            inside = ((y - cy) / h) ** 2 + ((x - cx) / w) ** 2 <= 1
            ids[window][inside[window]] = rng.integers(CLASSES)
    return ids


def noise(seed: int) -> NDArray[np.uint8]:
    """Ids without any order, the worst that a mask can hold."""
    return np.random.default_rng(seed).integers(0, CLASSES, SHAPE, np.uint8)


def _picture(ids: NDArray[np.uint8], kind: str) -> Image.Image:
    if kind == "gray":
        return Image.fromarray(ids)
    if kind == "palette":
        image = Image.fromarray(ids)
        image.putpalette(np.array(COLORS, np.uint8).tobytes())
        return image
    array = np.array(COLORS, np.uint8)[ids]
    if kind == "RGBA":
        array = np.dstack([array, np.full(ids.shape, 255, np.uint8)])
    return Image.fromarray(array)


def make(name: str, folder: Path, count: int) -> Set:
    """Draws a set: `drawn` and `noise` in RGB, or the drawn masks as `RGBA`, `palette` or `gray`."""
    root = folder / name
    (root / "masks").mkdir(parents=True)
    pixels: Callable[[int], NDArray[np.uint8]] = noise if name == "noise" else drawn
    for seed in range(count):
        _picture(pixels(seed), name).save(root / "masks" / f"{seed:03}.png")
    lines = [f"{r} {g} {b}\tclass{i}" for i, (r, g, b) in enumerate(COLORS)]
    (root / "label_colors.txt").write_text("\n".join(lines) + "\n")
    seen = [(i, i, i) for i in range(CLASSES)] if name == "gray" else COLORS
    palette = np.array(COLORS + [(0, 0, 0)] * (256 - CLASSES), np.uint8).tobytes()
    return Set(name, root, {color: i for i, color in enumerate(seen)}, palette)


def for_datumaro(this: Set, folder: Path) -> Path:
    """The same masks in the layout that Datumaro calls `common_semantic_segmentation`."""
    root = folder / f"{this.name}-datumaro"
    (root / "masks").mkdir(parents=True)
    for path in this.masks:
        (root / "masks" / path.name).symlink_to(path.resolve())
    colors: list[Any] = [list(color) for color in this.ids]
    meta = {"label_map": {str(i): f"c{i}" for i in range(len(colors))}, "segmentation_colors": colors}
    (root / "dataset_meta.json").write_text(json.dumps(meta))
    return root


def copied(data: Path, root: Path, copies: int) -> int:
    """Copies of a set under other names; images differ in size, or they would be compared as copies of each other."""
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
    for table in data.glob("*.txt"):
        shutil.copy(table, root)
    files = [(folder, path) for folder in ("images", "masks") for path in sorted((data / folder).iterdir())]
    for n in range(copies):
        for i, (folder, path) in enumerate(files):
            with (root / folder / f"{n:03}_{path.name}").open("wb") as file:
                file.write(path.read_bytes())
                if folder == "images":
                    file.write(bytes(n * len(files) + i))
    return copies * len(list((data / "masks").iterdir()))

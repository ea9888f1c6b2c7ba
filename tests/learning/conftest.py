"""Tiny prepared folders, written by hand: coloured blocks that a small model can learn in seconds."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from labelprep.class_rows import ClassRow
from labelprep.classes import ClassTable
from labelprep.learning.options import TrainOptions
from labelprep.prepared import Prepared, Row
from labelprep.steps.count import ClassCounts
from labelprep.steps.palette import save_palette

collect_ignore_glob = [] if find_spec("torch") else ["test_*.py"]  # the extra `train` is missing

COLORS = {"road": (128, 64, 128), "grass": (40, 200, 40), "sky": (70, 130, 230), "void": (0, 0, 0)}


def street_table() -> ClassTable:
    rows = [ClassRow(name, (color,), ignore=name == "void") for name, color in COLORS.items()]
    return ClassTable.build(rows, source="street.yaml")


Drawing = tuple[NDArray[np.uint8], NDArray[np.uint8]]


def draw(seed: int, size: tuple[int, int] = (32, 32)) -> Drawing:
    """An image (H, W, 3) and its ids (H, W): sky over grass over road, noisy, with an ignored corner."""
    random = np.random.default_rng(seed)
    height = size[0]
    ids = np.zeros(size, np.uint8)
    ids[: height // 2 + int(random.integers(-4, 5))] = 1
    ids[: height // 4 + int(random.integers(-4, 5))] = 2
    palette = np.array([COLORS[name] for name in ("road", "grass", "sky")], np.int64)
    image = np.clip(palette[ids] + random.integers(-30, 31, (*size, 3)), 0, 255).astype(np.uint8)
    ids[-4:, -6:] = 255
    return image, ids


def write_prepared(
    root: Path,
    drawings: dict[str, Drawing],
    splits: dict[str, str],
    *,
    table: ClassTable | None = None,
    options: dict[str, Any] | None = None,
) -> Prepared:
    """`root/source/images/<key>.png` and the prepared folder `root/prepared`, as convert would leave them."""
    table = table or street_table()
    out, source = root / "prepared", root / "source"
    totals, rows = ClassCounts.zero(len(table)), []
    for key, (image, ids) in drawings.items():
        path = source / "images" / f"{key}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
        save_palette(out / "masks" / f"{key}.png", ids, table)
        counts = ClassCounts.of(ids, len(table), table.ignore_index)
        totals += counts
        rows.append(
            Row(
                key,
                source=f"masks/{key}.png",
                image=f"images/{key}.png",
                split=splits.get(key),
                height=ids.shape[0],
                width=ids.shape[1],
                xxh3="0" * 32,
                pixels=tuple(counts.pixels.tolist()),
                ignored=counts.ignored,
            )
        )
    info = {
        "schema_version": 1,
        "class_table": table.to_dict(),
        "options": {"link": "none", "exif_rotate": False} | (options or {}),
        "totals": totals.to_dict(),
    }
    (out / "dataset.json").write_text(json.dumps(info))
    (out / "manifest.jsonl").write_text("".join(row.to_json() + "\n" for row in rows))
    (out / ".labelprep").mkdir(exist_ok=True)
    (out / ".labelprep" / "source.json").write_text(json.dumps({"root": "../source"}))
    return Prepared.open(out)


@dataclass(frozen=True)
class Street:
    """A prepared folder with the drawings it was made from."""

    prepared: Prepared
    drawings: dict[str, Drawing]
    splits: dict[str, str]

    @property
    def root(self) -> Path:
        return self.prepared.root


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Threads of several processes that wait for each other take many times as long on a busy machine."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def make_street() -> Callable[..., Street]:
    def make(root: Path, *, train: int = 8, val: int = 4, sizes: tuple[tuple[int, int], ...] = ((32, 32),)) -> Street:
        names = [("train", f"a/{i}") for i in range(train)] + [("val", f"b/{i}") for i in range(val)]
        drawings = {key: draw(i, sizes[i % len(sizes)]) for i, (_, key) in enumerate(names)}
        splits = {key: split for split, key in names}
        return Street(write_prepared(root, drawings, splits), drawings, splits)

    return make


@pytest.fixture(scope="session")
def street(tmp_path_factory: pytest.TempPathFactory, make_street: Callable[..., Street]) -> Street:
    """Eight training and four validation images of 32 x 32; tests leave it as it is."""
    return make_street(tmp_path_factory.mktemp("street"))


QUICK = TrainOptions(model="single_conv", epochs=4, batch_size=4, lr=0.05, device="cpu")


@dataclass(frozen=True)
class Run:
    folder: Path
    result: Any


@pytest.fixture(scope="session")
def trained_run(tmp_path_factory: pytest.TempPathFactory, street: Street) -> Run:
    """A finished run of `QUICK` on `street`."""
    from labelprep.learning.train import train

    folder = tmp_path_factory.mktemp("run")
    return Run(folder, train(street.prepared, folder, QUICK))

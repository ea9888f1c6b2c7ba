"""Decoded and resized pairs in one file: read from the page cache instead of decoded anew in every epoch."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from labelprep.errors import EnvironmentFailure
from labelprep.storage.atomic import discard, temporary_name, write_atomic
from labelprep.storage.place import Place, state_of

FORMAT = 1
Arrays = tuple[Tensor, Tensor]  # image (3, H, W) uint8 and mask (h, w) uint8 or int32


def fingerprint(paths: Sequence[tuple[Place, Place]], *facts: Any) -> str:
    """SHA-256 of facts and of name, size and time of every image and mask."""
    digest = hashlib.sha256(json.dumps([FORMAT, *facts]).encode())
    for pair in paths:
        for path in pair:
            size, time = state_of(path)
            digest.update(f"\n{path} {size} {time}".encode())
    return digest.hexdigest()


@dataclass
class Packed:
    """Pairs in `<folder>/<name>.bin`, and where each lies in `<name>.json`; the bytes are mapped, not read.

    Attributes:
        path: the file of bytes.
        entries: of each pair: offset, size (H, W) of the image, size and type of the mask.
    """

    path: Path
    entries: tuple[dict[str, Any], ...]
    _bytes: NDArray[np.uint8] | None = field(default=None, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "entries": self.entries, "_bytes": None}  # every process maps it for itself

    def __getitem__(self, index: int) -> Arrays:
        """Image and mask of a pair, as copies."""
        if self._bytes is None:
            self._bytes = np.memmap(self.path, np.uint8, "r")
        entry = self.entries[index]
        start, (height, width) = entry["offset"], entry["image"]
        middle = start + 3 * height * width
        mask_type = np.dtype(entry["type"])
        stop = middle + entry["mask"][0] * entry["mask"][1] * mask_type.itemsize
        image = np.array(self._bytes[start:middle]).reshape(3, height, width)
        mask = np.array(self._bytes[middle:stop]).view(mask_type).reshape(entry["mask"])
        return torch.from_numpy(image), torch.from_numpy(mask)

    @classmethod
    def find(cls, folder: Path, name: str) -> Packed | None:
        """The finished pack of that name, or None."""
        try:
            index = json.loads((folder / f"{name}.json").read_text("utf-8"))
            size = (folder / f"{name}.bin").stat().st_size
        except (FileNotFoundError, ValueError):
            return None
        return cls(folder / f"{name}.bin", tuple(index["pairs"])) if index["bytes"] == size else None

    @classmethod
    def write(cls, folder: Path, name: str, items: Iterable[Arrays], *, on_item: Callable[[], None]) -> Packed:
        """Packs pairs, whole or not at all.

        Raises:
            EnvironmentFailure: disk full, no permission; what was written is gone.
        """
        path, entries = folder / f"{name}.bin", []
        temporary = temporary_name(path)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                for entry, data in _entries(items):
                    file.write(data)
                    entries.append(entry)
                    on_item()
                size = file.tell()
            os.replace(temporary, path)  # noqa: PTH105 - the atomic one on every system
        except OSError as error:
            message = f"cannot write the cache: {error.strerror or error}"
            hint = "make room, or leave --cache out"
            raise EnvironmentFailure(message, path=folder, hint=hint) from error
        finally:
            discard(temporary)
        write_atomic(folder / f"{name}.json", json.dumps({"bytes": size, "pairs": entries}).encode())
        return cls(path, tuple(entries))


def _entries(items: Iterable[Arrays]) -> Iterator[tuple[dict[str, Any], bytes]]:
    offset = 0
    for image, mask in items:
        data = image.contiguous().numpy().tobytes() + mask.contiguous().numpy().tobytes()
        kind = mask.numpy().dtype.str
        yield {"offset": offset, "image": [*image.shape[1:]], "mask": [*mask.shape], "type": kind}, data
        offset += len(data)

"""Plants one fault of each common kind in a drawn dataset, so that there is something to find."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
from PIL import Image

from labelprep.errors import UsageError


@dataclass(frozen=True)
class Planted:
    """A fault that was planted.

    Attributes:
        code: the code of the finding that must name it.
        path: the file concerned, POSIX, relative to the dataset.
        what: what was done to it, in a few words.
        mend: what helps.
        redraw: whether that means making the file anew.
    """

    code: str
    path: str
    what: str
    mend: str
    redraw: bool = False

    @property
    def key(self) -> str:
        """The key of the sample, such as `train/scene_0001`."""
        return Path(self.path).relative_to(Path(self.path).parts[0]).with_suffix("").as_posix()


def plant_faults(folder: Path | str) -> tuple[Planted, ...]:
    """Spoils one file of a drawn dataset for each kind of fault.

    Args:
        folder: a dataset that `write_sample` wrote, with at least six scenes under `train`. It is changed.

    Returns:
        What was planted where, in the order of the scenes.

    Raises:
        UsageError: for fewer scenes than faults.
    """
    folder = Path(folder)
    masks = sorted((folder / "masks" / "train").glob("*.png"))
    if len(masks) < len(_FAULTS):
        message = f"{len(masks)} scenes under train; {len(_FAULTS)} are needed to plant a fault of each kind"
        raise UsageError(message, path=folder)
    planted = []
    for mask, (code, (spoil, what, mend)) in zip(masks, _FAULTS.items(), strict=False):
        path = spoil(mask).relative_to(folder).as_posix()
        planted.append(Planted(code, path, what, mend or "make the file anew", redraw=not mend))
    return tuple(planted)


def _swap(mask: Path) -> Path:
    with Image.open(mask) as image:
        pixels = np.asarray(image)
    Image.fromarray(np.ascontiguousarray(pixels[..., ::-1])).save(mask)
    return mask


def _stray(mask: Path) -> Path:
    with Image.open(mask) as image:
        pixels = np.array(image)
    height, width = pixels.shape[:2]
    pixels[height // 2 : height // 2 + 6, width // 2 : width // 2 + 9] = (255, 0, 255)
    Image.fromarray(pixels).save(mask)
    return mask


def _jpeg(mask: Path) -> Path:
    path = mask.with_suffix(".jpg")
    with Image.open(mask) as image:
        image.save(path, quality=90)
    mask.unlink()
    return path


def _shrink(mask: Path) -> Path:
    with Image.open(mask) as image:
        half = image.resize((image.width // 2, image.height // 2), Image.Resampling.NEAREST)
    half.save(mask)
    return mask


def _truncate(mask: Path) -> Path:
    data = mask.read_bytes()
    mask.write_bytes(data[: len(data) // 2])
    return mask


def _orphan(mask: Path) -> Path:
    path = mask.parents[2] / "images" / mask.parent.name / mask.name
    path.unlink()
    return path


# Code -> how to plant it, what that is, and what helps; nothing but a new file where that is empty.
_FAULTS: Mapping[str, tuple[Callable[[Path], Path], str, str]] = MappingProxyType({
    "swapped-red-blue": (_swap, "red and blue swapped, as by cv2.imwrite", "nothing to do: read as BGR"),
    "unknown-color": (_stray, "a patch of a colour that no class has", "on_unknown: ignore"),
    "lossy-mask": (_jpeg, "mask saved as JPEG", ""),
    "size-differs": (_shrink, "mask half the size of its image", ""),
    "damaged-file": (_truncate, "second half of the file cut off", ""),
    "image-missing": (_orphan, "image deleted", ""),
})  # fmt: skip

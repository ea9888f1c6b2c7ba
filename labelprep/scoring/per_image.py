"""What single images score: counts (6, C) int64 per image, and figures that bear other names than the set's."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelprep import metrics
from labelprep.errors import EnvironmentFailure
from labelprep.storage.atomic import discard, temporary_name

ROWS = ("hit", "truth", "predicted", "edge_hit", "edge_truth", "edge_predicted")
FIGURES = ("iou_per_image", "dice_per_image", "pixel_accuracy_per_image", "boundary_iou_per_image")
_FINEST = 1074
SMALL = 2**26  # bytes; a larger file is read from the disk and not into memory
Counts = NDArray[np.int64]


def image_counts(confusion: metrics.Confusion, edges: Counts) -> Counts:
    """The counts of one image, (6, C) in the order of `ROWS`.

    Args:
        confusion: (C, C) int64, rows truth, columns prediction.
        edges: (3, C) as `boundary.boundary_counts` gives them; zeros where no boundary IoU is wanted.
    """
    return np.concatenate([[np.diagonal(confusion), confusion.sum(1), confusion.sum(0)], edges]).astype(np.int64)


def image_scores(counts: Counts) -> dict[str, float | None]:
    """Mean IoU, mean Dice, pixel accuracy and mean boundary IoU of one image, as `FIGURES`; None for 0/0.

    The means are over the classes that truth or prediction of this image hold.
    """
    hit, truth, predicted, *near = counts
    either = truth + predicted - hit
    pixels = int(truth.sum())
    values = (
        metrics.mean_share(hit, either),
        metrics.mean_share(2 * hit, truth + predicted),
        int(hit.sum()) / pixels if pixels else None,
        metrics.mean_share(near[0], near[1] + near[2] - near[0]),
    )
    return dict(zip(FIGURES, values, strict=True))


class Means:
    """Means of the images' figures, of sums that are rounded once and so are the same in any order.

    A float is a whole number of 2**-1074, the smallest one, and a sum of these is exact.
    """

    def __init__(self) -> None:
        self._sums: dict[str, int] = dict.fromkeys(FIGURES, 0)
        self._numbers: dict[str, int] = dict.fromkeys(FIGURES, 0)

    def add(self, figures: dict[str, Any]) -> None:
        """Adds one image; what is None there is left out."""
        for name in FIGURES:
            if figures[name] is not None:
                above, below = float(figures[name]).as_integer_ratio()
                self._sums[name] += (above << _FINEST) // below  # which is a power of two
                self._numbers[name] += 1

    def values(self) -> dict[str, float | None]:
        """`mean_iou_per_image` and so on; None where no image has the figure."""
        return {
            f"mean_{name}": self._sums[name] / (1 << _FINEST) / number if number else None
            for name, number in self._numbers.items()
        }


class CountsFile:
    """`per_image.npy` while it is written, (N, 6, C) int64 in the order of the samples; whole or not at all.

    Written and not mapped: a full disk is an error then, and not the end of the process.
    """

    def __init__(self, path: Path, images: int, classes: int) -> None:
        self._path, self._temporary = path, temporary_name(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._writing():
            self._file = self._temporary.open("wb")
            header = {"descr": "<i8", "fortran_order": False, "shape": (images, len(ROWS), classes)}
            np.lib.format.write_array_header_1_0(self._file, header)

    def add(self, counts: Counts) -> None:
        """The next image's counts, (6, C).

        Raises:
            EnvironmentFailure: disk full.
        """
        with self._writing():
            self._file.write(np.ascontiguousarray(counts, "<i8").tobytes())

    def finish(self) -> Counts:
        """Puts the file in its place; its content, mapped into memory.

        Raises:
            EnvironmentFailure: disk full, no permission.
        """
        with self._writing():
            self._file.close()
            os.replace(self._temporary, self._path)  # noqa: PTH105 - the atomic one on every system
        table: Counts = np.load(self._path, mmap_mode="r" if self._path.stat().st_size > SMALL else None)
        return table

    def discard(self) -> None:
        """Leaves nothing behind where it was not finished."""
        self._file.close()
        discard(self._temporary)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            message = f"cannot write: {error.strerror or error}"
            raise EnvironmentFailure(
                message, path=self._path, hint="make room or permission, then run again"
            ) from error

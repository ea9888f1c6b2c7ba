"""The fused sums on the CPU: compiled loops over strips of pixels, as many strips at a time as PyTorch has threads.

The strips are the same for any number of threads, and what they sum is added in their order, so that the bits are too.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import torch
from torch import Tensor

from labelprep.learning.losses.loops.passes import add_up, descend
from labelprep.learning.losses.pixels import valid_labels

TILE = 1 << 15  # logits that a thread works on at a time: 128 kilobytes of float32
TILE_PIXELS = 1 << 10  # at most
STRIP = 1 << 17  # logits of a strip
STRIP_PIXELS = (1 << 10, 1 << 14)  # at least, lest the sums take more room than the logits, and at most
LABELS = (np.uint8, np.int8, np.int16, np.int32, np.int64)  # the loops read these


@dataclass(frozen=True)
class _Work:
    """What both passes over logits (B, C, H, W) take.

    Attributes:
        logits: the tensor.
        labels: the tensor.
        weights: (C + 1,), the last one 0.
        words: the others of `fused.pixel_sums`, as the loops take them.
        width: pixels of a row, all of them where the rows lie one behind another.
        strips: first pixel of each strip, and the end.
    """

    logits: Tensor
    labels: Tensor
    weights: Any
    words: tuple[Any, ...]
    width: int
    strips: list[int]

    def run(self, kernel: Callable[..., None], others: Callable[[int, int], tuple[Any, ...]]) -> None:
        """The kernel on every strip, with its last arguments for that image and strip."""
        z, (y, which) = _flat(self.logits), _label_fields(self.labels)
        places = iter(list(product(range(len(self.logits)), range(len(self.strips) - 1))))  # shared by the threads

        def work() -> None:
            scratch = self._scratch()
            for image, k in places:
                here = (z, _steps(self.logits, image)), (y, (which, *_steps(self.labels, image)))
                strip = (self.width, self.strips[k], self.strips[k + 1])
                kernel(*here, strip, self.weights, self.words, scratch, *others(image, k))

        threads = torch.get_num_threads()
        more = min(threads, len(self.logits) * (len(self.strips) - 1)) - 1  # than this thread
        helpers = [_pool(threads, os.getpid()).submit(work) for _ in range(more)]
        work()
        for one in helpers:
            one.result()

    def _scratch(self) -> tuple[Any, ...]:
        """See `passes.add_up`."""
        rows = len(self.weights)
        tile = min(max(TILE // rows // 16 * 16, 16), TILE_PIXELS)
        wide = _wide(self.logits)
        return (
            torch.empty(rows * tile, dtype=wide).numpy(),
            torch.empty(6, tile, dtype=wide).numpy(),
            torch.empty(tile, dtype=torch.int32).numpy().view(np.uint32),
            torch.empty(4, 2, rows, dtype=torch.float64).numpy(),
        )


@cache
def _pool(threads: int, process: int) -> ThreadPoolExecutor:
    """Threads of this very process: a fork has none of those that it knows of."""
    return ThreadPoolExecutor(threads, f"losses of {process}")


def _wide(logits: Tensor) -> torch.dtype:
    return torch.promote_types(logits.dtype, torch.float32)


def _flat(tensor: Tensor) -> Any:
    """All from the first to the last element as they lie in memory, half precision as uint16."""
    far = sum((size - 1) * step for size, step in zip(tensor.shape, tensor.stride(), strict=True))
    line = tensor.detach().as_strided((far + 1 if tensor.numel() else 0,), (1,))
    if line.is_floating_point() and line.element_size() == 2:
        return line.view(torch.int16).numpy().view(np.uint16)
    return line.numpy()


def _label_fields(labels: Tensor) -> tuple[tuple[Any, ...], int]:
    """A field of each type, all but one of them empty, and which one is not."""
    field = _flat(labels.view(torch.uint8) if labels.dtype == torch.bool else labels)
    field = field if field.dtype in LABELS else field.astype(np.int64)
    which = LABELS.index(field.dtype.type)
    return tuple(field if k == which else np.empty(0, kind) for k, kind in enumerate(LABELS)), which


def _steps(tensor: Tensor, image: int) -> tuple[int, ...]:
    """Where the image begins and how far apart its classes, rows and columns are; of logits also whether bfloat16."""
    first, *others = tensor.stride()
    brain = (int(tensor.dtype == torch.bfloat16),) if tensor.is_floating_point() else ()
    return (image * first, *others, *brain)


def _work(logits: Tensor, labels: Tensor, weights: Tensor | None, *words: Any, out: Tensor | None = None) -> _Work:
    *_, classes, height, width = logits.shape
    fields = [one for one in (logits, labels, out) if one is not None]
    pixels = height * width
    strip = min(max(STRIP // max(classes, 1), STRIP_PIXELS[0]), STRIP_PIXELS[1])
    ignore_index, gamma, overlap, spread = words
    wide = _wide(logits)
    padded = torch.zeros(classes + 1, dtype=wide)
    padded[:-1] = 1 if weights is None else weights.detach()
    real = padded.numpy().dtype.type
    return _Work(
        logits,
        labels,
        padded.numpy(),
        (ignore_index, real(gamma), real(torch.finfo(wide).tiny), overlap, spread),
        pixels if all(one.stride(-2) == width * one.stride(-1) for one in fields) else width,
        [*range(0, pixels, strip), pixels],
    )


def forward(
    logits: Tensor,
    labels: Tensor,
    weights: Tensor | None,
    ignore_index: int,
    gamma: float,
    overlap: bool,
    spread: bool,
) -> tuple[Tensor, Tensor]:
    """See `fused.pixel_sums`.

    Raises:
        ValueError: for labels out of range.
    """
    work = _work(logits, labels, weights, ignore_index, gamma, overlap, spread)
    batch, classes, strips = *logits.shape[:2], len(work.strips) - 1
    by_class = torch.zeros(batch, strips, 3, classes, dtype=torch.float64).numpy()
    by_image = torch.zeros(batch, strips, 4, dtype=torch.float64).numpy()
    work.run(add_up, lambda image, k: ((by_class[image, k], by_image[image, k]),))
    if by_image[:, :, 3].any():
        valid_labels(labels, classes, ignore_index)  # says how many there are in all
    return torch.from_numpy(by_class.sum(1)), torch.from_numpy(by_image[:, :, :3].sum(1))


def backward(
    logits: Tensor,
    labels: Tensor,
    weights: Tensor | None,
    by_class: Tensor,
    by_image: Tensor,
    ignore_index: int,
    gamma: float,
    overlap: bool,
    spread: bool,
) -> Tensor:
    """See `fused.pixel_sums_backward`."""
    gradient = torch.empty_like(logits)
    work = _work(logits, labels, weights, ignore_index, gamma, overlap, spread, out=gradient)
    field, wide = _flat(gradient), _wide(logits)
    slopes = torch.zeros(len(logits), 2, logits.shape[1] + 1, dtype=wide)
    if overlap:
        slopes[..., :-1] = by_class[:, :2]
    hit, predicted = slopes.numpy().swapaxes(0, 1)
    by = by_image.to(wide).numpy()
    work.run(
        descend,
        lambda image, _: ((hit[image], predicted[image], by[image]), (field, _steps(gradient, image))),
    )
    return gradient

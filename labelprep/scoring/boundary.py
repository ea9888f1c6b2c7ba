"""Boundary IoU: the IoU of what lies near the edges of the classes, after Cheng et al. 2021 (arXiv 2103.16562)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

BAND = 512  # rows looked at in one go, which bounds the memory that large masks take


def edge_width(size: tuple[int, int], width: float) -> int:
    """The width in pixels for masks of a size (H, W).

    Args:
        size: height and width.
        width: pixels if a whole number from 1, else a share of the diagonal; the paper takes 0.02.

    >>> edge_width((1080, 1920), 0.02), edge_width((32, 32), 0.02), edge_width((32, 32), 3)
    (44, 1, 3)
    """
    return int(width) if width >= 1 else max(1, round(width * math.hypot(*size)))


def edges(ids: NDArray[Any], width: int) -> NDArray[np.bool_]:
    """Whether a pixel has another id, or the outside of the picture, within `width` pixels on either axis.

    For the pixels of one class this is the mask without its erosion by `width` steps of a 3 x 3 square, which is
    what the paper's authors compute; here for all classes at once.

    Args:
        ids: (H, W) integers.
        width: at least 1.
    """
    height, across = ids.shape
    found = np.ones((height, across), np.bool_)
    window = 2 * width + 1
    if across < window:
        return found
    for top in range(width, height - width, BAND):
        end = min(top + BAND, height - width)
        rows = ids[top - width : end + width]
        least = _running(np.minimum, _running(np.minimum, rows, window).T, window).T
        most = _running(np.maximum, _running(np.maximum, rows, window).T, window).T
        found[top:end, width : across - width] = least != most
    return found


def _running(of: Any, values: NDArray[Any], length: int) -> NDArray[Any]:
    """Minimum or maximum of `length` rows from each row on, by doubling."""
    span = 1
    while span < length:
        step = min(span, length - span)
        values = of(values[:-step], values[step:])
        span += step
    return values


def boundary_counts(
    prediction: NDArray[Any], truth: NDArray[Any], classes: int, *, ignore_index: int, width: float
) -> NDArray[np.int64]:
    """Edge pixels per class of one mask, (3, C) int64: in both, of the truth, of the prediction.

    Ignored pixels belong to no class in either, so that the rim of an ignored area is an edge as the picture's own is.

    Args:
        prediction: (H, W) unsigned ids 0..C-1; anything where the truth is ignored.
        truth: (H, W) unsigned ids 0..C-1 or `ignore_index`.
        classes: C.
        ignore_index: id of the ignored pixels.
        width: of the edges, as `edge_width` takes it; 0 counts nothing.
    """
    if not width:
        return np.zeros((3, classes), np.int64)
    pixels = edge_width((truth.shape[0], truth.shape[1]), width)
    guess = np.where(truth == ignore_index, truth.dtype.type(ignore_index), prediction)
    near_truth, near_guess = edges(truth, pixels), edges(guess, pixels)
    both = near_truth & near_guess & (truth == guess)
    chosen = (truth[both], truth[near_truth], guess[near_guess])
    return np.stack([np.bincount(ids[ids != ignore_index], minlength=classes) for ids in chosen]).astype(np.int64)

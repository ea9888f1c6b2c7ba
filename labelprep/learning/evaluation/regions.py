"""Regions of a mask where a model contradicts the label: connected pixels of one label and one prediction."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from labelprep.scoring.boundary import edges

CORE = 2  # a region holds a square of 2 CORE + 1 pixels; what is thinner lies along the edges of most masks


@dataclass(frozen=True)
class Region:
    """Connected pixels that are labelled as one class and predicted as another.

    Attributes:
        labelled: id of the label.
        predicted: id of the prediction.
        pixels: how many.
        xy: the first of them, (x, y) from the top left, in reading order.
        confidence: mean of the model's probability for its prediction.
        likelihood: mean of its probability for the label.
    """

    labelled: int
    predicted: int
    pixels: int
    xy: tuple[int, int]
    confidence: float
    likelihood: float

    def plain(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def contradictions(
    truth: NDArray[Any],
    prediction: NDArray[Any],
    confidence: NDArray[np.uint16],
    likelihood: NDArray[np.uint16],
    *,
    ignore_index: int,
    least: int,
) -> list[Region]:
    """The regions of one mask of at least so many pixels, in reading order.

    Args:
        truth: (H, W) unsigned ids or `ignore_index`.
        prediction: (H, W) unsigned ids.
        confidence: (H, W) probability of the prediction; 65535 is 1.
        likelihood: (H, W) probability of the label; 65535 is 1.
        ignore_index: id of the ignored pixels.
        least: pixels.
    """
    codes = np.where((truth != ignore_index) & (truth != prediction), (truth.astype(np.int32) << 16) | prediction, -1)
    inner = (codes >= 0) & ~edges(codes, CORE)
    if not inner.any():
        return []
    flat = np.flatnonzero(codes.ravel() >= 0)
    group = _components(codes, flat)
    pixels = np.bincount(group)
    thick = np.bincount(group, weights=inner.ravel()[flat]) > 0
    sure, likely = (
        np.bincount(group, weights=map_.ravel()[flat]) / pixels / 65535 for map_ in (confidence, likelihood)
    )
    _, first = np.unique(group, return_index=True)
    width = codes.shape[1]
    found = []
    for place in np.sort(first[(thick & (pixels >= least))[group[first]]]):
        number, at = group[place], int(flat[place])
        code = int(codes.ravel()[at])
        means = float(sure[number]), float(likely[number])
        found.append(Region(code >> 16, code & 0xFFFF, int(pixels[number]), (at % width, at // width), *means))
    return found


def _components(codes: NDArray[np.int32], flat: NDArray[np.intp]) -> NDArray[np.int32]:
    """Number of the region of every pixel of `flat`: neighbours left, right, above and below with the same code."""
    place = np.empty(codes.size, np.int32)
    place[flat] = np.arange(len(flat), dtype=np.int32)
    grid = place.reshape(codes.shape)
    across = (codes[:, 1:] == codes[:, :-1]) & (codes[:, 1:] >= 0)
    down = (codes[1:] == codes[:-1]) & (codes[1:] >= 0)
    ends = (
        np.concatenate([grid[:, :-1][across], grid[:-1][down]]),
        np.concatenate([grid[:, 1:][across], grid[1:][down]]),
    )
    graph = coo_array((np.ones(len(ends[0]), np.bool_), ends), shape=(len(flat), len(flat)))
    numbers: NDArray[np.int32] = connected_components(graph, directed=False)[1]
    return numbers

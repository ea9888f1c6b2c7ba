"""Scored samples in pictures: truth, prediction, error and entropy, and where one class is taken for another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelprep.report import marks, pictures, style
from labelprep.report.collect import Scores
from labelprep.report.pages import Material
from labelprep.storage.place import joined

SIDE = 280  # pixels of a picture
RIGHT, WRONG, IGNORED = (222, 228, 234), (205, 38, 48), (120, 124, 130)
CANDIDATES = 6  # images that are opened for one confusion
Shown = list[tuple[pictures.Figure, str]]


@dataclass(frozen=True, eq=False)
class Confused:
    """One class that is taken for another.

    Attributes:
        truth: id of the class.
        predicted: id of what it is taken for.
        pixels: how many.
        share: of the true class's pixels.
    """

    truth: int
    predicted: int
    pixels: int
    share: float


def top_confusions(matrix: NDArray[np.int64], most: int) -> list[Confused]:
    """The cells off the diagonal with most pixels, largest first.

    >>> [(c.truth, c.predicted, c.share) for c in top_confusions(np.array([[8, 2], [3, 1]]), 5)]
    [(1, 0, 0.75), (0, 1, 0.2)]
    """
    wrong = matrix.copy()
    np.fill_diagonal(wrong, 0)
    support = matrix.sum(1)
    order = np.argsort(-wrong, axis=None, kind="stable")[:most].tolist()
    cells = [divmod(place, len(matrix)) for place in order]
    return [Confused(i, j, int(wrong[i, j]), float(wrong[i, j] / support[i])) for i, j in cells if wrong[i, j]]


class Viewer:
    """Opens the samples of one evaluation, the last ones twice without reading them again.

    Args:
        scores: the evaluation.
        material: the rest of the report; its class table paints.
    """

    def __init__(self, scores: Scores, material: Material) -> None:
        self.scores, self.album = scores, material.album
        prepared, table = material.sources.prepared, material.table
        self._rotate = prepared is not None and bool(prepared.info["options"].get("exif_rotate", False))
        self._colors = None if table is None else pictures.colors_of(table)
        self._ignored = 255 if table is None else table.ignore_index
        self._ids = lru_cache(maxsize=64)(self._read)
        counts = scores.folder / "per_image.npy"
        self._counts = np.load(counts, mmap_mode="r", allow_pickle=False) if counts.is_file() else None

    def _read(self, path: str) -> NDArray[Any] | None:
        return pictures.ids_at(joined(self.scores.folder, path))

    def both(self, sample: Mapping[str, Any]) -> tuple[NDArray[Any], NDArray[Any]] | None:
        """Truth and prediction (H, W) of a sample; None where one is gone."""
        if not sample.get("truth") or not sample.get("prediction") or self._colors is None:
            return None
        truth, predicted = self._ids(sample["truth"]), self._ids(sample["prediction"])
        if truth is None or predicted is None or truth.shape != predicted.shape:
            return None
        return truth, predicted

    def image(self, sample: Mapping[str, Any], shape: tuple[int, ...]) -> pictures.RGB8 | None:
        """The image of a sample, at the size of its mask."""
        if not sample.get("image"):
            return None
        pixels = pictures.rgb(pictures.opened(joined(self.scores.folder, sample["image"]), exif_rotate=self._rotate))
        return None if pixels is None else pictures.fitted(pixels, shape)

    def five(self, sample: Mapping[str, Any]) -> Shown:
        """Image, truth, prediction, error and entropy, as far as they are there."""
        both = self.both(sample)
        if both is None or self._colors is None:
            return []
        truth, predicted = both
        key, shown = sample["key"], []
        image = self.image(sample, truth.shape)
        if image is not None:
            shown.append((self.album.add(image, f"Image of {key}", SIDE), "image"))
        for ids, what in ((truth, "truth"), (predicted, "prediction")):
            shown.append((self.album.add(self._colors[ids], f"{what} of {key}", SIDE, sharp=True), what))
        error = np.full((*truth.shape, 3), RIGHT, np.uint8)
        error[truth != predicted] = WRONG
        error[truth == self._ignored] = IGNORED
        shown.append((self.album.add(error, f"Wrong pixels of {key}", SIDE, sharp=True), "error"))
        entropy = self._ids(sample["entropy"]) if sample.get("entropy") else None
        if entropy is not None:
            heat = style.ramp()[(entropy.astype(np.int64) >> 8).clip(0, 255)]
            shown.append((self.album.add(heat, f"Entropy of {key}", SIDE), "entropy"))
        return shown

    def confused(self, what: Confused, most: int) -> list[tuple[str, int, pictures.Figure]]:
        """Key, pixels and picture of the images in which one class is most taken for another, the pixels outlined."""
        seen = []
        for sample in self._candidates(what):
            both = self.both(sample)
            if both is not None:
                bits = (both[0] == what.truth) & (both[1] == what.predicted)
                if bits.any():
                    seen.append((int(bits.sum()), sample, bits))
        seen.sort(key=lambda item: (-item[0], item[1]["key"]))
        shown = []
        for pixels, sample, bits in seen[:most]:
            image = self.image(sample, bits.shape)
            under = image if image is not None else np.full((*bits.shape, 3), RIGHT, np.uint8)
            key = sample["key"]
            picture = marks.marked(under, bits, None, SIDE)
            shown.append((key, pixels, self.album.add(picture, f"{key}, the confused pixels outlined", SIDE)))
        return shown

    def _candidates(self, what: Confused) -> Sequence[Mapping[str, Any]]:
        """The samples that can hold most of it: no more than is missed of one class and wrongly seen of the other."""
        samples, counts = self.scores.samples, self._counts
        if counts is None or len(counts) != len(samples):
            return [samples.at(n) for n in range(min(CANDIDATES, len(samples)))]
        missed = counts[:, 1, what.truth] - counts[:, 0, what.truth]
        seen = counts[:, 2, what.predicted] - counts[:, 0, what.predicted]
        order = np.argsort(-np.minimum(missed, seen), kind="stable")[:CANDIDATES]
        return [samples.at(i) for i in order.tolist()]

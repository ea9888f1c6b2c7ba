"""Sizes, places and shapes: sizes of all masks from the manifest, the rest from a sample of masks that are opened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelprep.prepared import Prepared, Row
from labelprep.report import pictures
from labelprep.report.survey import Survey

GRID = 32  # places of a heat map, each way
SIDE = 384  # pixels: masks are thinned out to this before connected regions are sought
CLASSES = 40  # the commonest; a report on more of them would be read by nobody
DECADES = (-5, 0)  # of a region's share of its mask, as powers of ten
BINS = 4  # of a decade


@dataclass(frozen=True)
class OfClass:
    """What a sample of masks tells of one class.

    Attributes:
        id: of the class.
        name: of the class.
        masks: sampled masks that hold it.
        regions: connected regions in them.
        median: of the regions' shares of their masks.
        sizes: regions per bin of `Geometry.edges`.
        boundary: share of its pixels that touch another class.
    """

    id: int
    name: str
    masks: int
    regions: int
    median: float | None
    sizes: tuple[int, ...]
    boundary: float | None


@dataclass(frozen=True, eq=False)
class Geometry:
    """Sizes and shapes of a prepared set.

    Attributes:
        sizes: (height, width) -> masks, all of them.
        aspects: width / height in two digits -> masks, all of them.
        sampled: masks that were opened.
        masks: in the set.
        classes: what they tell of each class.
        heat: class id -> (GRID, GRID) share of the sampled masks that hold the class at that place.
        boundary: share of all valid pixels that touch another class.
    """

    sizes: Mapping[tuple[int, int], int]
    aspects: Mapping[str, int]
    sampled: int
    masks: int
    classes: tuple[OfClass, ...]
    heat: Mapping[int, NDArray[np.float64]]
    boundary: float | None

    @property
    def edges(self) -> tuple[float, ...]:
        """Limits of the bins of the regions' sizes, as shares of a mask."""
        return tuple(float(e) for e in _edges())

    def rows(self) -> Iterator[dict[str, Any]]:
        """Every figure, for a CSV."""
        for (height, width), number in self.sizes.items():
            yield {"figure": "masks by width x height", "class": "", "value": f"{width}x{height}", "number": number}
        for aspect, number in self.aspects.items():
            yield {"figure": "masks by width / height", "class": "", "value": aspect, "number": number}
        for c in self.classes:
            for low, number in zip(self.edges, c.sizes, strict=False):
                yield {"figure": "regions by least share", "class": c.name, "value": f"{low:.3g}", "number": number}
            yield {"figure": "share of pixels on boundaries", "class": c.name, "value": "", "number": c.boundary}

    def heat_rows(self) -> Iterator[dict[str, Any]]:
        """Every place of every class, for a CSV."""
        names = {c.id: c.name for c in self.classes}
        for i, heat in self.heat.items():
            for (row, column), share in np.ndenumerate(heat):
                yield {"class": names[i], "row": row, "column": column, "share": round(float(share), 4)}


def measure(prepared: Prepared, survey: Survey) -> Geometry | None:
    """Opens the sampled masks and measures them; None where the set is empty.

    Args:
        prepared: the folder.
        survey: whose `spread` is the sample.
    """
    if not survey.sizes:
        return None
    pixels = prepared.totals.pixels.tolist()
    commonest = sorted((i for i, n in enumerate(pixels) if n), key=lambda i: (-pixels[i], i))[:CLASSES]
    sums = _Sums(sorted(commonest), prepared.table.ignore_index)
    for ids in _opened(prepared, survey.spread):
        sums.add(ids)
    sizes = dict(sorted(survey.sizes.items(), key=lambda item: (-item[1], item[0])))
    aspects: Counter[str] = Counter()
    for (height, width), number in survey.sizes.items():
        aspects[f"{width / height:.2f}"] += number
    return Geometry(
        sizes,
        dict(sorted(aspects.items(), key=lambda item: float(item[0]))),
        sums.masks,
        prepared.totals.masks,
        tuple(sums.of_class(i, prepared.table.names[i]) for i in sums.ids),
        {i: sums.heat[n] / max(1, sums.masks) for n, i in enumerate(sums.ids)} if sums.masks else {},
        sums.boundary(),
    )


def _opened(prepared: Prepared, rows: Iterable[Row]) -> Iterator[NDArray[Any]]:
    for row in rows:
        ids = pictures.ids_at(prepared.mask_path(row.key))
        if ids is not None:
            yield ids


class _Sums:
    """What is added up over masks, for some classes."""

    def __init__(self, ids: list[int], ignore_index: int) -> None:
        self.ids = ids
        self.masks = 0
        self.heat = np.zeros((len(ids), GRID, GRID), np.int64)
        self._ignored = ignore_index
        self._holding = np.zeros(len(ids), np.int64)
        self._pixels, self._edge = (np.zeros(ignore_index + 1, np.int64) for _ in range(2))
        self._shares: list[list[float]] = [[] for _ in ids]

    def add(self, ids: NDArray[Any]) -> None:
        """Adds one mask (H, W)."""
        self.masks += 1
        size = self._ignored + 1
        self._pixels += np.bincount(ids.ravel(), minlength=size)[:size]
        self._edge += np.bincount(ids[_touching(ids, self._ignored)], minlength=size)[:size]
        coarse = pictures.thinned(ids, GRID, GRID)
        step = max(1, -(-max(ids.shape) // SIDE))
        thin = ids[::step, ::step]
        present = set(np.unique(thin).tolist())
        for n, i in enumerate(self.ids):
            self.heat[n] += coarse == i
            if i in present:
                self._holding[n] += 1
                self._shares[n] += _regions(thin == i)

    def of_class(self, i: int, name: str) -> OfClass:
        """The figures of one class."""
        n = self.ids.index(i)
        shares = np.array(self._shares[n])
        inner = np.clip(shares, _edges()[0], 1)  # what is smaller counts in the first bin
        sizes = tuple(np.histogram(inner, _edges())[0].tolist())
        boundary = float(self._edge[i] / self._pixels[i]) if self._pixels[i] else None
        median = float(np.median(shares)) if shares.size else None
        return OfClass(i, name, int(self._holding[n]), len(shares), median, sizes, boundary)

    def boundary(self) -> float | None:
        """Share of all valid pixels that touch another class."""
        valid = int(self._pixels[: self._ignored].sum())
        return float(self._edge[: self._ignored].sum() / valid) if valid else None


def _edges() -> NDArray[np.float64]:
    low, high = DECADES
    edges: NDArray[np.float64] = np.logspace(low, high, (high - low) * BINS + 1)
    return edges


def _touching(ids: NDArray[Any], ignore_index: int) -> NDArray[np.bool_]:
    """Valid pixels with a valid neighbour above, below, left or right that is of another class."""
    found = np.zeros(ids.shape, bool)
    valid = ids != ignore_index
    across = (ids[:, 1:] != ids[:, :-1]) & valid[:, 1:] & valid[:, :-1]
    down = (ids[1:] != ids[:-1]) & valid[1:] & valid[:-1]
    found[:, 1:] |= across
    found[:, :-1] |= across
    found[1:] |= down
    found[:-1] |= down
    return found


def _regions(bits: NDArray[np.bool_]) -> list[float]:
    """Sizes of the connected regions (by edges) as shares of the whole."""
    from scipy import ndimage

    labels, _ = ndimage.label(bits)
    shares: list[float] = (np.bincount(labels.ravel())[1:] / bits.size).tolist()
    return shares

"""Images that look alike: which of many perceptual hashes differ in few bits.

Two hashes of 64 bits that differ in at most d bits agree in one whole band at least, where the bits are cut into d + 1
bands. So only hashes that share a band are compared, and none is missed.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Hashable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice, pairwise

import numpy as np
from numpy.typing import NDArray

from labelprep.errors import LabelprepError
from labelprep.findings import Finding
from labelprep.steps.discover import Plan
from labelprep.steps.fingerprint import fingerprint
from labelprep.storage.place import Readable, from_text

BITS = 64
FARTHEST = 10  # bits; beyond, pictures of other things look alike
_READERS = 4  # threads; Pillow decodes outside the interpreter's lock
_AT_ONCE = 64
_BLOCK = 2048


def fingerprints(
    images: Iterable[Readable | None], max_pixels: int, tell: Callable[[int], object] = lambda _: None
) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """The perceptual hash of every image, in order.

    Args:
        images: where they lie.
        max_pixels: larger ones count as unreadable.
        tell: called with how many more are done.

    Returns:
        uint64 (N,) and bool (N,): the hashes, and whether there is one. There is none without an image, of one that
        cannot be read and of one of a single gray.
    """

    def of(image: Readable | None) -> int | None:
        try:
            return None if image is None else fingerprint(image, max_pixels)
        except (OSError, ValueError, SyntaxError, LabelprepError):
            return None  # told where the sample itself is checked

    hashes, known = array("Q"), array("b")
    with ThreadPoolExecutor(_READERS) as readers:
        rest = iter(images)
        while some := tuple(islice(rest, _AT_ONCE)):
            for found in readers.map(of, some):
                hashes.append(found or 0)
                known.append(found is not None)
            tell(len(some))
    return np.array(hashes, np.uint64), np.array(known, np.bool_)


def alike(hashes: NDArray[np.uint64], distance: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Pairs of hashes that differ in few bits; a pair may come more than once.

    Args:
        hashes: uint64 (N,).
        distance: at most so many bits differ.

    Yields:
        Two int64 arrays of equal length: positions in `hashes`, the first below the second.

    Raises:
        ValueError: for a distance outside 0..FARTHEST.

    >>> [(i.tolist(), j.tolist()) for i, j in alike(np.array([0, 255, 1], np.uint64), 2)][0]
    ([0], [2])
    """
    if not 0 <= distance <= FARTHEST:
        message = f"distance must lie in 0..{FARTHEST}, got {distance}"
        raise ValueError(message)
    edges = [BITS * band // (distance + 1) for band in range(distance + 2)]
    for low, high in pairwise(edges):
        bands = (hashes >> np.uint64(low)) & np.uint64((1 << (high - low)) - 1)
        order = np.argsort(bands, kind="stable")
        starts = np.flatnonzero(np.diff(bands[order])) + 1
        for bucket in np.split(order, starts):
            yield from _within(hashes, np.sort(bucket), distance)


def _within(
    hashes: NDArray[np.uint64], bucket: NDArray[np.int64], distance: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    for start in range(0, len(bucket), _BLOCK):
        ours = bucket[start : start + _BLOCK]
        for other in range(start, len(bucket), _BLOCK):
            theirs = bucket[other : other + _BLOCK]
            near = np.bitwise_count(hashes[ours][:, None] ^ hashes[theirs]) <= distance
            i, j = np.nonzero(near & (ours[:, None] < theirs))
            if i.size:
                yield ours[i], theirs[j]


def groups(
    hashes: NDArray[np.uint64], known: NDArray[np.bool_], distance: int, labels: Iterable[Hashable] = ()
) -> NDArray[np.int64]:
    """Which images belong together: those that look alike, and all that look like one of them.

    Args:
        hashes: uint64 (N,).
        known: bool (N,): which of them count.
        distance: bits that may differ.
        labels: of each image; those of one label belong together too.

    Returns:
        int64 (N,): the position of the first image of each one's group, its own where it stands alone.
    """
    home = list(range(len(hashes)))

    def join(i: int, j: int) -> None:
        a, b = _home(home, i), _home(home, j)
        home[max(a, b)] = min(a, b)

    seen: dict[Hashable, int] = {}
    for n, label in enumerate(labels):
        join(n, seen.setdefault(label, n))
    at = np.flatnonzero(known)
    values, first, which = np.unique(hashes[at], return_index=True, return_inverse=True)
    for n, of in zip(at.tolist(), at[first[which]].tolist(), strict=True):  # many copies of one image are one hash
        join(n, of)
    for some, others in alike(values, distance):
        for i, j in zip(at[first[some]].tolist(), at[first[others]].tolist(), strict=True):
            join(i, j)
    return np.array([_home(home, n) for n in range(len(home))], np.int64)


def across(
    hashes: NDArray[np.uint64], known: NDArray[np.bool_], splits: NDArray[np.integer], distance: int
) -> Iterator[tuple[int, int, int]]:
    """Every image that looks like one of another split, with the nearest such image.

    Args:
        hashes: uint64 (N,).
        known: bool (N,): which of them count.
        splits: (N,): the number of each one's split, below 0 for none.
        distance: bits that may differ.

    Yields:
        (image, its nearest in a split of a smaller number, bits that differ), by position.
    """
    at = np.flatnonzero(known & (splits >= 0))
    nearest: dict[int, tuple[int, int]] = {}
    for some, others in alike(hashes[at], distance):
        i, j = at[some], at[others]
        apart = splits[i] != splits[j]
        for a, b in zip(i[apart].tolist(), j[apart].tolist(), strict=True):
            early, late = (a, b) if splits[a] < splits[b] else (b, a)
            bits = int(np.bitwise_count(hashes[early] ^ hashes[late]))
            nearest[late] = min(nearest.get(late, (BITS, early)), (bits, early))
    yield from ((late, early, bits) for late, (bits, early) in sorted(nearest.items()))


def leaks(plan: Plan, distance: int, max_pixels: int, tell: Callable[[int], object]) -> Iterator[Finding]:
    """A finding for every image of a dataset that looks like one of another split.

    Args:
        plan: the dataset; without splits there is nothing to find.
        distance: bits that may differ, 0 to `FARTHEST`.
        max_pixels: larger images are left out.
        tell: called with how many more images are done.
    """
    names = sorted(plan.split_counts(), key=lambda name: (name != "train", name))
    if len(names) < 2:
        return
    number = {name: n for n, name in enumerate(names)}
    splits = np.fromiter((number.get(split or "", -1) for _, split, _, _ in plan.images()), np.int16)
    images = (None if image is None else from_text(image) for _, _, image, _ in plan.images())
    hashes, known = fingerprints(images, max_pixels, tell)
    pairs = list(across(hashes, known, splits, distance))
    wanted = {n for late, early, _ in pairs for n in (late, early)}
    keys = {n: key for n, (key, *_) in enumerate(plan.images()) if n in wanted}
    for late, early, bits in pairs:
        message = (
            f"its image, in {names[splits[late]]}, looks like that of {keys[early]} in {names[splits[early]]}: "
            f"{bits} of {BITS} bits differ"
        )
        yield Finding.of("similar-images", message, key=keys[late])


def _home(home: list[int], n: int) -> int:
    while home[n] != n:
        home[n] = home[home[n]]
        n = home[n]
    return n

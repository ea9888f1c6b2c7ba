"""Batches of about half a second of work: small enough to spread evenly, large enough to cost little to send."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from labelprep.errors import EnvironmentFailure
from labelprep.storage.place import Member, Readable, first_bytes, state_of

T = TypeVar("T")

# Half a second of plain PNGs, more where Pillow has to read. What takes longer comes back after 1.5 s (`pieces`).
PIXELS_PER_BATCH = 500_000_000
PIXELS_PER_FILE = 150_000
MOST_PER_BATCH = 2048
LOOK_EVERY = 16
PIXELS_PER_BYTE = 100  # of a PNG mask, about
FEWEST_PER_BATCH = 8
BATCHES_WANTED = 64  # of a small set, so that sixteen workers get four each
LAST = 4  # no batch takes more than this part of what is left, so that workers end together


def batches(
    items: Iterable[T], weigh: Callable[[T], int], *, total: int | None = None, budget: int = PIXELS_PER_BATCH
) -> Iterator[tuple[T, ...]]:
    """Groups items, in order, into batches of about equal weight; reads no further than the batch it gives.

    The batches depend on items and weights alone, never on the number of workers.

    Args:
        items: what is to be grouped.
        weigh: the weight of an item, in pixels.
        total: how many items there are, if that is known; few items make small batches, so that all workers
            get some, and the last ones are smaller still, so that none waits long for another.
        budget: the weight that a batch does not exceed, but for a single item that does so alone.

    Yields:
        1 to 2048 items.

    >>> list(batches([3, 4, 5, 20, 1], int, budget=10))
    [(3, 4), (5,), (20,), (1,)]
    """
    share = MOST_PER_BATCH if total is None else total // BATCHES_WANTED
    most = min(MOST_PER_BATCH, max(FEWEST_PER_BATCH, share))
    batch: list[T] = []
    weight = 0
    for seen, item in enumerate(items):
        more = weigh(item)
        if batch and (weight + more > budget or len(batch) >= most):
            yield tuple(batch)
            batch, weight = [], 0
            if total is not None:
                most = min(most, max(FEWEST_PER_BATCH, (total - seen) // LAST))
        batch.append(item)
        weight += more
    if batch:
        yield tuple(batch)


class Weigher:
    """Weighs masks in pixels, about: looks into the header of every sixteenth and goes by bytes in between.

    Masks that lie together mostly have as many pixels a byte. Opening every file would take a driver hours where
    each costs a millisecond, as on a network.
    """

    def __init__(self) -> None:
        self._seen, self._pixels_per_byte = 0, 0.0

    def __call__(self, path: Readable, size: int) -> int:
        """The weight of a mask of that many bytes, with what it takes to open and write a file."""
        if self._seen % LOOK_EVERY == 0:
            self._pixels_per_byte = pixels_of(path) / max(size, 1)
        self._seen += 1
        return PIXELS_PER_FILE + int(self._pixels_per_byte * size)


def pixels_of(path: Readable) -> int:
    """About how many pixels an image file has: exactly for PNG, which its header tells, else guessed by its size.

    A file's size does not do for PNG: a flat mask of 20,000 x 20,000 pixels fits in 49 kB. A file that cannot be
    read weighs nothing; whoever decodes it says what is wrong. Of cells, the columns tell bytes alone.
    """
    if isinstance(path, Member) and path.column:
        return PIXELS_PER_BYTE * path.size
    try:
        head = first_bytes(path, 24)
        if head[:8] == b"\x89PNG\r\n\x1a\n" and head[12:16] == b"IHDR":
            return int.from_bytes(head[16:20], "big") * int.from_bytes(head[20:24], "big")
        return 4 * state_of(path)[0]  # between BMP's 1/3 and JPEG's 10 pixels a byte
    except (OSError, EnvironmentFailure):
        return 0

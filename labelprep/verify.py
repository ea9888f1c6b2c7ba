"""A prepared folder against its manifest: every mask read and hashed again, every count added up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

import numpy as np
import xxhash

from labelprep.errors import LabelprepError
from labelprep.findings import Finding
from labelprep.prepared import Prepared, Row
from labelprep.steps.count import ClassCounts
from labelprep.steps.palette import read_ids
from labelprep.storage.key_set import KeySet
from labelprep.storage.place import files_below, relative


def verify(prepared: Prepared, on_row: Callable[[int], None]) -> Iterator[Finding]:
    """What in a prepared folder is not what its manifest says; nothing where all is well.

    Args:
        prepared: the folder.
        on_row: called with the number of rows done.
    """
    table = prepared.table
    totals, missing = ClassCounts.zero(len(table)), 0
    for n, row in enumerate(prepared.rows(), 1):
        on_row(n)
        if row.written:
            totals += row.counts()
            for finding in _check_mask(prepared, row):
                missing += finding.code == "output-missing"
                yield finding
    if totals != prepared.totals:
        message = f"the manifest's counts add up to {totals.total:,} pixels, dataset.json has {prepared.totals.total:,}"
        yield Finding.of("output-changed", message, path="dataset.json")
    yield from _strays(prepared, totals.masks - missing)


def _check_mask(prepared: Prepared, row: Row) -> Iterator[Finding]:
    path = prepared.mask_path(row.key)
    where = {"key": row.key, "path": relative(path, prepared.root)}
    try:
        ids = read_ids(path)
    except FileNotFoundError:
        yield Finding.of("output-missing", "the mask is not there", **where)
        return
    except (OSError, LabelprepError, ValueError, SyntaxError) as error:
        yield Finding.of("output-changed", f"the mask cannot be read: {error}", **where)
        return
    if ids.shape != (row.height, row.width):
        message = f"the mask is {ids.shape[1]}x{ids.shape[0]}, the manifest says {row.width}x{row.height}"
        yield Finding.of("output-changed", message, **where)
        return
    plain = np.ascontiguousarray(ids if ids.dtype == np.uint8 else ids.astype("<u2"))
    if xxhash.xxh3_128_hexdigest(plain.data) != row.xxh3:
        yield Finding.of("output-changed", "the mask's ids are not those that were written", **where)
        return
    found = np.bincount(plain.ravel(), minlength=prepared.table.ignore_index + 1)
    if (
        tuple(found[: len(prepared.table)].tolist()) != row.pixels
        or int(found[prepared.table.ignore_index]) != row.ignored
    ):
        yield Finding.of("output-changed", "the counts in the manifest are not those of the mask", **where)


def _strays(prepared: Prepared, expected: int) -> Iterator[Finding]:
    """Masks on disk that the manifest does not know; names are compared only where the numbers differ."""
    folder = prepared.root / "masks"
    if sum(1 for _ in files_below(folder)) <= expected:
        return
    with (
        closing(KeySet(f"{row.key}.png" for row in prepared.rows() if row.written)) as known,
        closing(KeySet(rel for rel in files_below(folder) if not known.meet(rel))) as strays,
    ):
        for rel in strays.unmet():
            yield Finding.of("output-stray", "a file that the manifest does not know", path=f"masks/{rel}")

"""A prepared folder against its manifest: every mask read and hashed again, every count added up."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import xxhash

from labelprep.errors import LabelprepError
from labelprep.findings import Finding
from labelprep.place import Place, Remote, relative
from labelprep.prepared import Prepared, Row
from labelprep.steps.count import ClassCounts
from labelprep.steps.palette import read_ids


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
    if sum(1 for _ in _files(folder)) <= expected:
        return
    known = {row.key for row in prepared.rows() if row.written}
    for rel in _files(folder):
        key, ending = posixpath.splitext(rel)
        if key not in known or ending != ".png":
            message = "a file that the manifest does not know"
            yield Finding.of("output-stray", message, path=f"masks/{rel}")


def _files(folder: Place) -> Iterator[str]:
    """Every file below a folder, by its path from there."""
    if isinstance(folder, Remote):
        yield from (item.name[len(folder.path) + 1 :] for item in folder.below())
        return
    for parent, _, names in os.walk(folder):
        front = Path(parent).relative_to(folder).as_posix()
        for name in sorted(names):
            yield name if front == "." else f"{front}/{name}"

"""Fills the plan's table of files from folders, and the table of split lists beside them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace

from labelprep.findings import Finding
from labelprep.formats.layouts import Arrangement, Source, split_of
from labelprep.formats.lists import read_names
from labelprep.steps.listed import fill_listed
from labelprep.steps.pairing import IMAGE, MASK
from labelprep.steps.places import Places, Row, store
from labelprep.steps.scan import Borders, scan
from labelprep.storage.place import is_same


def fill(db: sqlite3.Connection, found: Arrangement, places: Places) -> int:
    """Writes every picture and every fault of scanning into the plan; returns how many a suffix left out.

    Raises:
        LayoutError: a list that cannot be read, or that names paths outside the dataset.
    """
    if found.pairs:
        fill_listed(db, found, places)
        return 0
    for source in found.sources:
        for folder in (source.masks, source.images):
            if folder is not None:
                places.number(folder)
    left_out = 0
    for source in found.sources:
        for side in (MASK, IMAGE):
            left_out += store(db, _scanned(source, side, found, places), places.tell)
    names = ((name, split, path.name, line) for split, path in found.lists for line, name in read_names(path))
    db.executemany("INSERT INTO listed VALUES (?, ?, ?, ?)", names)
    db.execute("CREATE INDEX listed_name ON listed (name)")
    return left_out


def _scanned(source: Source, side: int, found: Arrangement, places: Places) -> Iterator[Row | Finding | None]:
    folder, other = (source.masks, source.images) if side == MASK else (source.images, source.masks)
    if folder is None:
        return
    number = places.number(folder)
    suffix, partner = (found.mask_suffix, found.image_suffix)[:: 1 if side == MASK else -1]
    shared = other is not None and is_same(folder, other)
    for entry in scan(Borders(folder, places.allowed(), None if shared else other)):
        if isinstance(entry, Finding):
            yield replace(entry, path=f"{places.shown[number]}{entry.path}")
            continue
        if suffix is not None:
            base = suffix.base(entry.stem, entry.ending)
        else:
            taken = shared and partner is not None and partner.base(entry.stem, entry.ending) is not None
            base = None if taken else entry.stem
        if base is None:
            yield None
            continue
        first = entry.rel.partition("/")
        split = source.split or (split_of(first[0]) if first[1] else None)
        yield (source.prefix + base, side, number, entry.rel, entry.size, entry.mtime_ns, split)

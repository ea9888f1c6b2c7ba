"""Fills the plan's table of files from folders, and the table of split lists beside them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace

from labelprep.findings import Finding
from labelprep.formats.layouts import ENDINGS, Arrangement, Source, split_of
from labelprep.formats.lists import read_fold, read_names
from labelprep.formats.polygons.forms import COLLECTED, ENDINGS_OF
from labelprep.steps.annotations import fill_annotations
from labelprep.steps.listed import fill_listed
from labelprep.steps.packed import fill_packed
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
    if found.shards and found.layout not in COLLECTED:
        return fill_packed(db, found, places)
    for source in found.sources:
        for folder in (source.masks, source.images):
            if folder is not None:
                places.number(folder)
    left_out = 0
    for source in found.sources:
        for side in (MASK, IMAGE):
            left_out += store(db, _scanned(source, side, found, places), places.tell)
    if found.layout in COLLECTED:
        fill_annotations(db, found, places)
    for split, path in found.lists:
        named = read_fold(path) if path.suffix == ".json" else ((n, name, split) for n, name in read_names(path))
        rows = ((name, of, path.name, line) for line, name, of in named)
        db.executemany("INSERT INTO listed VALUES (?, ?, ?, ?)", rows)
    db.execute("CREATE INDEX listed_name ON listed (name)")
    return left_out


def _scanned(source: Source, side: int, found: Arrangement, places: Places) -> Iterator[Row | Finding | None]:
    folder, other = (source.masks, source.images) if side == MASK else (source.images, source.masks)
    if folder is None:
        return
    number = places.number(folder)
    suffix, partner = (found.mask_suffix, found.image_suffix)[:: 1 if side == MASK else -1]
    shared = other is not None and is_same(folder, other)
    endings = (ENDINGS_OF[found.layout],) if side == MASK and found.layout in ENDINGS_OF else ENDINGS
    for entry in scan(Borders(folder, places.allowed(), None if shared else other, endings)):
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

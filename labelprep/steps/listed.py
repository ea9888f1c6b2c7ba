"""Fills the plan's table of files from lists of pairs."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from pathlib import Path

from labelprep.errors import LayoutError
from labelprep.findings import Finding
from labelprep.formats.layouts import MASK_FOLDERS, Arrangement, Dialect, Suffix, split_ending
from labelprep.formats.lists import ListedPair, inside, read_camvid, read_images, read_metadata, read_pairs
from labelprep.steps.pairing import IMAGE, MASK, report
from labelprep.steps.places import Places, Row, store
from labelprep.steps.scan import Borders, readable_name, refused, scan
from labelprep.storage.place import Place, Remote, is_below, relative


@dataclass(frozen=True)
class _Lines:
    """A list of pairs being resolved: where its paths may start, how it is written, and how its masks are named."""

    db: sqlite3.Connection
    path: Place
    places: Places
    bases: tuple[Place, ...]
    allowed: tuple[Place, ...]
    suffix: Suffix | None
    dialect: Dialect

    def file(self, text: str) -> tuple[int, str, tuple[int, int]] | Finding:
        """A listed path as folder number, path below it, size and time, or the finding that tells what is wrong."""
        plain = inside(text)
        if plain is None or not readable_name(text):
            return refused(text, "is not a path below the dataset")
        tries = [(b, plain) for b in self.bases]
        if self.dialect == "camvid":  # lists that name their own root first: /SegNet/CamVid/train/a.png
            parts = plain.split("/")
            tries += [(self.bases[0], "/".join(parts[n:])) for n in range(1, len(parts) - 1)]
        for base, rel in tries:
            state = self.object(base, rel) if isinstance(base, Remote) else self.on_disk(f"{base}/{rel}")
            if isinstance(state, str):
                return refused(text, state)
            if state is not None:
                return self.places.number(base), rel, state
        return Finding.of("mask-missing", f"{text}: no such file", path=text)

    def on_disk(self, path: str) -> tuple[int, int] | str | None:
        """Size and time of a file, what is wrong with it, or None where there is none."""
        try:
            state = os.lstat(path)
            linked = stat.S_ISLNK(state.st_mode)
            if linked:
                state = os.stat(path)  # noqa: PTH116 - beside its twin
        except (OSError, ValueError):
            return None
        if not stat.S_ISREG(state.st_mode):
            return "is no regular file"
        if not _within(path if linked else path.rpartition("/")[0], self.allowed):
            return "is a link that leads out of the dataset"
        return state.st_size, state.st_mtime_ns

    def object(self, base: Remote, rel: str) -> tuple[int, int] | None:
        """Size and version of an object, from the listing."""
        found = self.db.execute("SELECT size, version FROM object WHERE name = ?", (f"{base.path}/{rel}",)).fetchone()
        return None if found is None else (found[0], found[1])

    def key(self, rel: str, given: str | None) -> str:
        """The key of a mask: as the list gives it, else its path; in camvid `trainannot/a.png` is `train/a`.

        Beside `train/metadata.jsonl`, `masks/a.png` is `train/a`.
        """
        if given is not None:
            return inside(given) or given
        stem, ending = split_ending(rel)
        base = (self.suffix.base(stem, ending) if self.suffix else None) or stem
        first, slash, rest = base.partition("/")
        if self.dialect == "camvid":
            return f"{first.removesuffix('annot') or first}{slash}{rest}"
        if self.dialect == "hf":
            folder = relative(self.path.parent, self.places.root)
            front = "" if folder == "." else f"{folder}/"
            return front + (rest if rest and first.lower() in MASK_FOLDERS else base)
        return base


@lru_cache(maxsize=1024)
def _within(path: str, allowed: tuple[Place, ...]) -> bool:
    real = Path(path).resolve()
    return any(is_below(real, base) for base in allowed)


def fill_listed(db: sqlite3.Connection, found: Arrangement, places: Places) -> None:
    """Writes every listed pair into the plan, and a finding for each path that cannot be taken.

    Raises:
        LayoutError: a list that cannot be read, or that names paths outside the dataset.
    """
    places.number(places.root)
    db.execute("CREATE TABLE object (name TEXT PRIMARY KEY, size INTEGER, version INTEGER) WITHOUT ROWID")
    for split, path in found.pairs:
        bases = (places.root,) if path.parent.resolve() == places.root.resolve() else (path.parent, places.root)
        for base in bases:
            places.number(base)
            _list_objects(db, base)
        lines = _Lines(db, path, places, bases, tuple(places.allowed()), found.mask_suffix, found.dialect)
        rows = list_reader(path, split, found)
        _refuse_outside(path, list_reader(path, split, found))
        store(db, (item for pair in rows for item in _listed(lines, pair)), places.tell)
    db.execute("CREATE INDEX listed_rel ON file (folder, rel)")
    report(db, _repeated(db, places))
    db.execute("DELETE FROM file WHERE rowid NOT IN (SELECT min(rowid) FROM file GROUP BY side, base, folder, rel)")
    report(db, _unlisted(db, found, places))


def _list_objects(db: sqlite3.Connection, base: Place) -> None:
    """Notes what a store holds: asking for every listed object alone would take a round trip each."""
    if isinstance(base, Remote):
        rows = ((item.name, item.size, item.version) for item in base.below())
        db.executemany("INSERT OR REPLACE INTO object VALUES (?, ?, ?)", rows)


def list_reader(path: Place, split: str | None, found: Arrangement) -> Iterator[ListedPair]:
    """The lines of a list of pairs in its own dialect."""
    if found.dialect == "camvid":
        return read_camvid(path, split)
    if found.dialect == "images":
        return read_images(path, split, found.masks_dir)
    return read_metadata(path, split) if found.dialect == "hf" else read_pairs(path)


def _refuse_outside(path: Place, pairs: Iterable[ListedPair]) -> None:
    """A list that names files outside the dataset is refused before anything is read.

    Raises:
        LayoutError: naming the first twenty lines.
    """
    wrong = (
        f"\n  {path.name}:{p.line}: {t}" for p in pairs for t in (p.mask, p.image, p.key) if t and inside(t) is None
    )
    if shown := list(islice(wrong, 20)):
        message = (
            f"paths must lie below the dataset; absolute ones and those that climb out are refused:{''.join(shown)}"
        )
        raise LayoutError(message, path=path, hint="write the paths relative to the list or to the dataset's folder")


def _listed(lines: _Lines, pair: ListedPair) -> Iterator[Row | Finding]:
    where = f"{lines.path.name}:{pair.line}"
    mask = None if pair.mask is None else lines.file(pair.mask)
    image = None if pair.image is None else lines.file(pair.image)
    key = None
    if isinstance(mask, tuple):
        key = lines.key(mask[1], pair.key)
        yield (key, MASK, mask[0], mask[1], *mask[2], pair.split)
    elif mask is None:
        message = f"{where}: no mask is listed for {pair.image}"
        yield Finding.of("mask-missing", message, path=pair.image)
    else:
        yield replace(mask, message=f"{where}: the listed mask {mask.message}", severity="error")
    if key is not None and isinstance(image, tuple):
        yield (key, IMAGE, image[0], image[1], *image[2], pair.split)
    elif isinstance(image, Finding):
        code = "image-missing" if image.code == "mask-missing" else image.code
        yield Finding.of(code, f"{where}: the listed image {image.message}", key=key, path=image.path)


def _repeated(db: sqlite3.Connection, places: Places) -> Iterator[Finding]:
    """Masks that are listed more than once: an error where the splits differ, else a warning."""
    query = (
        "SELECT base, folder, rel, count(*), count(DISTINCT split), min(split), max(split) FROM file WHERE side = 0"
        " GROUP BY base, folder, rel HAVING count(*) > 1"
    )
    for base, folder, rel, times, splits, first, last in db.execute(query):
        path = places.shown[folder] + rel
        if splits > 1:
            message = f"{path} is listed in the splits {first} and {last}"
            yield Finding.of("split-conflict", message, key=base, path=path)
        else:
            yield Finding.of(
                "duplicate-files", f"{path} is listed {times} times; it is taken once", key=base, path=path
            )


def _unlisted(db: sqlite3.Connection, found: Arrangement, places: Places) -> Iterator[Finding]:
    """One finding for all masks in the folders of a listed layout that no list names."""
    count, example = 0, ""
    number = places.number(places.root)
    for source in found.sources:
        if source.masks is None:
            continue
        front = f"{source.masks.name}/"
        for entry in scan(Borders(source.masks, places.allowed())):
            if isinstance(entry, Finding):
                continue
            known = db.execute(
                "SELECT 1 FROM file WHERE folder = ? AND rel = ?", (number, front + entry.rel)
            ).fetchone()
            if known is None:
                count += 1
                example = min(example or front + entry.rel, front + entry.rel)
    if count:
        message = f"{count} masks are in no list and are left out, such as {example}"
        yield replace(Finding.of("split-conflict", message, path=example), severity="warning")

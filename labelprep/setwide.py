"""Questions about the whole set, answered on disk after every sample has been seen.

Duplicates and leaks between splits, classes that never appear, and colours that miss the table by the same
little step in many files.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from labelprep.classes import ClassTable
from labelprep.findings import Finding
from labelprep.steps.count import ClassCounts
from labelprep.steps.discover import Plan
from labelprep.storage.place import File, Member, Readable, from_text

NEAR_MISS = 10.0  # distance in RGB below which an unknown colour is a class that the table has slightly wrong
NEAR_MISS_FILES = 3
NEAR_MISS_SHARE = 0.1  # of all masks
_MOST_COLORS = 10_000  # kept while counting near misses
_AT_ONCE = 1024
_SQL_STEPS = 1_000_000  # of SQLite's machine: a few hundredths of a second


class NearMisses:
    """Counts, over files, the unknown colours that lie next to a class's colour."""

    def __init__(self) -> None:
        self._files: Counter[tuple[int, int, int]] = Counter()
        self._example: dict[tuple[int, int, int], Mapping[str, Any]] = {}
        self._masks = 0

    def add(self, findings: Sequence[Mapping[str, Any]]) -> None:
        """Takes the findings of one mask."""
        self._masks += 1
        if not findings or any(f["code"] == "lossy-mask" for f in findings):
            return
        for finding in findings:
            if finding["code"] == "unknown-color" and finding.get("distance", 1e9) <= NEAR_MISS:
                r, g, b = finding["color"]
                if (r, g, b) in self._files or len(self._files) < _MOST_COLORS:
                    self._files[r, g, b] += 1
                    self._example.setdefault((r, g, b), finding)

    def findings(self) -> Iterator[Finding]:
        """One finding for each colour that misses the table in many files."""
        for color, files in sorted(self._files.items(), key=lambda item: (-item[1], item[0])):
            if files >= max(NEAR_MISS_FILES, NEAR_MISS_SHARE * self._masks):
                example = self._example[color]
                message = (
                    f"colour {color} occurs in {files:,} of {self._masks:,} masks and misses {example['nearest']!r} "
                    f"by {example['distance']:g}, e.g. in {example['path']}"
                )
                yield Finding.of(
                    "off-table", message, color=color, nearest=example["nearest"], distance=example["distance"]
                )


def absent_classes(counts: ClassCounts, table: ClassTable) -> Iterator[Finding]:
    """A finding for every class without a pixel."""
    for c in table.classes:
        if counts.masks and counts.pixels[c.id] == 0:
            yield Finding.of(
                "absent-class", f"class {c.id} {c.name!r} {c.color} has no pixel in {counts.masks:,} masks"
            )


class Copies:
    """Finds samples whose image and mask are the same files twice, and images that lie in two splits.

    Masks are compared by the hash that was taken while reading; images only where two have the same size in
    bytes, and then by their content. Everything lies in SQLite, also where all images are copies of one.
    """

    def __init__(
        self,
        workdir: Path,
        wait: Callable[[], object] = lambda: None,
        sha256: Callable[[Path], str | None] | None = None,
    ) -> None:
        """Opens a table.

        Args:
            workdir: folder for it.
            wait: called now and then while nothing comes.
            sha256: gives the hash of an image, perhaps without reading it; None for one that cannot be read.
        """
        self._wait, self._sha256 = wait, sha256 or _sha256
        self._table = sqlite3.connect(workdir / "copies.sqlite", isolation_level=None)
        self._table.executescript(
            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;"
            "CREATE TABLE samples (n INTEGER PRIMARY KEY, key TEXT, split TEXT, mask TEXT, image TEXT, size INTEGER);"
            "CREATE TABLE contents (n INTEGER PRIMARY KEY, image TEXT);"
            "CREATE INDEX by_image ON contents (image); BEGIN"
        )
        self._table.set_progress_handler(self._alive, _SQL_STEPS)
        self._twins: Iterator[tuple[str, str | None, str | None, int]] = iter(())
        self._next: tuple[str, str | None, str | None, int] | None = None
        self._rows: list[tuple[Any, ...]] = []  # written many at a time

    def add_plan(self, plan: Plan) -> None:
        """Takes every image from the plan that may be a copy."""
        self._twins = plan.twins()
        self._next = next(self._twins, None)

    def add_mask(self, key: str, sha256: str) -> None:
        """Takes the hash of one mask's bytes; masks come in the order of the plan."""
        if self._next is not None and key == self._next[0]:
            self._rows.append((*self._next, sha256))
            self._next = next(self._twins, None)
            if len(self._rows) >= _AT_ONCE:
                self._write_rows()

    def _alive(self) -> int:
        self._wait()
        return 0  # anything else would interrupt SQLite

    def _write_rows(self) -> None:
        insert = "INSERT INTO samples (key, split, image, size, mask) VALUES (?, ?, ?, ?, ?)"
        self._table.executemany(insert, self._rows)
        self._rows.clear()

    def close(self) -> None:
        """Forgets everything."""
        self._table.close()

    def findings(self) -> Iterator[Finding]:
        """Findings about copies of images, then of masks without images; each in the order of the plan."""
        self._write_rows()
        for column in ("mask", "size"):
            self._table.execute(f"CREATE INDEX by_{column} ON samples ({column})")
        self._table.executemany("INSERT INTO contents VALUES (?, ?)", self._hashed())
        same = self._table.execute(
            "SELECT contents.image, count(*), count(DISTINCT mask) FROM contents JOIN samples USING (n)"
            " GROUP BY contents.image HAVING count(*) > 1 ORDER BY min(n)"
        )
        for image, count, masks in same:
            yield from self._copies_of_image(image, count, masks)
        yield from self._same_masks_without_images()

    def _hashed(self) -> Iterator[tuple[int, str]]:
        """(n, SHA-256 of the image) of every sample whose image has the size of another one."""
        twins = self._table.execute(
            "SELECT n, image FROM samples WHERE image IS NOT NULL AND size IN"
            " (SELECT size FROM samples WHERE image IS NOT NULL GROUP BY size HAVING count(*) > 1)"
        )
        for n, image in twins:
            self._wait()
            place = from_text(image)
            digest = self._sha256(Path(place)) if isinstance(place, File) else _sha256_inside(place)
            if digest is not None:
                yield n, digest

    def _copies_of_image(self, image: str, count: int, masks: int) -> Iterator[Finding]:
        members = "FROM contents JOIN samples USING (n) WHERE contents.image = ?"
        (first, split), (second, _) = self._table.execute(f"SELECT key, split {members} ORDER BY n LIMIT 2", (image,))
        splits = [s for (s,) in self._table.execute(f"SELECT DISTINCT split {members} ORDER BY split", (image,)) if s]
        if len(splits) > 1:
            elsewhere = f"SELECT key {members} AND split IS NOT NULL AND split IS NOT ? ORDER BY n LIMIT 1"
            (other,) = self._table.execute(elsewhere, (image, split)).fetchone()
            message = f"one image lies in {' and '.join(splits)}: {first} and {other}"
            yield Finding.of("leaked-split", message, key=first)
        same = "the same mask" if masks == 1 else f"{masks} different masks"
        message = f"{count} samples hold the same image, with {same}, e.g. {first} and {second}"
        yield Finding.of("duplicate-files", message, key=first)

    def _same_masks_without_images(self) -> Iterator[Finding]:
        same = self._table.execute(
            "SELECT mask, count(*) FROM samples WHERE image IS NULL AND mask IS NOT NULL AND mask != ''"
            " GROUP BY mask HAVING count(*) > 1 ORDER BY min(n)"
        )
        two = "SELECT key FROM samples WHERE mask = ? AND image IS NULL ORDER BY n LIMIT 2"
        for mask, count in same:
            (first,), (second,) = self._table.execute(two, (mask,))
            message = f"{count} masks without images are the same file, e.g. {first} and {second}"
            yield Finding.of("duplicate-files", message, key=first, severity="note")


def _sha256_inside(place: Readable) -> str | None:
    """The same of a member of a container; objects in a store are not read once more."""
    if not isinstance(place, Member):
        return None
    try:
        return hashlib.sha256(place.read_bytes()).hexdigest()
    except OSError:
        return None


def _sha256(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None  # told by the sample itself

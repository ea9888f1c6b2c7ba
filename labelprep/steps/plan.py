"""The plan: which masks there are, with their images and splits, on disk and in one fixed order."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import xxhash

from labelprep.findings import Finding
from labelprep.formats.polygons.forms import ANNOTATED, ONE_FILE
from labelprep.steps.pairing import connect
from labelprep.storage.place import File, Member, Place, Readable, Remote, from_plain, to_plain, to_text


class Sample(NamedTuple):
    """One mask and what belongs to it; a tuple, because a set has millions and each is made three times.

    Attributes:
        key: the mask's path under the folder of masks, POSIX, without mask suffix and last ending.
        mask: the mask's file.
        source: the same, POSIX, relative to the dataset's root; to the folder of masks where that lies elsewhere.
        image: the image's file, or None.
        image_source: as `source`, or None.
        split: the split that the dataset gives, or None.
        mask_size: bytes.
        mask_mtime_ns: time of the last change, nanoseconds; of an object, the number of its version.
        image_size: bytes; 0 without an image.
        image_mtime_ns: nanoseconds; 0 without an image.
        form: the layout, where the mask is an annotation that is drawn; "" for pixels.
        annotation: what a file of many annotations says of this sample, as JSON.
    """

    key: str
    mask: Readable
    source: str
    image: Readable | None = None
    image_source: str | None = None
    split: str | None = None
    mask_size: int = 0
    mask_mtime_ns: int = 0
    image_size: int = 0
    image_mtime_ns: int = 0
    form: str = ""
    annotation: str | None = None

    @property
    def named(self) -> str:
        """What findings name: the mask, or the image where one file annotates many."""
        many = self.annotation is not None and self.form in ONE_FILE
        return (self.image_source or f"{self.source} ({self.key})") if many else self.source

    def stamp(self) -> list[Any]:
        """What a result depends on besides options: while it is equal, the files need not be read again."""
        image = [self.image_source, self.image_size, self.image_mtime_ns]
        notes = [] if self.annotation is None else [xxhash.xxh3_128_hexdigest(self.annotation.encode())]
        return [self.source, self.split, self.mask_size, self.mask_mtime_ns, *image, *notes]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `from_dict` is the way back."""
        plain = self._asdict()
        for name in ("mask", "image"):
            if (place := plain[name]) is not None and not isinstance(place, File):  # a text already
                plain[name] = to_plain(place)
        return plain

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The sample that `to_dict` wrote."""
        image = values["image"]
        place = None if image is None else from_plain(image)
        return cls(**{**values, "mask": from_plain(values["mask"]), "image": place})


def _inside(folder: Place) -> Callable[[str], Readable]:
    """From the path below a folder to the place."""
    if isinstance(folder, Remote):
        return lambda rel: folder / rel
    front = _front(folder)
    return lambda rel: File(front + rel)


def _front(folder: Place) -> str:
    """What stands before the paths below a folder; to join each takes as long as to ask for a file's size."""
    return f"{folder}/" if isinstance(folder, Remote) else os.path.join(folder, "")  # noqa: PTH118


@dataclass(frozen=True)
class Plan:
    """What `discover` found. Samples and findings stay in an SQLite file and are streamed from it.

    Attributes:
        layout: a name of `labelprep.formats.layouts.LAYOUTS`.
        why: one sentence: what was detected, and by which rule.
        root: the dataset's folder.
        database: the SQLite file.
        folders: folders or containers that masks and images lie in, with what stands in front of a path below each
            in `source`.
        count: number of samples.
        mask_suffix: the part of the masks' names that the keys lack, "" for none.
        image_suffix: the same of the images' names.
        class_table_candidates: class tables that lie beside the data, or the preset that the layout implies.
        zero_ignored: masks of this layout hold id + 1, and 0 where pixels are ignored.
    """

    layout: str
    why: str
    root: Place
    database: Path
    folders: tuple[tuple[Place, str], ...]
    count: int
    mask_suffix: str = ""
    image_suffix: str = ""
    class_table_candidates: tuple[str, ...] = ()
    zero_ignored: bool = False

    def __len__(self) -> int:
        return self.count

    @property
    def class_table(self) -> str | None:
        """The only class table found beside the data, or `preset:NAME`; None for none or several."""
        return self.class_table_candidates[0] if len(self.class_table_candidates) == 1 else None

    def samples(self) -> Iterator[Sample]:
        """The samples, sorted by key (by code points, the same on every system)."""
        with closing(connect(self.database)) as db:
            if db.execute("SELECT 1 FROM member LIMIT 1").fetchone():
                yield from self._packed(db)
                return
            folders = [(_inside(folder), shown) for folder, shown in self.folders]
            form = self.layout if self.layout in ANNOTATED else ""
            query = "SELECT *, NULL FROM sample ORDER BY key"
            if db.execute("SELECT 1 FROM annotation LIMIT 1").fetchone():
                query = "SELECT sample.*, body FROM sample LEFT JOIN annotation USING (key) ORDER BY key"
            for key, split, folder, rel, size, mtime, *image, body in db.execute(query):
                where, shown = folders[folder]
                sample = (key, where(rel), shown + rel)
                if image[0] is None:
                    yield Sample(*sample, None, None, split, size, mtime, form=form, annotation=body)
                else:
                    beside, front = folders[image[0]]
                    picture = (beside(image[1]), front + image[1])
                    yield Sample(*sample, *picture, split, size, mtime, image[2], image[3], form, body)

    def _packed(self, db: sqlite3.Connection) -> Iterator[Sample]:
        """The samples of containers, whose `folders` are files."""
        query = (
            "SELECT sample.*, m.start, m.field, i.start, i.field FROM sample"
            " JOIN member m ON m.folder = sample.folder AND m.rel = sample.rel"
            " LEFT JOIN member i ON i.folder = image_folder AND i.rel = image_rel ORDER BY key"
        )
        for key, split, folder, rel, size, mtime, beside, name, bytes_, time, *at in db.execute(query):
            where, shown = self.folders[folder]
            mask = Member(where, rel, at[0], size, at[1])
            if name is None:
                yield Sample(key, mask, shown + rel, None, None, split, size, mtime)
            else:
                around, front = self.folders[beside]
                image = Member(around, name, at[2], bytes_, at[3])
                yield Sample(key, mask, shown + rel, image, front + name, split, size, mtime, bytes_, time)

    def images(self) -> Iterator[tuple[str, str | None, str | None, int]]:
        """Key, split, image (None without one) and its bytes of every sample, in the order of `samples`.

        The image is a text that `storage.place.from_text` reads. Of cells, whose bytes nobody counted, no two are of a
        size: to compare them, all would have to be read.
        """
        return self._images("")

    def twins(self) -> Iterator[tuple[str, str | None, str | None, int]]:
        """The same of those samples alone that may be copies: without an image, or with one as large as another."""
        return self._images(
            "WHERE image_rel IS NULL OR image_size IN"
            " (SELECT image_size FROM sample WHERE image_rel IS NOT NULL GROUP BY image_size HAVING count(*) > 1)"
        )

    def _images(self, which: str) -> Iterator[tuple[str, str | None, str | None, int]]:
        folders = [_front(folder) for folder, _ in self.folders]
        query = f"SELECT key, split, image_folder, image_rel, image_size FROM sample {which} ORDER BY key"
        with closing(connect(self.database)) as db:
            if db.execute("SELECT 1 FROM member LIMIT 1").fetchone():
                for n, s in enumerate(self._packed(db), 1):
                    cell = isinstance(s.image, Member) and s.image.column
                    yield s.key, s.split, None if s.image is None else to_text(s.image), -n if cell else s.image_size
                return
            for key, split, folder, rel, size in db.execute(query):
                yield key, split, None if rel is None else folders[folder] + rel, size or 0

    def findings(self) -> Iterator[Finding]:
        """What is wrong with names, pairs and split lists, sorted by kind and key; no file was opened for it."""
        with closing(connect(self.database)) as db:
            for (body,) in db.execute("SELECT body FROM finding ORDER BY code, key, body"):
                yield Finding.from_dict(json.loads(body))

    def split_counts(self) -> dict[str, int]:
        """Samples of each split that the dataset gives, sorted by name; those without a split are not in it."""
        with closing(connect(self.database)) as db:
            query = "SELECT split, count(*) FROM sample WHERE split IS NOT NULL GROUP BY split ORDER BY split"
            return dict(db.execute(query).fetchall())

    def fingerprint(self) -> str:
        """SHA-256 over names, sizes, times and splits of all samples in order: equal while no file changed."""
        digest = hashlib.sha256()
        for s in self.samples():
            row = (s.key, *s.stamp())
            digest.update(json.dumps(row, ensure_ascii=False).encode() + b"\n")
        return digest.hexdigest()

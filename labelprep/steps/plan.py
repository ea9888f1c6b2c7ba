"""The plan: which masks there are, with their images and splits, on disk and in one fixed order."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from labelprep.findings import Finding
from labelprep.steps.pairing import connect
from labelprep.storage.place import Place, to_place


@dataclass(frozen=True)
class Sample:
    """One mask and what belongs to it.

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
    """

    key: str
    mask: Place
    source: str
    image: Place | None = None
    image_source: str | None = None
    split: str | None = None
    mask_size: int = 0
    mask_mtime_ns: int = 0
    image_size: int = 0
    image_mtime_ns: int = 0

    def stamp(self) -> list[Any]:
        """What a result depends on besides options: while it is equal, the files need not be read again."""
        image = [self.image_source, self.image_size, self.image_mtime_ns]
        return [self.source, self.split, self.mask_size, self.mask_mtime_ns, *image]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `from_dict` is the way back."""
        return self.__dict__ | {"mask": str(self.mask), "image": None if self.image is None else str(self.image)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The sample that `to_dict` wrote."""
        image = values["image"]
        return cls(**{**values, "mask": to_place(values["mask"]), "image": None if image is None else to_place(image)})


@dataclass(frozen=True)
class Plan:
    """What `discover` found. Samples and findings stay in an SQLite file and are streamed from it.

    Attributes:
        layout: a name of `labelprep.formats.layouts.LAYOUTS`.
        why: one sentence: what was detected, and by which rule.
        root: the dataset's folder.
        database: the SQLite file.
        folders: folders that masks and images lie in, with what stands in front of a path below each in `source`.
        count: number of samples.
        mask_suffix: the part of the masks' names that the keys lack, "" for none.
        image_suffix: the same of the images' names.
        class_table_candidates: class tables that lie beside the data, or the preset that the layout implies.
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

    def __len__(self) -> int:
        return self.count

    @property
    def class_table(self) -> str | None:
        """The only class table found beside the data, or `preset:NAME`; None for none or several."""
        return self.class_table_candidates[0] if len(self.class_table_candidates) == 1 else None

    def samples(self) -> Iterator[Sample]:
        """The samples, sorted by key (by code points, the same on every system)."""
        with closing(connect(self.database)) as db:
            for key, split, folder, rel, size, mtime, *image in db.execute("SELECT * FROM sample ORDER BY key"):
                where, shown = self.folders[folder]
                sample = (key, where / rel, shown + rel)
                if image[0] is None:
                    yield Sample(*sample, None, None, split, size, mtime)
                else:
                    beside, front = self.folders[image[0]]
                    yield Sample(*sample, beside / image[1], front + image[1], split, size, mtime, image[2], image[3])

    def images(self) -> Iterator[tuple[str, str | None, str | None, int]]:
        """Key, split, image (None without one) and its bytes of every sample, in the order of `samples`."""
        folders = [str(folder) for folder, _ in self.folders]
        query = "SELECT key, split, image_folder, image_rel, image_size FROM sample ORDER BY key"
        with closing(connect(self.database)) as db:
            for key, split, folder, rel, size in db.execute(query):
                yield key, split, None if rel is None else os.path.join(folders[folder], rel), size or 0  # noqa: PTH118 - Path takes twenty times as long

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
            image = (s.image_source, s.image_size, s.image_mtime_ns)
            row = (s.key, s.source, s.mask_size, s.mask_mtime_ns, *image, s.split)
            digest.update(json.dumps(row, ensure_ascii=False).encode() + b"\n")
        return digest.hexdigest()

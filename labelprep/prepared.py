"""The prepared folder on disk: the only thing that the preparing and the learning half share.

```
OUT/dataset.json        schema version, class table, options, versions, totals
OUT/manifest.jsonl      one line per sample, in plan order
OUT/findings.jsonl      one line per finding
OUT/masks/<key>.png     ids as palette PNG (or gray index PNG)
OUT/images/<key>.<ext>  with --link hard or copy
OUT/splits/<name>.txt   keys, written by `split`; they go before the manifest's splits
OUT/weights/            class-weight files
OUT/.labelprep/         the run's own state (lock, journal, where the images lie); no part of the result
```
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path, PurePath, PurePosixPath
from typing import Any, Self

import numpy as np
import orjson

from labelprep.classes import ClassTable
from labelprep.errors import EnvironmentFailure, UsageError, naming
from labelprep.findings import Finding
from labelprep.steps.count import ClassCounts
from labelprep.storage.key_set import KeySet
from labelprep.storage.place import Place, Remote, to_place

SCHEMA_VERSION = 1
STATE = ".labelprep"
_FIRST = 8  # images that are looked for where images moved


def mask_name(key: str) -> str:
    """The mask of a key, from the prepared folder, POSIX."""
    return f"masks/{key}.png"


def mask_path(out: Place, key: str) -> Place:
    """Where the mask of a key lies in a prepared folder."""
    return out / mask_name(key)


def image_path(out: Place, key: str, ending: str) -> Place:
    """Where the image of a key lies in a prepared folder that links or copies images; `ending` as in `.jpg`."""
    return out / f"images/{key}{ending}"


def mark_unfinished(out: Place) -> None:
    """Removes `dataset.json`, whose presence says that everything else in the folder fits together.

    Raises:
        EnvironmentFailure: where it cannot be removed.
    """
    path = out / "dataset.json"
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        message = f"cannot be replaced: {error.strerror or error}"
        raise EnvironmentFailure(message, path=path, hint="make it writable, then run again") from error


def is_below(path: str) -> bool:
    r"""Whether a path, put behind a folder, stays below it.

    >>> [is_below(path) for path in ("a/b..c", "../a", "a/../../b", "/a", "", "a\0b")]
    [True, False, False, False, False, False]
    """
    if path and path[0] not in "/\\" and ".." not in path and ":" not in path and "\0" not in path:
        return True  # nearly all of them
    pure = PurePath(path)
    return bool(pure.parts) and not pure.anchor and ".." not in pure.parts and "\0" not in path


@dataclass(frozen=True)
class Row:
    """One line of the manifest.

    Attributes:
        key: names the mask: `masks/<key>.png`.
        source: the source mask, POSIX, relative to the dataset's root.
        image: its image, POSIX, relative to the dataset's root, or None.
        split: the split that the dataset itself gives, or None.
        size: bytes of the source mask that were read.
        sha256: of those bytes.
        height: pixels.
        width: pixels.
        xxh3: XXH3-128 of the written ids, row by row, little-endian; None where the mask was not written.
        pixels: valid pixels per class, C integers; empty where the mask was not written.
        ignored: pixels with the ignore index.
        findings: codes of the findings of this sample.
    """

    key: str
    source: str
    image: str | None = None
    split: str | None = None
    size: int = 0
    sha256: str = ""
    height: int = 0
    width: int = 0
    xxh3: str | None = None
    pixels: tuple[int, ...] = ()
    ignored: int = 0
    findings: tuple[str, ...] = ()

    @property
    def written(self) -> bool:
        """Whether the mask was converted."""
        return self.xxh3 is not None

    def counts(self) -> ClassCounts:
        """Counts of this one mask."""
        return ClassCounts.of_pixels(np.array(self.pixels, np.int64), self.ignored)

    def to_json(self) -> str:
        """One line of JSON without its line end."""
        return orjson.dumps(self.__dict__).decode()

    @classmethod
    def from_json(cls, line: str) -> Self:
        """The row that `to_json` wrote."""
        values = orjson.loads(line)
        for name in ("key", "source", "image", "split"):
            if (path := values.get(name)) is not None and not is_below(path):
                message = f"{name} {path!r} does not lie below its folder"
                raise ValueError(message)
        values["pixels"] = tuple(values["pixels"])
        values["findings"] = tuple(values["findings"])
        return cls(**values)


@dataclass(frozen=True)
class Prepared:
    """A finished prepared folder, read-only.

    Attributes:
        root: the folder.
        info: the content of `dataset.json`.
    """

    root: Place
    info: Mapping[str, Any]

    @classmethod
    def open(cls, root: Place | str) -> Self:
        """Opens a prepared folder.

        Raises:
            UsageError: where there is none, it is not finished, or another schema version wrote it.
        """
        root = to_place(root)
        try:
            with naming(root / "dataset.json"):
                info = json.loads((root / "dataset.json").read_text("utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            what = "it holds no dataset.json" if root.exists() else "there is no such folder"
            message = f"not a prepared folder: {what}"
            raise UsageError(message, path=root, hint="make one: labelprep convert DATASET -o OUT") from None
        except ValueError as error:
            message = f"dataset.json is damaged: {error}"
            raise UsageError(message, path=root, hint="convert again with --overwrite") from None
        version = info.get("schema_version") if isinstance(info, dict) else None
        if version is not None and not {"class_table", "totals", "options"} <= info.keys():
            message = "dataset.json is damaged: it lacks the class table, the totals or the options"
            raise UsageError(message, path=root, hint="convert again with --overwrite")
        if version != SCHEMA_VERSION:
            message = f"schema version {version!r}; this labelprep reads {SCHEMA_VERSION}"
            raise UsageError(message, path=root, hint="convert again with --overwrite")
        return cls(root, info)

    @cached_property
    def table(self) -> ClassTable:
        """The class table that all ids refer to."""
        return ClassTable.from_dict(self.info["class_table"], source=str(self.root / "dataset.json"))

    @cached_property
    def totals(self) -> ClassCounts:
        """Counts over all written masks."""
        return ClassCounts.from_dict(self.info["totals"])

    @cached_property
    def identity(self) -> str:
        """SHA-256 over dataset.json and manifest.jsonl: equal for equal prepared sets."""
        digest = hashlib.sha256()
        for name in ("dataset.json", "manifest.jsonl"):
            path = self.root / name
            with naming(path), path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()

    @cached_property
    def identity_with_splits(self) -> str:
        """SHA-256 over `identity` and the lists of the splits: equal where the same samples are in the same splits."""
        digest = hashlib.sha256(self.identity.encode())
        lists: list[Place] = sorted((self.root / "splits").glob("*.txt"), key=lambda path: path.name)
        for path in lists:
            with naming(path):
                digest.update(f"{path.stem} {hashlib.sha256(path.read_bytes()).hexdigest()}".encode())
        return digest.hexdigest()

    def mask_path(self, key: str) -> Place:
        """Where the mask of a key lies."""
        return mask_path(self.root, key)

    def findings(self) -> Iterator[Finding]:
        """All findings, in plan order."""
        path = self.root / "findings.jsonl"
        with naming(path), path.open(encoding="utf-8") as lines:
            for line in lines:
                yield Finding.from_dict(json.loads(line))

    def rows(self, split: str | None = None) -> Iterator[Row]:
        """Manifest rows in plan order: all of them, or the written ones of one split.

        Raises:
            UsageError: for a split that the folder does not have, naming those it has; behind the last row, for a
                list with keys that no sample has.
        """
        if split is None:
            yield from self._rows()
            return
        path = self.root / "splits" / f"{split}.txt"
        if path.is_file():
            yield from self._listed_rows(path)
            return
        if split not in (known := self.splits()):
            message = f"no split named {split!r}; there are: {', '.join(known) or 'none'}"
            make = "make splits: labelprep split OUT --ratios 0.8 0.2"
            raise UsageError(message, path=self.root, hint="give one of those" if known else make)
        yield from (row for row in self._rows() if row.written and row.split == split)

    def splits(self) -> tuple[str, ...]:
        """Names of the splits: those of `splits/*.txt` if there are any, else the manifest's."""
        files = sorted(p.stem for p in (self.root / "splits").glob("*.txt"))
        return tuple(files) or tuple(sorted({r.split for r in self._rows() if r.split is not None and r.written}))

    def counts(self, split: str | None = None) -> ClassCounts:
        """Counts over all written masks or those of one split."""
        if split is None:
            return self.totals
        counts = ClassCounts.zero(len(self.table))
        for row in self.rows(split):
            counts += row.counts()
        return counts

    def image_path(self, row: Row, images: Place | str | None = None) -> Place | None:
        """The image of a row: under OUT if it was linked there, else under `images` or where convert found it.

        Args:
            row: a line of the manifest.
            images: a folder to which images moved: the dataset's, or any of those that held the images in it.
        """
        if row.image is None:
            return None
        if self.info["options"].get("link", "none") != "none":
            return image_path(self.root, row.key, PurePosixPath(row.image).suffix)
        if images is not None:
            return to_place(images) / "/".join(row.image.split("/")[self._above(str(images)) :])
        return None if self.source_root is None else self.source_root / row.image

    def _above(self, images: str) -> int:
        """How many folders in front of an image are not below `images`, as the first images that lie there show."""
        if images not in self._folders_above:
            ways = [way.split("/") for way in islice((r.image for r in self._rows() if r.image), _FIRST)]
            depths = range(max(map(len, ways), default=0))
            lies = (n for n in depths for way in ways if way[n:] and (to_place(images) / "/".join(way[n:])).exists())
            self._folders_above[images] = next(lies, 0)
        return self._folders_above[images]

    @cached_property
    def _folders_above(self) -> dict[str, int]:
        return {}

    @cached_property
    def source_root(self) -> Place | None:
        """The dataset's root as convert saw it, or None where the note about it is missing."""
        try:
            with naming(path := self.root / STATE / "source.json"):
                note = json.loads(path.read_text("utf-8"))
        except (FileNotFoundError, ValueError):
            return None
        way = str(note["root"])
        if "://" in way or isinstance(self.root, Remote):
            return to_place(way)
        return Path(os.path.normpath(self.root / way))

    def _rows(self) -> Iterator[Row]:
        path = self.root / "manifest.jsonl"
        with naming(path), path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    row = Row.from_json(line)
                except (ValueError, TypeError, KeyError, AttributeError) as error:
                    message = f"line {number} is damaged: {error!r}"
                    raise UsageError(message, path=path, hint="convert again with --overwrite") from None
                yield row

    def _listed_rows(self, path: Place) -> Iterator[Row]:
        """The written rows whose keys stand in a list."""
        with closing(KeySet(_lines(path))) as keys:
            for row in self._rows():
                if keys.meet(row.key) and row.written:
                    yield row
            strange = keys.unmet()
            if first := next(strange, None):
                message = f"lists {1 + sum(1 for _ in strange)} keys that no sample has, such as {first!r}"
                raise UsageError(message, path=path, hint="mend the list, or make splits anew: labelprep split OUT")


def _lines(path: Place) -> Iterator[str]:
    try:
        # lines of a file end at line ends alone; str.splitlines() also breaks at U+0085 and others of file names
        with naming(path), path.open(encoding="utf-8") as lines:
            yield from filter(None, (line.rstrip("\r\n") for line in lines))
    except UnicodeDecodeError as error:
        message = f"expected UTF-8 text: {error.reason} at byte {error.start}"
        raise UsageError(message, path=path, hint="save the list as UTF-8") from None

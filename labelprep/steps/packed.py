"""Fills the plan's table of files from containers: tar shards by their headers, parquet files by their row groups."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import IO, Any

from labelprep.errors import LayoutError
from labelprep.findings import Finding
from labelprep.formats.folders import files_below, shown
from labelprep.formats.layouts import ENDINGS, Arrangement, split_ending
from labelprep.formats.lists import inside
from labelprep.formats.shards import Columns, columns_of, fields_of
from labelprep.formats.unread import SHARDS, unread_file
from labelprep.steps.pairing import IMAGE, MASK
from labelprep.steps.places import Places, Row, store
from labelprep.steps.scan import readable_name, refused
from labelprep.storage import parquet, tar
from labelprep.storage.place import Place, state_of

MOST_BYTES = 1 << 30  # of one member
_JSON_BYTES = 1 << 16  # of a sample's own JSON that is looked into
_ROWS = 4096
_MAGIC = ((b"\x89PNG", ".png"), (b"\xff\xd8", ".jpg"), (b"BM", ".bmp"), (b"II*\0", ".tif"), (b"MM\0*", ".tif"))


def fill_packed(db: sqlite3.Connection, found: Arrangement, places: Places) -> int:
    """Writes every sample of every container into the plan; returns how many pictures were left out.

    Raises:
        LayoutError: a parquet file without a column of masks.
        MissingExtraError: parquet files without pyarrow.
    """
    left_out = 0
    for split, path in found.shards:
        number = places.number(path)
        read = _parquet if found.layout == "hf-parquet" else _tar
        left_out += store(db, read(_Shard(db, path, number, split, found)), places.tell)
    compressed = files_below(places.root, *SHARDS) if found.layout == "wds" else []
    return left_out + store(db, (unread_file(shown(path, places.root)) for path in compressed), places.tell)


@dataclass(frozen=True)
class _Shard:
    """A container being read: its number among the plan's places, and its split."""

    db: sqlite3.Connection
    path: Place
    number: int
    split: str | None
    found: Arrangement

    def damaged(self, why: object) -> Finding:
        """The finding for a container that cannot be read, or not to its end."""
        return Finding.of("unreadable-file", f"{self.path.name}: {why}", path=self.path.name)

    def row(self, key: str, side: int, name: str, size: int, mtime: int, at: tuple[int, str]) -> Row:
        """A file of the plan, whose place in the container is noted."""
        self.db.execute("INSERT OR REPLACE INTO member VALUES (?, ?, ?, ?)", (self.number, name, *at))
        return (key, side, self.number, name, size, mtime, self.split)


@dataclass
class _Group:
    """The members of one sample of a tar file, which lie side by side."""

    base: str = ""
    fields: dict[str, tuple[str, tar.Packed]] = field(default_factory=dict)
    key: str | None = None


def _tar(shard: _Shard) -> Iterator[Row | Finding | None]:
    try:
        total, mtime = state_of(shard.path)
        with shard.path.open("rb") as file:
            group = _Group()
            try:
                for member in tar.members(shard.path, file, total):
                    if member.kind == "folder":
                        continue
                    name = _plain(shard, member)
                    if isinstance(name, Finding):
                        yield name
                        continue
                    base, what = _key_and_field(name)
                    if base != group.base or what in group.fields:
                        yield from _sample(shard, group, mtime)
                        group = _Group(base)
                    group.fields[what] = (name, member)
                    if what == "json":
                        group.key = _told_key(file, member)
            except tar.EndlessTarError as error:
                yield replace(shard.damaged(error), severity="warning")
            except tar.DamagedTarError as error:
                yield shard.damaged(error)
            yield from _sample(shard, group, mtime)
    except OSError as error:
        yield shard.damaged(f"cannot be read: {error.strerror or error}")


def _plain(shard: _Shard, member: tar.Packed) -> str | Finding:
    """A member's name in plain form, or why it is not taken: it never leads anywhere, but keys are made of it."""
    shown = f"{shard.path.name}/{member.name}"
    plain = inside(member.name)
    if plain is None or "\0" in member.name or not readable_name(member.name):
        return refused(shown, "has a name that is no path below the set")
    if member.kind != "file":
        return refused(shown, f"is {member.kind}, which no sample is read from")
    if member.size > MOST_BYTES:
        return refused(shown, f"has {member.size:,} bytes, more than {MOST_BYTES:,}")
    return plain


def _key_and_field(name: str) -> tuple[str, str]:
    """The key of a member and its field, parted at the first dot of the name behind the folders."""
    folder, slash, last = name.rpartition("/")
    stem, _, what = last.partition(".")
    return folder + slash + stem, what


def _told_key(file: IO[bytes], member: tar.Packed) -> str | None:
    """The key that a sample's JSON tells, as exports write it: names in tar files hold no dots."""
    if member.size > _JSON_BYTES:
        return None
    file.seek(member.start)
    try:
        told = json.loads(file.read(member.size))
    except (ValueError, RecursionError):
        return None
    key = told.get("key") if isinstance(told, dict) else None
    return key if isinstance(key, str) and readable_name(key) and inside(key) == key else None


def _sample(shard: _Shard, group: _Group, mtime: int) -> Iterator[Row | None]:
    fields = fields_of(group.fields, shard.found.mask_suffix, shard.found.image_suffix)
    hidden = any(part.startswith(".") for part in group.base.split("/")) or "__MACOSX" in group.base.split("/")
    if hidden or not group.base.rpartition("/")[2]:
        return
    yield from [None] * fields.left_out
    for side, what in ((MASK, fields.mask), (IMAGE, fields.image)):
        if what is not None:
            name, member = group.fields[what]
            yield shard.row(group.key or group.base, side, name, member.size, mtime, (member.start, ""))


def _parquet(shard: _Shard) -> Iterator[Row | Finding | None]:
    try:
        mtime = state_of(shard.path)[1]
        with parquet.opened(shard.path) as file:
            columns = columns_of(parquet.kinds_of(file.schema_arrow), shard.path)
            yield from _rows(shard, file, columns, mtime)
    except LayoutError:
        raise
    except parquet.DamagedParquetError as error:
        yield shard.damaged(f"is no whole parquet file: {error}")
    except OSError as error:
        yield shard.damaged(f"cannot be read: {error.strerror or error}")


def _rows(shard: _Shard, file: Any, columns: Columns, mtime: int) -> Iterator[Row | Finding | None]:
    """A row of the table is a sample; its columns of bytes are not read here, but for the first image's beginning."""
    schema = file.schema_arrow
    path = f"{columns.image}.path" if columns.image and _has_path(schema, columns.image) else None
    wanted = [name for name in (columns.key, path) if name]
    ending = _ending(shard.path, columns.image)
    means = {name: _mean_bytes(file, parquet.leaf_of(schema, name)) for name in (columns.mask, columns.image) if name}
    first = 0
    for keys, paths in _texts(file, wanted, columns.key, columns.image if path else None):
        for row, (key, name) in enumerate(zip(keys, paths, strict=True), first):
            if key is not None and (inside(key) != key or not readable_name(key)):
                yield refused(f"{shard.path.name}/{row}", f"has the key {key!r}, which is no path below the set")
                continue
            base = key or f"{shard.path.stem}/{row:06d}"
            yield shard.row(base, MASK, str(row), means[columns.mask], mtime, (row, columns.mask))
            if columns.image:
                own = split_ending(f"a{name[name.rfind('.') :]}" if name and "." in name else "")[1] or ending
                at = (row, columns.image)
                yield shard.row(base, IMAGE, f"{row}{own}", means[columns.image], mtime, at)
        first += len(keys)


def _has_path(schema: Any, column: str) -> bool:
    kind = schema.field(column).type
    return hasattr(kind, "get_field_index") and kind.get_field_index("path") >= 0


def _texts(
    file: Any, wanted: list[str], key: str | None, image: str | None
) -> Iterator[tuple[list[str | None], list[str | None]]]:
    """Keys and names of images, some thousand rows at a time; None where there are none."""
    if not wanted:
        total = file.metadata.num_rows
        for start in range(0, total, _ROWS):
            nothing: list[str | None] = [None] * min(_ROWS, total - start)
            yield nothing, nothing
        return
    for batch in file.iter_batches(_ROWS, columns=wanted, use_threads=False):
        nothing = [None] * batch.num_rows
        keys = batch.column(key).to_pylist() if key else nothing
        yield keys, batch.column(image).field("path").to_pylist() if image else nothing


def _mean_bytes(file: Any, leaf: str) -> int:
    """Bytes of a cell, on average."""
    names = [file.metadata.schema.column(n).path for n in range(file.metadata.num_columns)]
    if leaf not in names or not file.metadata.num_rows:
        return 0
    place = names.index(leaf)
    groups = (file.metadata.row_group(n).column(place) for n in range(file.metadata.num_row_groups))
    return sum(int(chunk.total_uncompressed_size) for chunk in groups) // int(file.metadata.num_rows)


def _ending(path: Place, column: str | None) -> str:
    """What images without a name of their own end in: as the first one's content says."""
    if column is None:
        return ENDINGS[0]
    try:
        head = parquet.read_cell(path, column, 0)[:4]
    except OSError:
        return ENDINGS[0]
    return next((ending for magic, ending in _MAGIC if head.startswith(magic)), ENDINGS[0])

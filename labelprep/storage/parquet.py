"""Cells of parquet files, read row group by row group and in pieces of it; pyarrow comes with the extra `parquet`."""

from __future__ import annotations

import errno
import threading
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Any

from labelprep.errors import MissingExtraError
from labelprep.storage.remote import Remote

_ROWS = 16  # in memory at once
_ONE = threading.Lock()  # a column is read by one thread at a time, as it remembers where it is
_BUFFER = 1 << 20
_THRIFT_BYTES = 1 << 26  # of one text in a file's own description


class DamagedParquetError(Exception):
    """A parquet file that cannot be read."""


@contextmanager
def opened(container: Path | Remote) -> Iterator[Any]:
    """A parquet file as `pyarrow.parquet.ParquetFile`.

    Raises:
        MissingExtraError: without pyarrow.
        DamagedParquetError: where it is none, inside too.
        OSError: where it cannot be opened.
    """
    parquet = _library()
    with container.open("rb") as file:
        try:
            held = parquet.ParquetFile(
                file, buffer_size=_BUFFER, pre_buffer=False, thrift_string_size_limit=_THRIFT_BYTES
            )
            yield held
        except OSError as error:
            if error.errno is not None:
                raise
            raise DamagedParquetError(_told(error)) from error
        except Exception as error:
            if not type(error).__module__.startswith("pyarrow"):
                raise
            raise DamagedParquetError(_told(error)) from error


def _told(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__


def _library() -> Any:
    try:
        import pyarrow.parquet
    except ImportError:
        package = "pyarrow"
        raise MissingExtraError(package, "parquet") from None
    return pyarrow.parquet


def read_cell(container: Path | Remote, column: str, row: int) -> bytes:
    """The bytes of one cell: of a binary column, or of the field `bytes` of a structure.

    Rows that are asked for in order are read once.

    Raises:
        OSError: where the file cannot be read, or the cell is empty.
    """
    state = container.stat()
    version = state.version if isinstance(container, Remote) else state.st_mtime_ns  # type: ignore[union-attr]
    try:
        with _ONE:
            data = _column(container, column, version).cell(row)
    except (DamagedParquetError, StopIteration) as error:
        message = f"row {row} of column {column} cannot be read: {error or 'there are fewer rows'}"
        raise OSError(errno.EIO, message, str(container)) from error
    if data is None:
        message = f"row {row} of column {column} holds no bytes"
        raise OSError(errno.EIO, message, str(container))
    return data


class _Column:
    """One column, with the piece that was read last and the way to the next one."""

    def __init__(self, container: Path | Remote, column: str) -> None:
        self._container, self._name = container, column
        self._rows: Iterator[tuple[int, list[bytes | None]]] = iter(())
        self._piece: list[bytes | None] = []
        self._first = 0
        with opened(container) as file:
            counts = [file.metadata.row_group(n).num_rows for n in range(file.metadata.num_row_groups)]
        self._starts = [0, *accumulate(counts)]

    def cell(self, row: int) -> bytes | None:
        """The cell of a row; earlier ones are read again."""
        if not 0 <= row < self._starts[-1]:
            raise StopIteration
        group = bisect_right(self._starts, row) - 1
        ahead = self._first + len(self._piece)
        if row < self._first or (row >= ahead and self._starts[group] > ahead) or not self._piece:
            self._rows = self._pieces(group)
            self._first, self._piece = next(self._rows)
        while row >= self._first + len(self._piece):
            self._first, self._piece = next(self._rows)
        return self._piece[row - self._first]

    def _pieces(self, group: int) -> Iterator[tuple[int, list[bytes | None]]]:
        first = self._starts[group]
        with opened(self._container) as file:
            leaf = leaf_of(file.schema_arrow, self._name)
            groups = list(range(group, len(self._starts) - 1))
            for batch in file.iter_batches(_ROWS, row_groups=groups, columns=[leaf], use_threads=False):
                values = batch.column(0)
                found = values.field("bytes") if leaf != self._name else values
                valid = values.is_valid().to_pylist()
                piece = [cell if ok else None for cell, ok in zip(found.to_pylist(), valid, strict=True)]
                yield first, piece
                first += len(piece)


@lru_cache(maxsize=4)
def _column(container: Path | Remote, column: str, version: int) -> _Column:
    del version  # tells one state of the file from the next
    return _Column(container, column)


@dataclass(frozen=True)
class Kinds:
    """The columns of a file by what they hold.

    Attributes:
        pictures: binary ones, and structures with the field `bytes`.
        texts: strings.
        every: all of them with their types, for people.
    """

    pictures: tuple[str, ...]
    texts: tuple[str, ...]
    every: tuple[str, ...]


def kinds_of(schema: Any) -> Kinds:
    """What the columns of a schema hold."""
    import pyarrow as pa

    def is_bytes(kind: Any) -> bool:
        return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))

    def holds(kind: Any) -> bool:
        inner = pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0
        return is_bytes(kind.field("bytes").type if inner else kind)

    texts = [f.name for f in schema if pa.types.is_string(f.type) or pa.types.is_large_string(f.type)]
    every = (f"{f.name} ({str(f.type)[:40]})" for f in schema)
    return Kinds(tuple(f.name for f in schema if holds(f.type)), tuple(texts), tuple(every))


def leaf_of(schema: Any, column: str) -> str:
    """The column of bytes behind a name: its field `bytes` where it is a structure."""
    import pyarrow as pa

    return f"{column}.bytes" if pa.types.is_struct(schema.field(column).type) else column

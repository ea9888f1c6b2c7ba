"""SHA-256 of files, remembered with size and time of each, so that an unchanged file is not read again."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from labelprep.storage.atomic import write_lines


class Remembered:
    """The hashes of one folder's files, in a table on disk; what is asked for is kept, all else forgotten.

    Args:
        workdir: folder for the table; the caller removes it.
        file: where hashes are kept between runs, one line of JSON each; None keeps nothing.
        trust: whether hashes of earlier runs spare the reading.
        table: name of the table's file in `workdir`.
    """

    def __init__(self, workdir: Path, file: Path | None, *, trust: bool = True, table: str = "hashes") -> None:
        self._file = file
        self._table = sqlite3.connect(workdir / f"{table}.sqlite", isolation_level=None)
        columns = "(name TEXT PRIMARY KEY, size INTEGER, mtime INTEGER, sha256 TEXT) WITHOUT ROWID;"
        self._table.executescript(
            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;"
            f"CREATE TABLE known {columns} CREATE TABLE used {columns} BEGIN"
        )
        if file is not None and trust:
            self._table.executemany("INSERT OR REPLACE INTO known VALUES (?, ?, ?, ?)", _read(file))

    def sha256(self, name: str, path: Path) -> str | None:
        """SHA-256 of a file, of which `name` is remembered; None where it cannot be read."""
        try:
            state = path.stat()
            found = self._table.execute(
                "SELECT sha256 FROM known WHERE name = ? AND size = ? AND mtime = ?",
                (name, state.st_size, state.st_mtime_ns),
            ).fetchone()
            digest: str = found[0] if found else _sha256(path)
        except OSError:
            return None
        row = (name, state.st_size, state.st_mtime_ns, digest)
        for table in ("known", "used"):
            self._table.execute(f"INSERT OR REPLACE INTO {table} VALUES (?, ?, ?, ?)", row)
        return digest

    def save(self) -> None:
        """Keeps what was asked for, sorted by name; a file that holds it already is left alone.

        Raises:
            EnvironmentFailure: where it cannot be written.
        """
        if self._file is None:
            return
        rows = self._table.execute("SELECT name, size, mtime, sha256 FROM used ORDER BY name")
        first = rows.fetchone()
        if first is None:
            self._file.unlink(missing_ok=True)
            return
        write_lines(self._file, (json.dumps(row, ensure_ascii=False) for row in _chain(first, rows)))

    def close(self) -> None:
        """Lets go of the table."""
        self._table.close()


def _chain(first: tuple[object, ...], rest: sqlite3.Cursor) -> Iterator[tuple[object, ...]]:
    yield first
    yield from rest


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(file: Path) -> Iterator[tuple[str, int, int, str]]:
    """The rows of a file of hashes; a line that is none costs one reading, and no more."""
    try:
        lines = file.open(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return
    with lines:
        for line in lines:
            try:
                name, size, mtime, digest = json.loads(line)
            except (ValueError, TypeError):
                continue
            if isinstance(name, str) and isinstance(digest, str) and isinstance(size, int) and isinstance(mtime, int):
                yield name, size, mtime, digest

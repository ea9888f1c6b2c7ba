"""Rows of plain values that lie on disk and come back in the order of a figure: there may be as many as images."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from labelprep.storage.scratch import kept_tables

_SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE rows (place INTEGER PRIMARY KEY, key BLOB NOT NULL, plain TEXT NOT NULL{columns});
BEGIN;
"""


class Rows:
    """Rows that JSON can hold, each with its `key`; places count from 0.

    Args:
        figures: numbers that rows are put in order by; a row may lack one, or have None there.
        rows: the first ones.

    Raises:
        EnvironmentFailure: here and everywhere below, where the disk is full or fails.

    >>> rows = Rows(["iou"], ({"key": key, "iou": iou} for key, iou in (("b", 0.5), ("a", 0.5), ("c", None))))
    >>> [row["key"] for row in rows.rising("iou")], rows.at(2)["key"], rows.find("d"), len(rows)
    (['a', 'b'], 'c', None, 3)
    >>> rows.close()
    """

    def __init__(self, figures: Sequence[str], rows: Iterable[Mapping[str, Any]] = ()) -> None:
        self._columns = {figure: f"figure{n}" for n, figure in enumerate(figures)}
        self._number = 0
        self._indexed: set[str] = set()
        with kept_tables():
            self._table = sqlite3.connect("", isolation_level=None)  # a temporary file that SQLite removes
            columns = "".join(f", {column} REAL" for column in self._columns.values())
            self._table.executescript(_SCHEMA.format(columns=columns))
        try:
            for row in rows:
                self.add(row)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Forgets everything."""
        self._table.close()

    def __len__(self) -> int:
        return self._number

    def add(self, row: Mapping[str, Any]) -> None:
        """Takes the next row."""
        values = (self._number, _plain(row["key"]), json.dumps(row), *(row.get(figure) for figure in self._columns))
        with kept_tables():
            self._table.execute(f"INSERT INTO rows VALUES ({', '.join('?' * len(values))})", values)
        self._number += 1

    def at(self, place: int) -> dict[str, Any]:
        """The row at a place, which has to be there."""
        (row,) = self._asked("WHERE place = ?", place)
        return row

    def find(self, key: str) -> dict[str, Any] | None:
        """The row of that key, of several the last one; None where there is none."""
        self._index("key")
        return next(self._asked("WHERE key = ? ORDER BY place DESC LIMIT 1", _plain(key)), None)

    def rising(self, figure: str, most: int = -1) -> Iterator[dict[str, Any]]:
        """The rows that have a figure, the least first, equal ones by key; at most so many, -1 for all."""
        column = self._index(self._columns[figure])
        return self._asked(f"WHERE {column} NOTNULL ORDER BY {column}, key, place LIMIT ?", most)

    def falling(self, figure: str) -> Iterator[dict[str, Any]]:
        """The rows that have a figure, the largest first, equal ones by key."""
        column = self._index(self._columns[figure])
        return self._asked(f"WHERE {column} NOTNULL ORDER BY {column} DESC, key, place")

    def last(self, figure: str, most: int) -> list[dict[str, Any]]:
        """The last ones of `rising`, the last one first."""
        column = self._index(self._columns[figure])
        order = f"ORDER BY {column} DESC, key DESC, place DESC"
        return list(self._asked(f"WHERE {column} NOTNULL {order} LIMIT ?", most))

    def having(self, figure: str) -> int:
        """How many rows have a figure."""
        with kept_tables():
            found = self._table.execute(f"SELECT count({self._columns[figure]}) FROM rows").fetchone()
        return int(found[0])

    def _index(self, column: str) -> str:
        """Sorts the rows by a column, once, without moving them."""
        if column not in self._indexed:
            order = column if column == "key" else f"{column}, key"  # and the place, which SQLite adds
            with kept_tables():
                self._table.execute(f"CREATE INDEX by_{column} ON rows ({order})")
            self._indexed.add(column)
        return column

    def _asked(self, which: str, *values: object) -> Iterator[dict[str, Any]]:
        with kept_tables():
            for (plain,) in self._table.execute(f"SELECT plain FROM rows {which}", values):
                yield json.loads(plain)


def _plain(key: str) -> bytes:
    return key.encode("utf-8", "surrogatepass")  # in the order of code points, names that are not valid UTF-8 too

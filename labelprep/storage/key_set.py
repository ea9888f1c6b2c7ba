"""A set of keys that lies on disk: there may be as many as there are samples."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator

_SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE keys (key BLOB PRIMARY KEY, met INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
BEGIN;
"""


class KeySet:
    """Keys, each with a mark whether it was met.

    Args:
        keys: each counts once.

    >>> keys = KeySet(["b", "a", "c", "a"])
    >>> keys.meet("b"), keys.meet("x"), list(keys.unmet())
    (True, False, ['a', 'c'])
    >>> keys.close()
    """

    def __init__(self, keys: Iterable[str]) -> None:
        self._table = sqlite3.connect("", isolation_level=None)  # a temporary file that SQLite removes
        self._table.executescript(_SCHEMA)
        self._table.executemany("INSERT OR IGNORE INTO keys (key) VALUES (?)", ((_plain(key),) for key in keys))

    def close(self) -> None:
        """Forgets everything."""
        self._table.close()

    def meet(self, key: str) -> bool:
        """Whether it is one of the keys; if so, it counts as met."""
        return self._table.execute("UPDATE keys SET met = 1 WHERE key = ?", (_plain(key),)).rowcount > 0

    def unmet(self) -> Iterator[str]:
        """The keys that were not met, sorted by code point."""
        for (key,) in self._table.execute("SELECT key FROM keys WHERE NOT met ORDER BY key"):
            yield key.decode("utf-8", "surrogatepass")


def _plain(key: str) -> bytes:
    return key.encode("utf-8", "surrogatepass")  # names that are not valid UTF-8 are keys too

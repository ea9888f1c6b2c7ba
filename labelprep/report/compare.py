"""Two preparations side by side: masks, findings and class shares that changed. Streamed over both manifests."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from labelprep.prepared import Prepared, Row

LISTED = 200  # masks of a kind of change
CHANGES = ("changed", "now written", "no longer written", "new", "vanished")
_AT_ONCE = 10_000
_SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE rows (key BLOB PRIMARY KEY, ids TEXT, findings TEXT, met INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
BEGIN;
"""


@dataclass
class Changes:
    """What became of the masks on the way from one preparation to another.

    Attributes:
        counts: masks by kind of change, `same` among them.
        listed: the first masks of every kind of change but `same`, with what changed in their findings.
        appeared: masks by kind of finding that they did not have before.
        gone: masks by kind of finding that they no longer have.
    """

    counts: Counter[str] = field(default_factory=Counter)
    listed: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    appeared: Counter[str] = field(default_factory=Counter)
    gone: Counter[str] = field(default_factory=Counter)

    def add(self, change: str, key: str, before: set[str], after: set[str]) -> None:
        """Adds one mask."""
        self.counts[change] += 1
        self.appeared.update(after - before)
        self.gone.update(before - after)
        some = self.listed.setdefault(change, [])
        if change != "same" and len(some) < LISTED:
            some.append({"key": key, "appeared": sorted(after - before), "gone": sorted(before - after)})


def changes(before: Prepared, after: Prepared) -> Changes:
    """Compares two manifests by key; the first is kept on disk meanwhile, whatever its length."""
    found = Changes()
    with closing(sqlite3.connect("", isolation_level=None)) as table:  # a temporary file that SQLite removes
        table.executescript(_SCHEMA)
        rows = before.rows()
        while some := list(islice(rows, _AT_ONCE)):
            table.executemany("INSERT OR REPLACE INTO rows (key, ids, findings) VALUES (?, ?, ?)", map(_plain, some))
        for row in after.rows():
            key, ids, findings = _plain(row)
            known = table.execute("SELECT ids, findings FROM rows WHERE key = ?", (key,)).fetchone()
            if known is None:
                found.add("new", row.key, set(), _codes(findings))
                continue
            table.execute("UPDATE rows SET met = 1 WHERE key = ?", (key,))
            found.add(_change(known[0], ids), row.key, _codes(known[1]), _codes(findings))
        for key, codes in table.execute("SELECT key, findings FROM rows WHERE NOT met ORDER BY key"):
            found.add("vanished", key.decode("utf-8", "surrogatepass"), _codes(codes), set())
    return found


def _plain(row: Row) -> tuple[bytes, str | None, str]:
    return row.key.encode("utf-8", "surrogatepass"), row.xxh3, "\n".join(row.findings)


def _codes(text: str) -> set[str]:
    return set(filter(None, text.split("\n")))


def _change(before: str | None, after: str | None) -> str:
    """What happened to the ids of a mask, by their hashes; None where it was not written."""
    if before == after:
        return "same"
    if before is None or after is None:
        return "now written" if before is None else "no longer written"
    return "changed"


def class_rows(before: Prepared, after: Prepared) -> Iterator[dict[str, Any]]:
    """Every class of the two, by name: colour, and pixels and share on both sides; None where a table lacks it."""
    both = (before, after)
    places = [{c.name: c.id for c in side.table.classes} for side in both]
    pixels = [side.totals.pixels.tolist() for side in both]
    colors = {c.name: c.color for side in both for c in side.table.classes}
    for name in dict.fromkeys((*before.table.names, *after.table.names)):
        counts = [p[at[name]] if name in at else None for p, at in zip(pixels, places, strict=True)]
        shares = [n / max(1, sum(p)) if n is not None else None for n, p in zip(counts, pixels, strict=True)]
        yield {"name": name, "color": colors[name], "pixels": counts, "shares": shares}

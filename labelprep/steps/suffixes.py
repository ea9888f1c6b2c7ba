"""The suffix that masks' names carry beyond their images' (or the other way round), found by comparing all of them."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable

from labelprep.errors import LayoutError
from labelprep.steps.pairing import SIDES, tally

_LONGEST_SUFFIX = 40
_MOST_SUFFIXES = 10_000


def find_suffix(db: sqlite3.Connection) -> tuple[int, str] | None:
    """The side and the suffix that make most names pair, or None where equal names pair at least as many.

    In sorted order a name comes right after its beginnings, so one pass sees for every name the longest name of the
    other side that it begins with. What is left over gets a vote.

    Raises:
        LayoutError: where two suffixes have so many votes that either could be meant.
    """
    seen = tally(db)
    if seen.pairs == min(seen.masks, seen.images):
        return None
    votes = _votes(db.execute("SELECT base, side FROM file ORDER BY base, side"))
    ranked = [v for v in sorted(votes.items(), key=lambda v: (-v[1], v[0])) if v[0][1]]
    if not ranked or ranked[0][1] <= seen.pairs:
        return None
    (best, count), rivals = ranked[0], ranked[1:]
    rivals = [r for r in rivals if r[0][0] == best[0] and 2 * r[1] > count]
    if rivals:
        names = [f"--{SIDES[side]}-suffix {suffix} ({n} pairs)" for (side, suffix), n in ranked[: len(rivals) + 1]]
        message = f"several {SIDES[best[0]]}s for one {SIDES[1 - best[0]]}; choose one: {', '.join(names)}"
        raise LayoutError(message)
    return best


def _votes(rows: Iterable[tuple[str, int]]) -> Counter[tuple[int, str]]:
    votes: Counter[tuple[int, str]] = Counter()
    open_names: list[tuple[str, int]] = []
    for base, side in rows:
        while open_names and not base.startswith(open_names[-1][0]):
            open_names.pop()
        other = next((name for name, s in reversed(open_names) if s != side), None)
        open_names.append((base, side))
        if other is None:
            continue
        suffix = base[len(other) :]
        if len(suffix) <= _LONGEST_SUFFIX and "/" not in suffix and not other.endswith("/"):
            votes[side, suffix] += 1
            if len(votes) > _MOST_SUFFIXES:
                votes = Counter({k: n for k, n in votes.items() if n > 1})
    return votes


def strip_suffix(db: sqlite3.Connection, side: int, suffix: str) -> int:
    """Takes a suffix off the names of one side, and leaves them unsorted; returns how many carried it."""
    size = len(suffix)
    db.execute("DROP INDEX IF EXISTS file_base")  # to keep it in order takes longer than to make it anew
    cursor = db.execute(
        "UPDATE file SET base = substr(base, 1, length(base) - ?1) WHERE side = ?2 AND substr(base, -?1) = ?3"
        " AND length(base) > ?1 AND substr(base, -?1 - 1, 1) <> '/'",
        (size, side, suffix),
    )
    return cursor.rowcount

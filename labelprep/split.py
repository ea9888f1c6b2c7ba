"""Which samples train, which validate, which test. Pure functions of keys; the same for any order of the input.

The order that a seed makes is that of SHA-256 over seed and name, so it is the same on every machine and with
every version of every library, and a sample that joins the set moves few others. Keys lie in SQLite meanwhile, so that
memory stays flat however many there are.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Self

from labelprep.errors import UsageError

NAMES = ("train", "val", "test")
SHOWN = 3  # examples in a message
TOLERANCE = 1e-6  # of the ratios' sum

_SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -16384;
CREATE TABLE sample (key TEXT PRIMARY KEY, unit BLOB) WITHOUT ROWID;
CREATE TABLE holds (class INTEGER, unit BLOB, PRIMARY KEY (class, unit)) WITHOUT ROWID;
BEGIN;
"""

Classes = Mapping[str, Iterable[int]]
FOLD_LIST = re.compile(r"fold\d+-(train|val)")


def split_keys(
    keys: Iterable[str],
    ratios: Sequence[float],
    *,
    seed: int = 0,
    group_by: str | None = None,
    classes: Classes | None = None,
) -> dict[str, tuple[str, ...]]:
    """Gives every key to exactly one split.

    Every split's size differs from its share by less than one sample or, with `group_by`, by less than the
    largest group; without groups the sizes are those of the largest-remainder method.

    Args:
        keys: the samples, each once.
        ratios: two shares (train, val) or three (train, val, test) that add up to 1.
        seed: another seed gives another split.
        group_by: regular expression, searched in every key; keys with the same first group (the same match where
            it has no group) stay together.
        classes: the classes that each sample holds; given, each class is spread over the splits by the ratios as
            well as sizes allow, rarest class first.

    Returns:
        The keys of each split, sorted.

    Raises:
        UsageError: for ratios or a regular expression that cannot be used, and keys that it does not match.

    >>> split_keys("abcde", [0.8, 0.2])
    {'train': ('a', 'c', 'd', 'e'), 'val': ('b',)}
    """
    with closing(Splits(ratios, seed=seed, group_by=group_by)) as splits:
        for key in keys:
            splits.add(key, classes.get(key, ()) if classes is not None else ())
        splits.deal(stratify=classes is not None)
        return {name: tuple(splits.keys(name)) for name in splits.names}


def group_of(key: str, pattern: re.Pattern[str]) -> str | None:
    r"""The first group of the pattern's first match in a key, or the whole match; None where it does not match.

    >>> group_of("berlin/0012_a", re.compile(r"/(\d+)"))
    '0012'
    """
    match = pattern.search(key)
    if match is None:
        return None
    first = match.group(1) if pattern.groups else None
    return match.group() if first is None else first


def checked_ratios(ratios: Sequence[float]) -> tuple[float, ...]:
    """The ratios, adding up to 1 exactly.

    Raises:
        UsageError: unless they are two or three positive shares that add up to 1.
    """
    if not (2 <= len(ratios) <= len(NAMES) and min(ratios) > 0 and abs(sum(ratios) - 1) <= TOLERANCE):  # nor NaN
        message = f"ratios must be 2 or 3 positive shares that add up to 1, got {' '.join(map(str, ratios))}"
        raise UsageError(message, hint="for example: --ratios 0.8 0.1 0.1")
    return tuple(ratio / sum(ratios) for ratio in ratios)


def checked_pattern(group_by: str) -> re.Pattern[str]:
    """The regular expression, compiled.

    Raises:
        UsageError: where it is none.
    """
    try:
        return re.compile(group_by)
    except re.error as error:
        message = f"--group-by {group_by!r} is no regular expression: {error}"
        raise UsageError(message) from None


class Splits:
    """The splits of any number of samples, on disk: `add` all of them, then `deal`, then read.

    Args:
        ratios: as `split_keys` takes them.
        seed: another seed gives another split.
        group_by: as `split_keys` takes it.
        folds: so many folds of equal size instead of `ratios`. Each makes two lists: `fold0-val` is the fold,
            `fold0-train` is all others.

    Attributes:
        names: the lists, in order.

    Raises:
        UsageError: for ratios or a regular expression that cannot be used.
    """

    def __init__(
        self, ratios: Sequence[float], *, seed: int = 0, group_by: str | None = None, folds: int | None = None
    ) -> None:
        self._shares = checked_ratios(ratios) if folds is None else (1 / folds,) * folds
        self._seed, self._group_by = seed, group_by
        self._pattern = None if group_by is None else checked_pattern(group_by)
        # of every list the part that it is, or is all but
        self._lists = {name: ("=", part) for part, name in enumerate(NAMES[: len(self._shares)])}
        if folds is not None:
            words = (("train", "!="), ("val", "="))
            self._lists = {f"fold{part}-{name}": (word, part) for part in range(folds) for name, word in words}
        self.names = tuple(self._lists)
        self._table = sqlite3.connect("", isolation_level=None)  # a temporary file that SQLite removes
        self._table.executescript(_SCHEMA)

    def close(self) -> None:
        """Forgets everything."""
        self._table.close()

    def __len__(self) -> int:
        return int(self._table.execute("SELECT count(*) FROM sample").fetchone()[0])

    def add(self, key: str, classes: Iterable[int] = (), group: str | None = None) -> None:
        """Takes a sample, once, the classes that it holds, and what it stays together with in place of `group_by`."""
        if group is None:
            group = key if self._pattern is None else group_of(key, self._pattern)
        unit = (
            None
            if group is None
            else hashlib.sha256(f"{self._seed}\0{group}".encode("utf-8", "surrogatepass")).digest()
        )
        self._table.execute("INSERT OR IGNORE INTO sample VALUES (?, ?)", (key, unit))
        self._table.executemany("INSERT OR IGNORE INTO holds VALUES (?, ?)", ((c, unit) for c in classes))

    def deal(self, *, stratify: bool = False) -> Self:
        """Gives every unit (keys that stay together) to a split, in the order that the seed makes.

        Raises:
            UsageError: for keys that the regular expression does not match.
        """
        self._refuse_strays()
        self._table.execute(
            "CREATE TABLE unit AS SELECT unit, count(*) AS size, NULL AS part FROM sample GROUP BY unit ORDER BY unit"
        )
        self._table.execute("CREATE UNIQUE INDEX unit_order ON unit (unit)")
        parts = _Parts(self._shares, len(self))
        if stratify:
            self._table.execute("CREATE INDEX held ON holds (unit)")
            self._stratify(parts)
        for row, size in self._table.execute("SELECT rowid, size FROM unit WHERE part IS NULL ORDER BY unit"):
            self._put(row, parts.put(size, parts.open_to(size)[0] if not stratify else parts.most_lacking(size)))
        return self

    def keys(self, name: str) -> Iterator[str]:
        """The keys of a list, sorted."""
        word, part = self._lists[name]
        query = f"SELECT key FROM sample JOIN unit USING (unit) WHERE part {word} ? ORDER BY key"
        return (key for (key,) in self._table.execute(query, (part,)))

    def size(self, name: str) -> int:
        """How many keys a list has."""
        word, part = self._lists[name]
        query = f"SELECT coalesce(sum(size), 0) FROM unit WHERE part {word} ?"
        return int(self._table.execute(query, (part,)).fetchone()[0])

    def classes(self, name: str | None = None) -> set[int]:
        """The classes that the samples of a list, or of all of them, hold."""
        word, part = ("!=", -1) if name is None else self._lists[name]
        query = f"SELECT DISTINCT class FROM holds JOIN unit USING (unit) WHERE part {word} ?"
        return {c for (c,) in self._table.execute(query, (part,))}

    def _refuse_strays(self) -> None:
        count = self._table.execute("SELECT count(*) FROM sample WHERE unit IS NULL").fetchone()[0]
        if not count:
            return
        query = "SELECT key FROM sample WHERE unit IS NULL ORDER BY key LIMIT ?"
        some = ", ".join(key for (key,) in self._table.execute(query, (SHOWN,))) + (", …" if count > SHOWN else "")
        message = f"--group-by {self._group_by!r} does not match {count} of {len(self)} keys: {some}"
        raise UsageError(message, hint="change the expression so that it finds a group in every key")

    def _put(self, row: int, part: int) -> None:
        self._table.execute("UPDATE unit SET part = ? WHERE rowid = ?", (part, row))

    def _stratify(self, parts: _Parts) -> None:
        """Iterative stratification: the class that fewest units still hold is dealt out first.

        Each of its units goes to the split that lacks most of that class (Sechidis, Tsoumakas and Vlahavas 2011, "On
        the stratification of multi-label data", algorithm 1), among those that still have room.
        """
        left = dict(self._table.execute("SELECT class, count(*) FROM holds GROUP BY class").fetchall())
        wanted = {c: [share * count for share in self._shares] for c, count in left.items()}
        holders = (
            "SELECT unit.rowid, unit, size FROM holds JOIN unit USING (unit) WHERE class = ? AND part IS NULL"
            " ORDER BY unit"
        )
        while left:
            rarest = min(left, key=lambda c: (left[c], c))
            for row, unit, size in self._table.execute(holders, (rarest,)):
                part = parts.put(size, parts.most_wanted(size, wanted[rarest]))
                self._put(row, part)
                for (c,) in self._table.execute("SELECT class FROM holds WHERE unit = ?", (unit,)):
                    wanted[c][part] -= 1
                    if c in left:
                        left[c] -= 1
            del left[rarest]


class _Parts:
    """The splits while they fill.

    A unit goes where there is room for all of it; where there is none, to the split that lacks most. So no split
    ends more than the largest unit from its share: one that lacked that much would have been chosen before any
    other went over.
    """

    def __init__(self, shares: Sequence[float], total: int) -> None:
        self.lacking = [share * total for share in shares]

    def open_to(self, size: int) -> list[int]:
        """The splits that may take a unit."""
        room = [i for i, lack in enumerate(self.lacking) if lack >= size - TOLERANCE]
        return room or [self.lacking.index(max(self.lacking))]

    def most_wanted(self, size: int, wanted: Sequence[float]) -> int:
        """The split that wants a unit most, of those that may take it."""
        return max(self.open_to(size), key=lambda i: (round(wanted[i], 9), self.lacking[i], -i))

    def most_lacking(self, size: int) -> int:
        """The split that lacks most samples, of those that may take a unit."""
        return self.most_wanted(size, self.lacking)

    def put(self, size: int, part: int) -> int:
        """Gives a unit to a split, which it returns."""
        self.lacking[part] -= size
        return part

"""Masks without image and images without mask, each with the nearest name that has no partner either."""

from __future__ import annotations

import difflib
import sqlite3
from collections.abc import Iterator
from typing import Any

from labelprep.findings import Finding
from labelprep.steps.pairing import IMAGE, MASK, SIDES, fold, report

_NAMED = 500  # unpaired files of a kind for which the nearest name is looked up


def report_unpaired(db: sqlite3.Connection, folders: list[str], *, listed_only: bool) -> None:
    """Masks without image and images without mask, each with the nearest name that is left on the other side.

    Args:
        db: the plan.
        folders: what stands in front of a path below each folder.
        listed_only: images that no split list names are not expected to have a mask.
    """
    gather_unpaired(db)
    if listed_only:
        db.execute("DELETE FROM unpaired WHERE side = 1 AND base NOT IN (SELECT name FROM listed)")
    for side, code in ((MASK, "image-missing"), (IMAGE, "mask-missing")):
        report(db, _unpaired(db, folders, side, code))


def gather_unpaired(db: sqlite3.Connection) -> None:
    """A table of the names that did not pair, indexed by name, by name backwards and by folded name."""
    db.execute(
        "CREATE TABLE unpaired AS"
        " SELECT f.base, f.side, f.folder, f.rel, backwards(f.base) AS back, fold(f.base) AS folded"
        " FROM file f WHERE NOT EXISTS (SELECT 1 FROM file o WHERE o.base = f.base AND o.side = 1 - f.side)"
        " AND f.base NOT IN (SELECT base FROM refused)"
    )
    for column in ("base", "back", "folded"):
        db.execute(f"CREATE INDEX unpaired_{column} ON unpaired (side, {column})")


def _unpaired(db: sqlite3.Connection, folders: list[str], side: int, code: str) -> Iterator[Finding]:
    rows = db.execute("SELECT base, folder, rel FROM unpaired WHERE side = ? ORDER BY base, rel", (side,))
    for number, (base, folder, rel) in enumerate(rows):
        near = nearest(db, 1 - side, base) if number < _NAMED else None
        message = f"no {SIDES[1 - side]} pairs with {folders[folder] + rel}"
        if near is not None:
            message += (
                f"; the nearest name without a partner is {folders[near[0]] + near[1]}{_difference(base, near[2])}"
            )
        yield Finding.of(code, message, key=base, path=folders[folder] + rel)


def _difference(base: str, near: str) -> str:
    if fold(base) != fold(near):
        return ""
    return " (it differs only in case)" if base.lower() == near.lower() else " (it differs only in its Unicode form)"


def nearest(db: sqlite3.Connection, side: int, name: str) -> tuple[int, str, str] | None:
    """The unpaired file of a side whose name is nearest, as (folder, path below it, name), or None.

    Looks at names equal but for case, and at a few neighbours in the order of names and of names read backwards.
    """
    found: dict[str, tuple[int, str, str]] = {}
    select = "SELECT base, folder, rel FROM unpaired WHERE side = ?1 AND"
    queries: tuple[tuple[str, Any], ...] = (
        ("folded = ?2 LIMIT 1", fold(name)),
        ("back >= ?2 ORDER BY back LIMIT 6", name[::-1]),
        ("back < ?2 ORDER BY back DESC LIMIT 6", name[::-1]),
        ("base >= ?2 ORDER BY base LIMIT 6", name),
        ("base < ?2 ORDER BY base DESC LIMIT 6", name),
    )
    tail = name.rpartition("/")[2]
    for condition, value in queries:
        for base, folder, rel in db.execute(f"{select} {condition}", (side, value)):
            if fold(base) == fold(name) or base.rpartition("/")[2] == tail:
                return folder, rel, base
            found.setdefault(base.rpartition("/")[2], (folder, rel, base))
    close = difflib.get_close_matches(tail, list(found), 1, 0.6)
    return found[close[0]] if close else None

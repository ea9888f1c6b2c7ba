"""Where the files of a plan lie, and how they are stored there."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice

from labelprep.findings import Finding
from labelprep.steps.pairing import report
from labelprep.storage.place import Place, is_below, relative

_INSERT = "INSERT INTO file VALUES (?, ?, ?, ?, ?, ?, ?)"
_AT_ONCE = 256
Row = tuple[str, int, int, str, int, int, str | None]


@dataclass
class Places:
    """The folders of a plan, numbered as they come, and what stands in front of a path below each.

    Attributes:
        root: the dataset's folder.
        tell: called now and then with the number of files that were found since the last call.
        folders: as they are opened.
        shown: the same relative to the root with a slash behind; "" for a folder that does not lie below it.
    """

    root: Place
    tell: Callable[[int], None] = lambda _: None
    folders: list[Place] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)

    def number(self, folder: Place) -> int:
        """The number of a folder; a new one is added."""
        if folder not in self.folders:
            ways = (_below(folder, self.root), _below(folder.resolve(), self.root.resolve()))
            way = next((p for p in ways if p), "")
            self.folders.append(folder)
            self.shown.append("" if way in ("", ".") else f"{way}/")
        return self.folders.index(folder)

    def allowed(self) -> list[Place]:
        """Where links may lead: the root and every folder that the layout names, resolved."""
        return [p.resolve() for p in (self.root, *self.folders)]


def _below(folder: Place, root: Place) -> str:
    return relative(folder, root) if is_below(folder, root) else ""


def store(db: sqlite3.Connection, items: Iterable[Row | Finding | None], tell: Callable[[int], None]) -> int:
    """Rows and findings in batches; counts the Nones, and tells how many of all there are."""
    left_out, items = 0, iter(items)
    while batch := list(islice(items, _AT_ONCE)):
        rows = [item for item in batch if isinstance(item, tuple)]
        db.executemany(_INSERT, rows)
        if len(rows) < len(batch):
            report(db, (item for item in batch if isinstance(item, Finding)))
            left_out += batch.count(None)
        tell(len(batch))
    return left_out

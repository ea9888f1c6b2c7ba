"""ADE20K's `objectInfo150.txt`: Idx, Ratio, Train, Val, Stuff and Name, separated by tabs; 0 is ignored."""

from __future__ import annotations

import csv
from collections.abc import Sequence

from labelprep.class_rows import ClassRow
from labelprep.formats.tables.says import Says
from labelprep.formats.tables.structured import Misfit, finish
from labelprep.formats.tables.text import Problems, RawTable, whole_number

SAYS = Says("none", "from-1", "out")
_HEAD = ("Idx", "Ratio", "Train", "Val", "Stuff", "Name")


def misfit(text: str) -> Misfit:
    """Why a file is no `objectInfo150.txt` or `objectInfo150.csv`."""
    head = _cells(text.splitlines()[0].strip()) if text.splitlines() else []
    if "Idx" in head and "Name" in head:
        return None
    return 1, f"expected the columns {', '.join(_HEAD)}"


def _cells(line: str) -> list[str]:
    cells = next(csv.reader([line], delimiter="\t" if "\t" in line else ","), [])
    return [cell.strip() for cell in cells]


def read(text: str, problems: Problems) -> RawTable:
    """Rows by `Idx`, which counts from 1; value 0, other, is ignored.

    Raises:
        ClassTableError: with file and line of everything wrong.
    """
    head, *lines = text.splitlines()
    columns = _cells(head)
    rows = [ClassRow("other", (), 0, ignore=True)]
    for line, content in enumerate(lines, 2):
        if not content.strip():
            continue
        cells = dict(zip(columns, _cells(content), strict=False))
        index = whole_number(cells.get("Idx", ""))
        if index is None or index < 1:
            problems.add(line, f"Idx: expected a whole number from 1, got {cells.get('Idx') or 'nothing'}")
        if not cells.get("Name"):
            problems.add(line, "expected a class name, got nothing")
        rows.append(ClassRow(cells.get("Name", ""), (), index, line=line))
    if any(row.name == "other" for row in rows[1:]):
        rows[0] = ClassRow("value 0", (), 0, ignore=True)
    return finish(rows[:1] * (len(rows) > 1) + rows[1:], problems, renumber=True)


def dump(table: RawTable, shares: Sequence[float] | None = None) -> str:
    """`objectInfo150.txt`; `shares` are the shares of the pixels, 0 where they are not known."""
    values = shares if shares is not None else [0.0] * len(table.rows)
    lines = [
        f"{n}\t{share:.4f}\t0\t0\t0\t{r.name}" for n, (r, share) in enumerate(zip(table.rows, values, strict=True), 1)
    ]
    return "\n".join(["\t".join(_HEAD), *lines, ""])

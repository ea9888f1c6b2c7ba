"""`class_dict.csv`: a header, then a class a row, in the variants that people write."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from labelprep.class_rows import RGB, ClassRow
from labelprep.formats.tables.says import Says
from labelprep.formats.tables.structured import Misfit
from labelprep.formats.tables.text import Problems, RawTable, color_from_text, color_of, whole_number

SAYS = Says("one", "first")

_NAME = ("name", "class_name", "class_names", "label_name", "label", "labels", "class", "classes", "category")
_ID = ("id", "class_id", "label_id", "class_index", "index")
_COLOR = ("color", "colour", "hex", "hex_color", "rgb")
_CHANNELS = (("r", "red"), ("g", "green"), ("b", "blue"))
_EXPECTED = "a name column (name, class or label) and the columns r, g, b, or a column color with #RRGGBB"


@dataclass(frozen=True)
class _Columns:
    """Where the known columns stand, from 0, and the names of the others."""

    count: int
    name: int
    channels: tuple[int, ...]
    color: int | None
    id: int | None
    others: tuple[str, ...]

    def color_of(self, cells: Sequence[str]) -> RGB | None:
        if self.channels:
            return color_of(whole_number(cells[i]) for i in self.channels)
        return None if self.color is None else color_from_text(cells[self.color])

    def color_text(self, cells: Sequence[str]) -> str:
        columns = self.channels or ((self.color,) if self.color is not None else ())
        return ", ".join(cells[i] or "nothing" for i in columns)


def misfit(text: str) -> Misfit:
    """Why a text is no table with a name and a colour among its columns."""
    line, head = next(((n, line) for n, line in enumerate(text.splitlines(), 1) if line.strip()), (1, ""))
    if not any(delimiter in head for delimiter in ",;\t"):
        return line, f"expected columns separated by commas, semicolons or tabs, got {head.strip()[:60]!r}"
    name, channels, color, _ = _places(_cells(head))
    if name is None or (len(channels) < 3 and color is None):
        return line, f"expected {_EXPECTED}; got {head.strip()[:60]!r}"
    return None


def _cells(head: str) -> list[str]:
    """The cells of the header."""
    return [cell.strip() for cell in next(csv.reader([head], delimiter=max(",;\t", key=head.count)))]


def read(text: str, problems: Problems) -> RawTable:
    """Rows of a CSV table with a header.

    Names come from a column name, class or label; colours from r, g, b or from a column color (`#RRGGBB`); ids from
    a column id, class_id or class_index. Upper and lower case are alike, blanks around cells do not matter, commas,
    semicolons and tabs separate, and other columns are left out.

    Raises:
        ClassTableError: with file and line of everything wrong.
    """
    records = _records(text, problems)
    header_line, header = next(records, (1, []))
    columns = _columns(header, header_line, problems)
    kept = [(line, cells) for line, cells in records if _fits(line, cells, columns, problems)]
    with_ids = columns.id is not None and any(cells[columns.id] for _, cells in kept)
    rows = [_row(line, cells, columns, with_ids, problems) for line, cells in kept]
    if not rows and not problems.found:
        problems.add(header_line, "a header and no classes below it")
    problems.raise_if_any()
    others = (f"columns {', '.join(columns.others)}",) if columns.others else ()
    return RawTable(tuple(rows), problems.source, left_out=others)


def _records(text: str, problems: Problems) -> Iterator[tuple[int, list[str]]]:
    """(line, cells) of every record that is not blank; cells are stripped."""
    head = next(line for line in text.splitlines() if line.strip())
    delimiter = max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True)
    line = 1
    try:
        for cells in reader:
            stripped = [cell.strip() for cell in cells]
            if any(stripped):
                yield line, stripped
            line = reader.line_num + 1
    except csv.Error as error:
        problems.add(line, f"expected comma-separated cells, got {error}")


def _places(header: Sequence[str]) -> tuple[int | None, tuple[int, ...], int | None, int | None]:
    """Where name, channels, colour and id stand."""
    names = [cell.lstrip("#").strip().casefold().replace(" ", "_") for cell in header]

    def find(words: Sequence[str]) -> int | None:
        return next((names.index(word) for word in words if word in names), None)

    channels = tuple(i for i in map(find, _CHANNELS) if i is not None)
    return find(_NAME), channels, find(_COLOR), find(_ID)


def _columns(header: list[str], line: int, problems: Problems) -> _Columns:
    name, channels, color, class_id = _places(header)
    if name is None or (len(channels) < 3 and color is None):
        found = ", ".join(cell or "(blank)" for cell in header) or "(none)"
        lacking = "name" if name is None else "colour"
        message = f"no colour table: expected {_EXPECTED}; got the columns {found}: no {lacking} among them"
        raise problems.stop(line, message, hint="add a header line such as name,r,g,b, or write the table as YAML")
    channels = channels if len(channels) == 3 else ()
    known = {name, class_id, *(channels or (color,))}
    others = tuple(cell for i, cell in enumerate(header) if i not in known and cell)
    return _Columns(len(header), name, channels, color, class_id, others)


def _fits(line: int, cells: list[str], columns: _Columns, problems: Problems) -> bool:
    """Whether a record has the header's cells; cells beyond it must be blank, blank ones at its end may lack."""
    beyond = [cell for cell in cells[columns.count :] if cell]
    if beyond:
        problems.add(
            line, f"expected {columns.count} cells as in the header, got {len(cells)}; quote a name that holds a comma"
        )
        return False
    needed = 1 + max(columns.name, *columns.channels, -1 if columns.color is None else columns.color)
    if len(cells) < needed:
        problems.add(line, f"expected {columns.count} cells as in the header, got {len(cells)}: {', '.join(cells)}")
        return False
    cells.extend([""] * (columns.count - len(cells)))
    return True


def _row(line: int, cells: list[str], columns: _Columns, with_ids: bool, problems: Problems) -> ClassRow:
    name = cells[columns.name]
    if not name:
        problems.add(line, "expected a class name, got nothing")
    color = columns.color_of(cells)
    if color is None:
        expected = "three whole numbers 0..255" if columns.channels else '"#RRGGBB" or "r,g,b"'
        problems.add(line, f"colour of {name!r}: expected {expected}, got {columns.color_text(cells)}")
    class_id = whole_number(cells[columns.id]) if with_ids and columns.id is not None else None
    if with_ids and columns.id is not None and class_id is None:
        problems.add(line, f"id of {name!r}: expected a whole number, got {cells[columns.id] or 'nothing'}")
    return ClassRow(name, () if color is None else (color,), class_id, line=line)


def dump(table: RawTable) -> str:
    """`name,r,g,b`, and a column id where the rows have ids."""
    with_ids = any(row.id is not None for row in table.rows)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["name", "r", "g", "b", *(["id"] if with_ids else [])])
    writer.writerows([row.name, *row.colors[0], *([row.id] if with_ids else [])] for row in table.rows)
    return text.getvalue()

"""`class_dict.csv`: a header, then a class a row, in the variants that people write."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from labelprep.class_rows import RGB, ClassRow, IgnoredClass, SegClass
from labelprep.classes import ClassTable
from labelprep.formats.table_text import Problems, RawTable, color_from_text, color_of, whole_number

_NAME = ("name", "class_name", "class_names", "label_name", "label", "labels", "class", "classes", "category")
_ID = ("id", "class_id", "label_id", "class_index", "index")
_COLOR = ("color", "colour", "hex", "hex_color", "rgb")
_CHANNELS = (("r", "red"), ("g", "green"), ("b", "blue"))
_EXPECTED = "a name column (name, class or label) and the columns r, g, b, or a column color with #RRGGBB"


@dataclass(frozen=True)
class _Columns:
    """Where the known columns stand, from 0."""

    count: int
    name: int
    channels: tuple[int, ...]
    color: int | None
    id: int | None

    def color_of(self, cells: Sequence[str]) -> RGB | None:
        if self.channels:
            return color_of(whole_number(cells[i]) for i in self.channels)
        return None if self.color is None else color_from_text(cells[self.color])

    def color_text(self, cells: Sequence[str]) -> str:
        columns = self.channels or ((self.color,) if self.color is not None else ())
        return ", ".join(cells[i] or "nothing" for i in columns)


def read_csv(text: str, source: str) -> RawTable:
    """Rows of a CSV table with a header.

    Names come from a column name, class or label; colours from r, g, b or from a column color (`#RRGGBB`); ids from
    a column id, class_id or class_index. Upper and lower case are alike, blanks around cells do not matter, commas,
    semicolons and tabs separate, and other columns are left out.

    Raises:
        ClassTableError: with file and line of everything wrong.
    """
    problems = Problems(source)
    records = _records(text, problems)
    header_line, header = next(records, (1, []))
    columns = _columns(header, header_line, problems)
    kept = [(line, cells) for line, cells in records if _fits(line, cells, columns, problems)]
    with_ids = columns.id is not None and any(cells[columns.id] for _, cells in kept)
    rows = [_row(line, cells, columns, with_ids, problems) for line, cells in kept]
    if not rows and not problems.found:
        problems.add(header_line, "a header and no classes below it")
    problems.raise_if_any()
    return RawTable(tuple(rows), source)


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


def _columns(header: list[str], line: int, problems: Problems) -> _Columns:
    names = [cell.lstrip("#").strip().casefold().replace(" ", "_") for cell in header]

    def find(words: Sequence[str]) -> int | None:
        return next((names.index(word) for word in words if word in names), None)

    name, color, class_id = find(_NAME), find(_COLOR), find(_ID)
    channels = tuple(i for i in map(find, _CHANNELS) if i is not None)
    if name is None or (len(channels) < 3 and color is None):
        found = ", ".join(cell or "(blank)" for cell in header) or "(none)"
        lacking = "name" if name is None else "colour"
        message = f"no colour table: expected {_EXPECTED}; got the columns {found}: no {lacking} among them"
        raise problems.stop(line, message, hint="add a header line such as name,r,g,b, or write the table as YAML")
    return _Columns(len(header), name, channels if len(channels) == 3 else (), color, class_id)


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


def dump_csv(table: ClassTable) -> str:
    """A table as `name,r,g,b`, kept classes in id order, then ignored ones that have a colour.

    A column id is added where the ids in source masks are not the final ones.
    """
    with_ids = any(c.source_ids[:1] not in ((), (c.id,)) for c in table.classes)
    lines = [[c.name, *c.color, c.source_ids[0] if c.source_ids else c.id] for c in table.classes]
    every: tuple[SegClass | IgnoredClass, ...] = (*table.classes, *table.ignored)
    last = max([len(lines) - 1, *(v for c in every for v in c.source_ids)])
    for ignored in table.ignored:
        if ignored.colors:
            last += not ignored.source_ids
            lines.append([ignored.name, *ignored.colors[0], ignored.source_ids[0] if ignored.source_ids else last])
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["name", "r", "g", "b", "id"] if with_ids else ["name", "r", "g", "b"])
    writer.writerows(line if with_ids else line[:4] for line in lines)
    return text.getvalue()

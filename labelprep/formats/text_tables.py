"""Class tables as plain text: CVAT's `labelmap.txt` and CamVid's `label_colors.txt`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from labelprep.class_rows import RGB, ClassRow
from labelprep.classes import ClassTable
from labelprep.errors import ClassTableError
from labelprep.formats.table_text import Problems, RawTable, color_from_text, color_of, whole_number

_HEAD = "# label:color_rgb:parts:actions"


def read_labelmap(text: str, source: str) -> RawTable:
    """Rows of CVAT's `labelmap.txt`: `name:r,g,b:parts:actions`, the colour may lack; `#` begins a comment.

    Raises:
        ClassTableError: with file and line of everything wrong.
    """
    problems = Problems(source)
    rows = []
    for line, content in _lines(text):
        name, *rest = (cell.strip() for cell in content.split(":"))
        color = color_from_text(rest[0]) if rest else None
        if not 1 <= len(rest) <= 3:
            problems.add(line, f"expected label:color_rgb:parts:actions, got {content!r}")
        elif not name:
            problems.add(line, f"expected a label before the first colon, got {content!r}")
        elif rest[0] and color is None:
            problems.add(line, f"colour of {name!r}: expected r,g,b with values 0..255, got {rest[0]!r}")
        else:
            rows.append(ClassRow(name, () if color is None else (color,), line=line))
    return _table(rows, source, problems)


def read_label_colors(text: str, source: str) -> RawTable:
    """Rows of CamVid's `label_colors.txt`: `R G B`, blanks or tabs, then the name, which may hold blanks.

    Raises:
        ClassTableError: with file and line of everything wrong.
    """
    problems = Problems(source)
    rows = []
    for line, content in _lines(text):
        match = re.fullmatch(r"(\S+)\s+(\S+)\s+(\S+)(?:\s+(.*))?", content)
        color = color_of(map(whole_number, match.groups()[:3])) if match else None
        if match is None or color is None:
            problems.add(line, f"expected R G B with values 0..255 and a name, got {content!r}")
        elif not match[4]:
            problems.add(line, f"expected a name behind the colour, got {content!r}")
        else:
            rows.append(ClassRow(match[4], (color,), line=line))
    return _table(rows, source, problems)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """(number, content) of every line that is neither blank nor a comment."""
    for number, content in enumerate(text.splitlines(), 1):
        if content.strip() and not content.lstrip().startswith("#"):
            yield number, content.strip()


def _table(rows: list[ClassRow], source: str, problems: Problems) -> RawTable:
    if not rows and not problems.found:
        problems.add(1, "comments and no classes")
    problems.raise_if_any()
    return RawTable(tuple(rows), source)


def dump_labelmap(table: ClassTable) -> str:
    """A table as CVAT's `labelmap.txt`, kept classes in id order, then the ignored ones.

    Raises:
        ClassTableError: for a name with a colon or a line end, which the format cannot hold.
    """
    entries: list[tuple[str, RGB | None]] = [(c.name, c.color if c.colors else None) for c in table.classes]
    entries += [(c.name, c.colors[0] if c.colors else None) for c in table.ignored]
    _refuse([name for name, _ in entries if ":" in name or name.startswith("#")], "labelmap.txt", table)
    _refuse([name for name, _ in entries if _breaks(name)], "labelmap.txt", table)
    lines = [f"{name}:{'' if color is None else '{},{},{}'.format(*color)}::" for name, color in entries]
    return "\n".join([_HEAD, *lines, ""])


def dump_label_colors(table: ClassTable) -> str:
    """A table as CamVid's `label_colors.txt`, kept classes in id order, then ignored ones that have a colour.

    Raises:
        ClassTableError: for a name with a line end, which the format cannot hold.
    """
    entries = [(c.color, c.name) for c in table.classes] + [(c.colors[0], c.name) for c in table.ignored if c.colors]
    _refuse([name for _, name in entries if _breaks(name)], "label_colors.txt", table)
    return "".join("{} {} {}\t{}\n".format(*color, name) for color, name in entries)


def _breaks(name: str) -> bool:
    return name.splitlines() != [name.strip()]


def _refuse(names: list[str], dialect: str, table: ClassTable) -> None:
    if names:
        message = f"{dialect} cannot hold the class names {', '.join(map(repr, names))}"
        raise ClassTableError(message, path=table.source, hint="rename them, or write YAML or CSV")

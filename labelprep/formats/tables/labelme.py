"""labelme's `labels.txt`: a name a line; `__ignore__` is -1 and in masks 255, `_background_` is 0."""

from __future__ import annotations

from labelprep.class_rows import ClassRow
from labelprep.formats.tables.says import Says
from labelprep.formats.tables.structured import Misfit, finish
from labelprep.formats.tables.text import Problems, RawTable

SAYS = Says("none", ignored="out")
IGNORE, BACKGROUND = "__ignore__", "_background_"
FILES = ("labels.txt", "class_names.txt", "classes.txt", "names.txt")


def misfit(name: str, text: str) -> Misfit:
    """Why a file is no list of names; without labelme's own words only its name tells."""
    lines = [line.strip() for line in text.splitlines()]
    if IGNORE in lines or BACKGROUND in lines or name.casefold() in FILES:
        return None
    return 1, f"expected {IGNORE} and {BACKGROUND} as the first lines, or a file called {' or '.join(FILES)}"


def read(text: str, problems: Problems) -> RawTable:
    """Rows in the order of the lines, from 0; `__ignore__` is no row, as 255 is ignored anyway.

    Raises:
        ClassTableError: with file and line of everything wrong.
    """
    rows: list[ClassRow] = []
    for line, name in enumerate(map(str.strip, text.splitlines()), 1):
        if name == IGNORE and rows:
            problems.add(line, f"{IGNORE} stands behind {rows[-1].name!r}; labelme has it first, as id -1")
        elif name and name != IGNORE:
            rows.append(ClassRow(name, line=line))
    for place, row in enumerate(rows):
        if row.name == BACKGROUND and place:
            problems.add(row.line or 1, f"{BACKGROUND} would have id {place}; labelme has it as id 0, behind {IGNORE}")
    return finish(rows, problems)


def dump(table: RawTable) -> str:
    """`labels.txt` with the line that labelme insists on."""
    return "".join(f"{name}\n" for name in (IGNORE, *(row.name for row in table.rows)))


def wants(table: RawTable) -> str | None:
    """What labelme insists on and the rows lack."""
    first = table.rows[0].name
    return None if first == BACKGROUND else f"labelme wants id 0 to be called {BACKGROUND}; here it is {first!r}"

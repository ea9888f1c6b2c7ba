"""Text for a terminal of some width: wrapped at words, and names that are too long shortened in the middle."""

from __future__ import annotations

import os
import re
from typing import TextIO

NARROW = 12  # columns in which a shortened name still tells something
COMMANDS = ("labelprep ", "pip install ")  # lines with these are left whole, to be copied


def size(stream: TextIO) -> tuple[int, int] | None:
    """Columns and lines of the terminal behind a stream; None where it is none."""
    try:
        if not stream.isatty():
            return None
        columns, lines = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        return None
    return columns or 80, lines or 24


def fitted(text: str, columns: int) -> str:
    r"""Text whose lines fit, wrapped ones going on two columns further right.

    >>> fitted("  e.g. images/street.png: not an image", 30)
    '  e.g. images/street.png: not\n    an image'
    >>> fitted("run: labelprep convert data/sample", 20)
    'run: labelprep convert data/sample'
    >>> fitted("road    12   images/street_0001_left.png", 30)
    'road    12   images/s…left.png'
    """
    from rich.cells import cell_len

    lines = text.split("\n")
    return "\n".join(
        line if cell_len(line) <= columns or any(word in line for word in COMMANDS) else _wrapped(line, columns)
        for line in lines
    )


def _wrapped(line: str, columns: int) -> str:
    from rich.cells import cell_len

    indent = " " * (len(line) - len(line.lstrip(" ")))
    rows, row = list[str](), indent
    for gap, word in re.findall(r"( *)([^ ]+)", line.strip(" ")):
        room = columns - cell_len(row) - len(gap)
        in_column = len(gap) > 1 and room >= NARROW  # a table's cell stays under its head
        if cell_len(word) > room and row.strip() and not in_column:
            rows.append(row)
            row = f"{indent}  "
        space = gap if row.strip() else ""
        row += space + shortened(word, columns - cell_len(row) - len(space))
    return "\n".join([*rows, row])


def shortened(name: str, columns: int) -> str:
    """A name that fits, without its middle where it is too long.

    >>> shortened("images/street_0001_left.png", 16)
    'images/…left.png'
    """
    from rich.cells import cell_len, set_cell_size

    if cell_len(name) <= columns:
        return name
    if len(set(name)) == 1:  # a rule
        return set_cell_size(name, max(0, columns))
    front = max(0, columns - 1) // 2
    back = max(0, columns - 1 - front)
    return f"{set_cell_size(name, front).rstrip()}…{set_cell_size(name[::-1], back)[::-1].lstrip()}"

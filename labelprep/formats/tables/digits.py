"""Colour maps of DIGITS: `R G B` a line, and no names."""

from __future__ import annotations

import re

from labelprep.class_rows import ClassRow
from labelprep.formats.tables.cvat import content_lines
from labelprep.formats.tables.says import Says
from labelprep.formats.tables.structured import Misfit, finish
from labelprep.formats.tables.text import Problems, RawTable, color_of, whole_number

SAYS = Says("one", names=False)


def misfit(text: str) -> Misfit:
    """Why a file is no colour map of DIGITS."""
    for line, content in content_lines(text):
        if color_of(map(whole_number, re.split(r"[\s,]+", content))) is None:
            return line, f"expected R G B with values 0..255 and nothing else, got {content[:60]!r}"
    return None


def read(text: str, problems: Problems) -> RawTable:
    """Rows called `class 0`, `class 1`, … with the colours of the lines.

    Raises:
        ClassTableError: with file and line of everything wrong.
    """
    rows = []
    for place, (line, content) in enumerate(content_lines(text)):
        color = color_of(map(whole_number, re.split(r"[\s,]+", content)))
        rows.append(ClassRow(f"class {place}", () if color is None else (color,), line=line))
    return finish(rows, problems, "the file has no names; classes are called by their place")


def dump(table: RawTable) -> str:
    """A colour map of DIGITS."""
    return "".join("{} {} {}\n".format(*row.colors[0]) for row in table.rows)

"""CamVid's `label_colors.txt`: `R G B name`."""

from __future__ import annotations

import re

from labelprep.class_rows import ClassRow
from labelprep.formats.tables.cvat import content_lines
from labelprep.formats.tables.says import Says
from labelprep.formats.tables.structured import Misfit, finish
from labelprep.formats.tables.text import Problems, RawTable, color_of, whole_number

SAYS = Says("one")


def misfit(text: str) -> Misfit:
    """Why a file is no `label_colors.txt`."""
    line, content = next(content_lines(text), (1, ""))
    if re.match(r"\S+[ \t]+\S+[ \t]+[+-]?\d+(\.0*)?[ \t]+\S", content) and ":" not in content.split()[0]:
        return None
    return line, f"expected R G B and a name, got {content[:60]!r}"


def read(text: str, problems: Problems) -> RawTable:
    """Rows of CamVid's `label_colors.txt`: `R G B`, blanks or tabs, then the name, which may hold blanks.

    Raises:
        ClassTableError: with file and line of everything wrong.
    """
    rows = []
    for line, content in content_lines(text):
        match = re.fullmatch(r"(\S+)\s+(\S+)\s+(\S+)(?:\s+(.*))?", content)
        color = color_of(map(whole_number, match.groups()[:3])) if match else None
        if match is None or color is None:
            problems.add(line, f"expected R G B with values 0..255 and a name, got {content!r}")
        elif not match[4]:
            problems.add(line, f"expected a name behind the colour, got {content!r}")
        else:
            rows.append(ClassRow(match[4], (color,), line=line))
    return finish(rows, problems)


def dump(table: RawTable) -> str:
    """CamVid's `label_colors.txt`."""
    return "".join("{} {} {}\t{}\n".format(*row.colors[0], row.name) for row in table.rows)

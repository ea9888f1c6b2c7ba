"""CVAT's `labelmap.txt`: `name:r,g,b:parts:actions`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from labelprep.class_rows import ClassRow
from labelprep.formats.tables.says import Says
from labelprep.formats.tables.structured import Misfit, finish
from labelprep.formats.tables.text import Problems, RawTable, color_from_text

SAYS = Says("maybe")
_HEAD = "# label:color_rgb:parts:actions"


def content_lines(text: str) -> Iterator[tuple[int, str]]:
    """(number, content) of every line that is neither blank nor a comment."""
    for number, content in enumerate(text.splitlines(), 1):
        if content.strip() and not content.lstrip().startswith("#"):
            yield number, content.strip()


def misfit(text: str) -> Misfit:
    """Why a file is no `labelmap.txt`."""
    line, content = next(content_lines(text), (1, ""))
    if re.fullmatch(r"[^:]*:[^:]*(:[^:]*){0,2}", content) or "label:color" in text.split("\n", 1)[0]:
        return None
    return line, f"expected label:color_rgb:parts:actions, got {content[:60]!r}"


def read(text: str, problems: Problems) -> RawTable:
    """Rows of a `labelmap.txt`; the colour may lack, `#` begins a comment.

    Raises:
        ClassTableError: with file and line of everything wrong.
    """
    rows = []
    more: list[str] = []
    for line, content in content_lines(text):
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
            more += [name] if any(rest[1:]) else []
    return finish(rows, problems, *([f"parts and actions of {', '.join(more)}"] if more else []))


def dump(table: RawTable) -> str:
    """`labelmap.txt` with the four fields that its readers insist on."""
    colors = ["{},{},{}".format(*row.colors[0]) if row.colors else "" for row in table.rows]
    return "\n".join([_HEAD, *(f"{row.name}:{color}::" for row, color in zip(table.rows, colors, strict=True)), ""])

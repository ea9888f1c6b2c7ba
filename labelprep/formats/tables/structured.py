"""Reading a class table that is JSON, YAML or Python: what the readers of such dialects share."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from labelprep.class_rows import RGB, ClassRow
from labelprep.formats.tables.text import Problems, RawTable
from labelprep.formats.tables.values import Value

Misfit = tuple[int, str] | None
"""Why a file is not of a dialect: line and reason; None where it is."""


def finish(rows: Sequence[ClassRow], problems: Problems, *left_out: str, renumber: bool = False) -> RawTable:
    """The table, or all that is wrong with it.

    Raises:
        ClassTableError: with a line for every problem, or for a table without rows.
    """
    problems.raise_if_any()
    if not rows:
        raise problems.stop(1, "no classes in it")
    return RawTable(tuple(rows), problems.source, renumber, tuple(left_out))


def text_of(value: Value) -> str:
    """The text of a value, and nothing where it is none."""
    return value.plain if isinstance(value.plain, str) else ""


def as_json(value: Any) -> str:
    """JSON for people and programs, the same bytes for the same value."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def hex_of(color: RGB) -> str:
    """`#RRGGBB`."""
    return "#{:02x}{:02x}{:02x}".format(*color)


def is_list_of(value: Value | None, *keys: str) -> bool:
    """Whether a value is a list of mappings of which the first has one of the keys."""
    return value is not None and bool(value.items) and any(key in value.items[0].mapping for key in keys)


def is_list_of_text(value: Value | None) -> bool:
    """Whether a value is a list that begins with a text."""
    return value is not None and bool(value.items) and isinstance(value.items[0].plain, str)

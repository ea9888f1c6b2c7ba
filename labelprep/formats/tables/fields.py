"""What the readers of JSON, YAML and Python share: names, colours and ids out of values; what is wrong is noted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from labelprep.class_rows import RGB
from labelprep.formats.tables.text import Problems, color_from_text, color_of
from labelprep.formats.tables.values import Value, seen

COLOR = '[r, g, b] with values 0..255 or "#RRGGBB" in quotes'


def name_in(value: Value, where: str, problems: Problems) -> str:
    """A class's name, blanks around it left out; what is none is noted."""
    if isinstance(value.plain, str) and value.plain.strip():
        return checked_name(value.plain.strip(), value.line, where, problems)
    number = isinstance(value.plain, int | float) and not isinstance(value.plain, bool)
    expected = "a class name in quotes" if number else "a class name"
    problems.add(value.line, f"{where}: expected {expected}, got {seen(value)}")
    return ""


def checked_name(name: str, line: int, where: str, problems: Problems) -> str:
    """A name that can be written; half of a surrogate pair, which JSON can spell, is noted."""
    if re.search("[\ud800-\udfff]", name):
        problems.add(line, f"{where}: expected a class name, got half of a character: {name!a}")
        return ""
    return name


def color_in(value: Value, where: str, problems: Problems) -> tuple[RGB, ...]:
    """A colour, or none where there is none; what is no colour is noted."""
    text = isinstance(value.plain, str)
    color = color_from_text(value.plain) if text else color_of(v.number for v in value.items)
    if color is None or (not text and len(value.items) != 3):
        problems.add(value.line, f"{where}: expected {COLOR}, got {seen(value)}")
        return ()
    return (color,)


def id_in(key: Any, line: int, where: str, problems: Problems) -> int | None:
    """An id that is written as a key, `"0"` or 0; what is none is noted."""
    if isinstance(key, str) and re.fullmatch(r"\s*[+-]?[0-9]{1,9}\s*", key, re.ASCII):
        return int(key)
    number = Value(key, line).number
    if number is None:
        problems.add(line, f"{where}: expected an id, a whole number, got {seen(Value(key, line))}")
    return number


def other_keys(found: Mapping[Any, Any], known: Iterable[str], where: str = "") -> tuple[str, ...]:
    """A note on the keys that a table of ours has no place for."""
    rest = [str(key) for key in found if key not in tuple(known)]
    shown = ", ".join(rest[:8]) + (", …" if len(rest) > 8 else "")
    return (f"{where}{shown}",) if rest else ()


def keys_shown(value: Value) -> str:
    """`the keys a, b`, or what stands there instead of a mapping."""
    if not value.is_mapping:
        return "a list" if value.is_list else seen(value)
    keys = [str(key) for key in value.mapping]
    return f"the keys {', '.join(keys[:8]) or '(none)'}" + (", …" if len(keys) > 8 else "")

"""Ultralytics' `data.yaml`: `names`, and by choice `label_mapping` from the values of source masks to ids."""

from __future__ import annotations

import json
from typing import Any

from labelprep.class_rows import ClassRow
from labelprep.formats.tables.fields import id_in, keys_shown, name_in
from labelprep.formats.tables.says import Says
from labelprep.formats.tables.structured import Misfit, finish
from labelprep.formats.tables.text import Problems, RawTable
from labelprep.formats.tables.values import Value, seen

SAYS = Says("none", "all", "ids")
_IGNORED = "ignore_label"


def misfit(root: Value) -> Misfit:
    """Why a file is no `data.yaml`."""
    names = root.mapping.get("names")
    if names is not None and (names.is_mapping or names.is_list):
        return None
    return root.line, f"expected `names`, a list or a mapping of ids to names; got {keys_shown(root)}"


def read(root: Value, problems: Problems) -> RawTable:
    """Rows of `names`. A `label_mapping` gives each class the values of source masks that mean it.

    A value that is not mapped means the class of that id.

    Raises:
        ClassTableError: with file and line of everything wrong.
    """
    names = root.mapping["names"]
    found: dict[int, ClassRow] = {}
    for key, value in names.mapping.items() or enumerate(names.items):
        class_id = id_in(key, value.line, f"names.{key}", problems)
        row = ClassRow(name_in(value, f"names.{key}", problems), (), class_id, line=value.line)
        if class_id is not None and (first := found.setdefault(class_id, row)) is not row:
            problems.add(value.line, f"names.{key}: id {class_id} is given twice, first in line {first.line}")
    mapping = root.mapping.get("label_mapping", Value(None, 1))
    if mapping.plain is None:
        return finish([found[i] for i in sorted(found)], problems)
    if not mapping.is_mapping:
        raise problems.stop(mapping.line, f"label_mapping: expected values with ids, got {seen(mapping)}")
    return finish(_mapped(found, mapping, problems), problems, renumber=True)


def _mapped(found: dict[int, ClassRow], mapping: Value, problems: Problems) -> list[ClassRow]:
    values: dict[int, list[int]] = {class_id: [] for class_id in sorted(found)}
    ignored = []
    mapped = set()
    for key, to in mapping.mapping.items():
        where = f"label_mapping.{key}"
        value = id_in(key, to.line, where, problems)
        if value is None:
            continue
        mapped.add(value)
        if to.plain == _IGNORED or to.number == 255 not in found:
            ignored.append(ClassRow(f"value {value}", (), value, ignore=True, line=to.line))
        elif to.number in values:
            values[to.number].append(value)
        else:
            known = f"{len(found)} ids of `names`"
            problems.add(to.line, f"{where}: expected one of the {known}, or {_IGNORED}, got {seen(to)}")
    rows, merged = [], []
    for class_id, row in sorted(found.items()):
        own = [*values[class_id], *([class_id] if class_id not in mapped else [])]
        if not own:
            problems.add(row.line or 1, f"names.{class_id}: no value of label_mapping leads to {row.name!r}")
            continue
        rows.append(ClassRow(row.name, (), own[0], line=row.line))
        merged += [ClassRow(f"{row.name} ({v})", (), v, merge_into=row.name, line=row.line) for v in own[1:]]
    return [*rows, *merged, *ignored]


def dump(table: RawTable) -> str:
    """The part of a `data.yaml` that is about classes."""
    return names_yaml(table) + mapping_yaml(table)


def names_yaml(table: RawTable) -> str:
    """`names`; JSON strings are YAML strings, so that any name is quoted right."""
    kept = [row for row in table.rows if not row.ignore and row.merge_into is None]
    return "names:\n" + "".join(f"  {number}: {_quoted(row.name)}\n" for number, row in enumerate(kept))


def mapping_yaml(table: RawTable) -> str:
    """`label_mapping`, where values of source masks are not the ids, or are ignored."""
    kept = [row for row in table.rows if not row.ignore and row.merge_into is None]
    ids: dict[str | None, Any] = {row.name: number for number, row in enumerate(kept)}
    pairs = [(row.id, _IGNORED if row.ignore else ids[row.merge_into or row.name]) for row in table.rows]
    if all(value in (None, to) for value, to in pairs):
        return ""
    return "label_mapping:\n" + "".join(f"  {value}: {to}\n" for value, to in pairs)


def _quoted(name: str) -> str:
    """A name as a string of JSON and of YAML, which takes no characters that cannot be printed."""
    text = json.dumps(name, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in text)


def wants(_table: RawTable) -> str | None:
    """What Ultralytics wants besides."""
    return "Ultralytics wants train, val and masks_dir beside the names"

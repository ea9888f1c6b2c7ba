"""nnU-Net's `dataset.json`: `labels` from name to id, as version 2 has it, or from id to name, as version 1 had it."""

from __future__ import annotations

from labelprep.class_rows import ClassRow
from labelprep.formats.tables.fields import checked_name, id_in, keys_shown, name_in
from labelprep.formats.tables.says import Says
from labelprep.formats.tables.structured import Misfit, as_json, finish
from labelprep.formats.tables.text import Problems, RawTable
from labelprep.formats.tables.values import Value, seen

SAYS = Says("none", ignored="joined")
IGNORE = "ignore"
_OLD = "labels lead from id to name, as in nnU-Net version 1; version 2 reads name to id"


def misfit(root: Value) -> Misfit:
    """Why a file is no `dataset.json`."""
    if root.mapping.get("labels", Value(None, 1)).mapping:
        return None
    return root.line, f"expected `labels` as a mapping of names to ids; got {keys_shown(root)}"


def read(root: Value, problems: Problems) -> RawTable:
    """Rows of `labels`; the label called ignore is ignored.

    Raises:
        ClassTableError: with file and line of everything wrong; regions, which are several ids, are.
    """
    labels = root.mapping["labels"].mapping
    old = all(isinstance(value.plain, str) and not value.plain.strip().isdecimal() for value in labels.values())
    rows = []
    for key, value in labels.items():
        where = f"labels.{key}"
        if old:
            name, class_id = name_in(value, where, problems), id_in(key, value.line, where, problems)
        else:
            name = checked_name(str(key).strip(), value.line, where, problems)
            class_id = _id(value, where, problems)
        rows.append(ClassRow(name, (), class_id, ignore=name == IGNORE, line=value.line))
    return finish(rows, problems, *([_OLD] if old else []))


def _id(value: Value, where: str, problems: Problems) -> int | None:
    if value.is_list:
        message = "expected one id, got a region of several, which is no class of a mask; name its parts as labels"
        problems.add(value.line, f"{where}: {message}")
        return None
    if value.number is None and not isinstance(value.plain, str):
        problems.add(value.line, f"{where}: expected an id, a whole number, got {seen(value)}")
        return None
    return value.number if value.number is not None else id_in(value.plain, value.line, where, problems)


def dump(table: RawTable) -> str:
    """The part of a `dataset.json` that is about classes."""
    return as_json({"labels": {row.name: number for number, row in enumerate(table.rows)}})


def wants(table: RawTable) -> str | None:
    """What nnU-Net wants besides."""
    first = table.rows[0].name
    name = "" if first == "background" else f"; id 0 is to be called background, here it is {first!r}"
    return f"nnU-Net wants channel_names, numTraining and file_ending beside the labels{name}"

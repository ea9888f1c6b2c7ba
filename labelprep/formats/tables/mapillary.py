"""Mapillary's `config_v*.json`: `labels` in id order; those that are not evaluated are ignored."""

from __future__ import annotations

from labelprep.class_rows import ClassRow
from labelprep.formats.tables.fields import color_in, keys_shown, name_in, other_keys
from labelprep.formats.tables.says import Says
from labelprep.formats.tables.structured import Misfit, as_json, finish, is_list_of
from labelprep.formats.tables.text import Problems, RawTable
from labelprep.formats.tables.values import Value, seen

SAYS = Says("one", ignored="marked")


def misfit(root: Value) -> Misfit:
    """Why a file is no `config_v*.json`."""
    labels = _labels(root)
    if is_list_of(labels, "name", "readable") and not is_list_of(labels, "png_index"):
        return None
    return root.line, f"expected `labels` as a list of mappings with `name` and `color`; got {keys_shown(root)}"


def _labels(root: Value) -> Value:
    return root.mapping.get("labels", root)


def read(root: Value, problems: Problems) -> RawTable:
    """Rows in the order of `labels`, which is the id; `evaluate: false` ignores one.

    Raises:
        ClassTableError: with file and line of everything wrong.
    """
    entries = _labels(root).items
    rows = [row for i, entry in enumerate(entries) if (row := _row(entry, f"labels[{i}]", problems))]
    left_out = other_keys(
        {key: None for e in entries for key in e.mapping}, ("name", "color", "evaluate"), "of the labels: "
    )
    return finish(rows, problems, *other_keys(root.mapping, ("labels", "version")), *left_out)


def _row(entry: Value, where: str, problems: Problems) -> ClassRow | None:
    word = "name" if "name" in entry.mapping else "readable"
    if word not in entry.mapping:
        problems.add(entry.line, f"{where}: expected a name, got {keys_shown(entry)}")
        return None
    color = entry.mapping.get("color", Value(None, 1))
    colors = () if color.plain is None else color_in(color, f"{where}.color", problems)
    evaluate = entry.mapping.get("evaluate", Value(True, 1))
    if not isinstance(evaluate.plain, bool):
        problems.add(evaluate.line, f"{where}.evaluate: expected true or false, got {seen(evaluate)}")
    name = name_in(entry.mapping[word], f"{where}.{word}", problems)
    return ClassRow(name, colors, ignore=evaluate.plain is False, line=entry.line)


def dump(table: RawTable) -> str:
    """`config_v2.0.json`."""
    labels = [
        {"name": r.name, "readable": r.name, "color": list(r.colors[0]), "evaluate": not r.ignore, "instances": False}
        for r in table.rows
    ]
    return as_json({"version": 2.0, "labels": labels})

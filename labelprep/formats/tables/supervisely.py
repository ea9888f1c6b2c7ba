"""Supervisely's `meta.json`: `classes` with `title`, `shape` and `color`; their order is the id."""

from __future__ import annotations

from labelprep.class_rows import ClassRow
from labelprep.formats.tables.fields import color_in, keys_shown, name_in, other_keys
from labelprep.formats.tables.says import Says
from labelprep.formats.tables.structured import Misfit, as_json, finish, hex_of, is_list_of
from labelprep.formats.tables.text import Problems, RawTable
from labelprep.formats.tables.values import Value

SAYS = Says("one")


def misfit(root: Value) -> Misfit:
    """Why a file is no `meta.json`."""
    if is_list_of(root.mapping.get("classes"), "title"):
        return None
    return root.line, f"expected `classes` as a list of mappings with `title`; got {keys_shown(root)}"


def read(root: Value, problems: Problems) -> RawTable:
    """Rows in the order of `classes`; a class may lack its colour.

    Raises:
        ClassTableError: with file and line of everything wrong.
    """
    entries = root.mapping["classes"].items
    rows = []
    for i, entry in enumerate(entries):
        where = f"classes[{i}]"
        if "title" not in entry.mapping:
            problems.add(entry.line, f"{where}: expected a title, got {keys_shown(entry)}")
            continue
        color = entry.mapping.get("color", Value(None, 1))
        colors = () if color.plain is None else color_in(color, f"{where}.color", problems)
        rows.append(ClassRow(name_in(entry.mapping["title"], f"{where}.title", problems), colors, line=entry.line))
    left_out = other_keys({key: None for e in entries for key in e.mapping}, ("title", "color"), "of the classes: ")
    return finish(rows, problems, *other_keys(root.mapping, ("classes",)), *left_out)


def dump(table: RawTable) -> str:
    """`meta.json` of a project of bitmaps."""
    classes = [{"title": row.name, "shape": "bitmap", "color": hex_of(row.colors[0])} for row in table.rows]
    return as_json({"classes": classes, "tags": []})

"""Hasty's (CloudFactory's) `label_classes.json`: `png_index`, `class_name` and `color`; 0 is the background."""

from __future__ import annotations

from labelprep.class_rows import ClassRow
from labelprep.formats.tables.fields import color_in, keys_shown, name_in, other_keys
from labelprep.formats.tables.says import Says
from labelprep.formats.tables.structured import Misfit, as_json, finish, hex_of, is_list_of
from labelprep.formats.tables.text import Problems, RawTable
from labelprep.formats.tables.values import Value, seen

SAYS = Says("maybe")


def misfit(root: Value) -> Misfit:
    """Why a file is no `label_classes.json`."""
    if is_list_of(root, "png_index"):
        return None
    first = f"a list of {keys_shown(root.items[0])}" if root.items else keys_shown(root)
    return root.line, f"expected a list of mappings with `png_index` and `class_name`; got {first}"


def read(root: Value, problems: Problems) -> RawTable:
    """Rows by `png_index`; where none is 0, that is a class called background.

    Raises:
        ClassTableError: with file and line of everything wrong.
    """
    rows = [row for i, entry in enumerate(root.items) if (row := _row(entry, f"[{i}]", problems))]
    left_out = other_keys(
        {key: None for entry in root.items for key in entry.mapping}, ("png_index", "class_name", "name", "color")
    )
    if all(row.id != 0 for row in rows):
        name = "background" if all(row.name != "background" for row in rows) else "_background_"
        rows = [ClassRow(name, (), 0), *rows]
    return finish(rows, problems, *left_out)


def _row(entry: Value, where: str, problems: Problems) -> ClassRow | None:
    word = "class_name" if "class_name" in entry.mapping else "name"
    if word not in entry.mapping or "png_index" not in entry.mapping:
        problems.add(entry.line, f"{where}: expected png_index and class_name, got {keys_shown(entry)}")
        return None
    index = entry.mapping["png_index"]
    if index.number is None:
        problems.add(index.line, f"{where}.png_index: expected a whole number, got {seen(index)}")
    color = entry.mapping.get("color", Value(None, 1))
    colors = () if color.plain is None else color_in(color, f"{where}.color", problems)
    return ClassRow(name_in(entry.mapping[word], f"{where}.{word}", problems), colors, index.number, line=entry.line)


def dump(table: RawTable) -> str:
    """`label_classes.json`."""
    return as_json(
        [
            {"png_index": number, "class_name": row.name}
            | ({"color": hex_of(row.colors[0])} if row.colors else {})
            | {"class_type": "object"}
            for number, row in enumerate(table.rows)
        ]
    )

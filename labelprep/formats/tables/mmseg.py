"""mmsegmentation's METAINFO, `classes` and `palette`, as JSON, YAML or a Python file, which is read and never run."""

from __future__ import annotations

from labelprep.class_rows import ClassRow
from labelprep.formats.tables.fields import color_in, keys_shown, name_in, other_keys
from labelprep.formats.tables.says import Says
from labelprep.formats.tables.structured import Misfit, as_json, finish, is_list_of_text
from labelprep.formats.tables.text import Problems, RawTable
from labelprep.formats.tables.values import Value, seen

SAYS = Says("one", ignored="out")
NAMES = ("METAINFO", "metainfo", "CLASSES", "classes", "PALETTE", "palette")


def misfit(root: Value) -> Misfit:
    """Why a file holds no METAINFO."""
    info = _info(root)
    if is_list_of_text(_either(info, "classes")):
        return None
    keys = keys_shown(info) if info.mapping or not root.is_mapping else keys_shown(root)
    return info.line, f"expected `classes` as a list of names; got {keys}"


def _info(root: Value) -> Value:
    return root.mapping.get("METAINFO") or root.mapping.get("metainfo") or root


def _either(info: Value, word: str) -> Value | None:
    return info.mapping.get(word) or info.mapping.get(word.upper())


def read(root: Value, problems: Problems) -> RawTable:
    """Rows in the order of `classes`; the palette may lack.

    The palette is what classes are painted with: mmsegmentation itself reads ids and never looks colours up.

    Raises:
        ClassTableError: with file and line of everything wrong.
    """
    info = _info(root)
    classes = _either(info, "classes") or info
    palette = _either(info, "palette")
    if palette is not None and palette.plain is not None and len(palette.items) != len(classes.items):
        got = f"{len(palette.items)} colours" if palette.is_list else seen(palette)
        problems.add(palette.line, f"palette: expected a colour for each of {len(classes.items)} classes, got {got}")
    colors = palette.items if palette is not None else ()
    rows = []
    for i, value in enumerate(classes.items):
        color = color_in(colors[i], f"palette[{i}]", problems) if i < len(colors) else ()
        rows.append(ClassRow(name_in(value, f"classes[{i}]", problems), color, line=value.line))
    return finish(rows, problems, *other_keys(info.mapping, ("classes", "CLASSES", "palette", "PALETTE", *NAMES)))


def dump(table: RawTable) -> str:
    """METAINFO as JSON."""
    return as_json(_metainfo(table))


def dump_python(table: RawTable) -> str:
    """METAINFO as an assignment for a configuration or a dataset class."""
    lines = []
    for word, items in _metainfo(table).items():
        lines += [f"    {word!r}: [", *(f"        {item!r}," for item in items), "    ],"]
    return "\n".join(["METAINFO = {", *lines, "}", ""])


def _metainfo(table: RawTable) -> dict[str, list[object]]:
    return {"classes": [row.name for row in table.rows], "palette": [list(row.colors[0]) for row in table.rows]}

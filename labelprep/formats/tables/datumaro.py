"""datumaro's `dataset_meta.json`: `label_map` (or `labels`), `segmentation_colors`, `background_label`."""

from __future__ import annotations

from labelprep.class_rows import RGB, ClassRow
from labelprep.formats.tables.fields import color_in, id_in, keys_shown, name_in, other_keys
from labelprep.formats.tables.says import Says
from labelprep.formats.tables.structured import Misfit, as_json, finish, is_list_of_text
from labelprep.formats.tables.text import Problems, RawTable
from labelprep.formats.tables.values import Value, seen

SAYS = Says("one")


def misfit(root: Value) -> Misfit:
    """Why a file is no `dataset_meta.json`."""
    if "label_map" in root.mapping or is_list_of_text(root.mapping.get("labels")):
        return None
    return root.line, f"expected `label_map`, or `labels` as a list of names; got {keys_shown(root)}"


def read(root: Value, problems: Problems) -> RawTable:
    """Rows of `label_map` by their ids, or of `labels` by their order; the n-th colour is that of id n.

    Raises:
        ClassTableError: with file and line of everything wrong.
    """
    word = "label_map" if "label_map" in root.mapping else "labels"
    labels = root.mapping[word]
    if not (labels.mapping or labels.items):
        raise problems.stop(labels.line, f"{word}: expected labels, got {seen(labels)}")
    pairs = list(labels.mapping.items() or enumerate(labels.items))
    ids = [id_in(key, value.line, f"{word}.{key}", problems) for key, value in pairs]
    colors = root.mapping.get("segmentation_colors", Value((), root.line))
    if colors.plain is not None and not colors.is_list:
        problems.add(colors.line, f"segmentation_colors: expected a list of colours, got {seen(colors)}")
    elif colors.items and len(colors.items) != len(pairs):
        problems.add(
            colors.line,
            f"segmentation_colors: expected a colour for each of {len(pairs)} labels, got {len(colors.items)}",
        )
    by_place = sorted(i for i in ids if i is not None) != list(range(len(ids)))
    rows = []
    for place, ((key, value), class_id) in enumerate(zip(pairs, ids, strict=True)):
        at = place if by_place or class_id is None else class_id
        color = _color(colors.items[at], at, problems) if at < len(colors.items) else ()
        rows.append(ClassRow(name_in(value, f"{word}.{key}", problems), color, class_id, line=value.line))
    return finish(rows, problems, *other_keys(root.mapping, ("label_map", "labels", "segmentation_colors")))


def _color(value: Value, at: int, problems: Problems) -> tuple[RGB, ...]:
    return () if value.plain is None else color_in(value, f"segmentation_colors[{at}]", problems)


def dump(table: RawTable) -> str:
    """`dataset_meta.json` with ids, names and colours."""
    return as_json(
        {
            "label_map": {str(number): row.name for number, row in enumerate(table.rows)},
            "segmentation_colors": [list(row.colors[0]) for row in table.rows],
        }
    )

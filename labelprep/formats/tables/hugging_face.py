"""Hugging Face: `id2label.json`, `label2id.json`, and the `config.json` of a model, which holds both."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from labelprep.class_rows import ClassRow
from labelprep.formats.tables.fields import checked_name, id_in, keys_shown, name_in
from labelprep.formats.tables.says import Says
from labelprep.formats.tables.structured import Misfit, as_json, finish
from labelprep.formats.tables.text import Problems, RawTable
from labelprep.formats.tables.values import Value, seen

SAYS = Says("none", ignored="out")
_NAMED = ("id2label", "label2id")


def misfit(root: Value) -> Misfit:
    """Why a file is neither `id2label` nor `label2id` nor a `config.json` with one of them."""
    if any(root.mapping.get(word, root).is_mapping and word in root.mapping for word in _NAMED):
        return None
    if not root.mapping:
        return root.line, f"expected a mapping of ids to names; got {keys_shown(root)}"
    if _are_ids(root.mapping) or all(v.number is not None for v in root.mapping.values()):
        return None
    key, value = next((k, v) for k, v in root.mapping.items() if not _is_id(k))
    return value.line, f'expected ids as keys, as in {{"0": "road"}}, or names with ids; got the key {key!r}'


def _is_id(key: Any) -> bool:
    return isinstance(key, int) or bool(re.fullmatch(r"\s*[+-]?[0-9]+\s*", str(key)))


def _are_ids(mapping: Mapping[Any, Value]) -> bool:
    return all(_is_id(key) for key in mapping)


def read(root: Value, problems: Problems) -> RawTable:
    """Rows of `id2label`, or of `label2id` where that is all there is.

    Raises:
        ClassTableError: with file and line of everything wrong.
    """
    word = next((word for word in _NAMED if root.mapping.get(word, Value(None, 1)).mapping), "")
    labels = root.mapping[word] if word else root
    if word == "label2id" or (not word and all(v.number is not None for v in labels.mapping.values())):
        rows = [_turned(name, value, problems) for name, value in labels.mapping.items()]
    else:
        rows = [
            ClassRow(name_in(v, f"id {k}", problems), (), id_in(k, v.line, f"key {k!r}", problems), line=v.line)
            for k, v in labels.mapping.items()
        ]
    return finish(rows, problems)


def _turned(name: Any, value: Value, problems: Problems) -> ClassRow:
    if value.number is None:
        problems.add(value.line, f"{name!r}: expected an id, a whole number, got {seen(value)}")
    shown = checked_name(str(name).strip(), value.line, "label", problems)
    return ClassRow(shown, (), value.number, line=value.line)


def dump(table: RawTable) -> str:
    """`id2label.json`."""
    return as_json({str(number): row.name for number, row in enumerate(table.rows)})


def dump_turned(table: RawTable) -> str:
    """`label2id.json`."""
    return as_json({row.name: number for number, row in enumerate(table.rows)})

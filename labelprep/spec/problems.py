"""What is wrong in a spec, in plain English: `place  path: expected …, got …; did you mean …?`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from labelprep.nearest import did_you_mean
from labelprep.spec.dataset import DatasetSpec
from labelprep.spec.document import Document, Keys
from labelprep.spec.fields import REFUSED
from labelprep.spec.stage import Stage
from labelprep.spec.stages import AnyStage, RawStage, Spec

STAGES: dict[str, type[Stage]] = {model.model_fields["use"].default: model for model in get_args(get_args(AnyStage)[0])}

_PLAIN = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "a word",
    "path_type": "a path",
    "tuple_type": "a list",
    "dict_type": "keys and values",
    "mapping_type": "keys and values",
    "model_type": "keys and values",
    "model_attributes_type": "keys and values",
    "greater_than": "a number above {gt:g}",
    "greater_than_equal": "a number of at least {ge:g}",
    "less_than_equal": "a number of at most {le:g}",
    "too_short": "at least {min_length} of them",
    "too_long": "at most {max_length} of them",
    REFUSED: "{what}",
}


Line = tuple[tuple[int, int], str]  # where it stands, to sort by, and the text


def problem(document: Document, way: Keys, expected: str, got: str, *, key: bool = False) -> Line:
    """One line about a value (or its key), with its sort key."""
    place, order = document.place(way, key=key)
    path = f"{dotted(way)}: " if way else ""
    return order, f"{place}  {path}expected {expected}, got {got}"


def dotted(way: Keys) -> str:
    """The way to a value as a person writes it.

    >>> dotted(("stages", "splits", "ratios", 1))
    'stages.splits.ratios[1]'
    """
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in way).lstrip(".")


def shown(value: Any) -> str:
    """A value as the spec has it, shortened.

    >>> shown("five"), shown(None), shown([0.8, 0.3]), shown(True), shown({"a": 1})
    ("'five'", 'nothing', '[0.8, 0.3]', 'true', '{a: 1}')
    """
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value)
    if isinstance(value, dict):
        text = f"{{{', '.join(f'{key}: {shown(item)}' for key, item in value.items())}}}"
    return text if len(text) <= 60 else f"{text[:57]}…"


def one_of(words: Sequence[str]) -> str:
    """A choice in words.

    >>> one_of(["none"]), one_of(["a", "b", "c"])
    ('none', 'a, b or c')
    """
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def explain(error: ErrorDetails, document: Document, prefix: Keys = ()) -> Line:
    """One error of pydantic in our words, with its sort key.

    Args:
        error: from `ValidationError.errors()`.
        document: where the values stand.
        prefix: the way to the value that was validated.
    """
    way = (*prefix, *_way(error["loc"]))
    kind, got, context = error["type"], error["input"], error.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown_key(document, way)
    if kind == "missing":
        return _missing(document, way)
    if kind in ("union_tag_not_found", "union_tag_invalid"):
        use = got.get("use")
        expected = one_of(tuple(STAGES))
        return problem(document, (*way, "use"), expected, shown(use) + did_you_mean(use, STAGES))
    if kind == "literal_error":
        allowed = re.findall(r"'([^']*)'", context["expected"]) or [context["expected"]]
        return problem(document, way, one_of(allowed), shown(got) + did_you_mean(got, allowed))
    expected = _PLAIN[kind].format(**context) if kind in _PLAIN else error["msg"]
    if kind == "too_short":
        got = got or None  # an empty list reads as nothing
    return problem(document, way, expected, shown(got) + did_you_mean(got, context.get("allowed", ())))


def _way(loc: tuple[int | str, ...]) -> Keys:
    """The way in the file: pydantic puts the stage's `use` behind its name."""
    if len(loc) > 2 and loc[0] == "stages" and loc[2] in STAGES:
        loc = (*loc[:2], *loc[3:])
    return tuple(part for part in loc if part != "[key]")


def _unknown_key(document: Document, way: Keys) -> Line:
    words = keys_of(_model_at(document, way))
    suggestion = did_you_mean(way[-1], words)
    what = "a known key" if suggestion else f"a known key ({', '.join(words)})"
    return problem(document, way, what, shown(way[-1]) + suggestion, key=True)


def _missing(document: Document, way: Keys) -> Line:
    if isinstance(way[-1], int):
        return problem(document, way[:-1], "two numbers", "fewer")
    description = _model_at(document, way).model_fields[way[-1]].description
    return problem(document, way, f"the {description}", "nothing", key=True)


def _model_at(document: Document, way: Keys) -> type[BaseModel]:
    if len(way) > 2 and way[0] == "stages":
        return STAGES[document.values["stages"][way[1]]["use"]]
    return DatasetSpec if way[0] == "dataset" and len(way) > 1 else Spec


def keys_of(model: type[BaseModel]) -> list[str]:
    """The keys that a model takes in a spec, as written there."""
    words = [str(field.validation_alias or name) for name, field in model.model_fields.items()]
    if issubclass(model, RawStage):
        words += [word for word in DatasetSpec.model_fields if word not in words]
    return words

"""A spec file and `--set` options to a checked `Spec`, or all problems at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from labelprep.errors import SpecError
from labelprep.nearest import did_you_mean
from labelprep.spec.checks import check_stages
from labelprep.spec.dataset import DatasetSpec
from labelprep.spec.document import Document, Keys, parse, read_document
from labelprep.spec.problems import STAGES, Line, explain, one_of, problem, shown
from labelprep.spec.stages import RawStage, Spec


def read_spec(path: Path | str, overrides: Sequence[str] = ()) -> Spec:
    """The spec in a YAML file.

    Args:
        path: the file.
        overrides: `KEY=VALUE` as given to `--set`; KEY is dotted (`dataset.root`, `stages.train.epochs`, for short
            `train.epochs`), VALUE is YAML. Applied before anything is checked.

    Returns:
        The spec, checked.

    Raises:
        SpecError: with every problem, one line each: `file:line:column  path: expected …, got …; did you mean …?`.
    """
    document = read_document(Path(path))
    if not isinstance(document.values, dict):
        raise SpecError([problem(document, (), f"keys: {', '.join(Spec.model_fields)}", shown(document.values))[1]])
    problems = [line for override in overrides for line in _override(document, override)]
    if problems:
        raise SpecError(problems)
    found = list(check_stages(document))
    try:
        spec = Spec.model_validate(document.values)
    except ValidationError as error:
        found += [explain(detail, document) for detail in error.errors()]
    found += _own_words(document)
    if found:
        raise SpecError(list(dict.fromkeys(line for _, line in sorted(found))))
    return spec


def _own_words(document: Document) -> Iterator[Line]:
    """Problems of dataset words inside stages: each is checked on top of the common ones."""
    stages = document.values.get("stages")
    common = document.values.get("dataset")
    for name, words in stages.items() if isinstance(stages, dict) else ():
        model = STAGES.get(str(words.get("use"))) if isinstance(words, dict) else None
        if model is None or not issubclass(model, RawStage):
            continue
        own = {word: value for word, value in words.items() if word in DatasetSpec.model_fields}
        try:
            DatasetSpec.model_validate((common if isinstance(common, dict) else {}) | own)
        except ValidationError as error:
            for detail in error.errors():
                if detail["loc"][0] in own:
                    yield explain(detail, document, ("stages", name))


def _override(document: Document, override: str) -> list[str]:
    """Applies one `--set`; gives what is wrong with it."""
    key, sign, text = override.partition("=")
    if not sign or not key:
        return [f"--set {override}: expected KEY=VALUE, such as train.epochs=3"]
    try:
        value = parse(text, f"--set {key}").values
    except SpecError as error:
        return list(error.problems)
    way: Keys = tuple(key.split("."))
    stages = document.values.get("stages")
    names = [str(name) for name in stages] if isinstance(stages, dict) else []
    if way[0] in names:
        way = ("stages", *way)
    if way[0] not in Spec.model_fields:
        top = [*Spec.model_fields, *names]
        return [f"--set {override}: expected {one_of(top)}, got {way[0]!r}{did_you_mean(way[0], top)}"]
    if way[0] == "stages" and (len(way) < 2 or way[1] not in names):
        got = way[1] if len(way) > 1 else ""
        return [f"--set {override}: expected stages.STAGE.KEY with a stage of {one_of(names)}, got {got!r}"
                f"{did_you_mean(got, names)}"]  # fmt: skip
    document.values = _with(document.values, way, value)
    for known in [k for k in (*document.places, *document.overrides) if k[: len(way)] == way]:
        document.places.pop(known, None)
        document.overrides.pop(known, None)
    document.overrides[way] = override
    return []


def _with(values: Any, way: Keys, value: Any) -> Any:
    """The same values with one more or another one at the end of the way."""
    if not way:
        return value
    inner = values if isinstance(values, dict) else {}
    return inner | {way[0]: _with(inner.get(way[0]), way[1:], value)}

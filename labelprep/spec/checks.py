"""What pydantic cannot see: stages that mention each other, and stages without a dataset."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from labelprep.nearest import did_you_mean
from labelprep.spec.document import Document, Keys
from labelprep.spec.graph import ancestors, as_names, mentioned, order
from labelprep.spec.problems import STAGES, Line, one_of, problem, shown
from labelprep.spec.stages import MAX_STAGES, REFERENCES, RawStage, Spec

Found = Iterator[Line]


def check_stages(document: Document) -> Found:
    """Problems of the chain as a whole, as lines with sort keys; takes any values, also wrong ones."""
    stages = document.values.get("stages")
    if not isinstance(stages, dict) or len(stages) > MAX_STAGES:
        return
    known = {name: words for name, words in stages.items() if isinstance(words, dict)}
    for name, words in known.items():
        yield from _name(document, name)
        yield from _mentions(document, name, words, known)
        yield from _root(document, name, words)
    yield from _same_out(document, known)
    needs = {name: tuple(chain(*mentioned(words, known).values())) for name, words in known.items()}
    try:
        order(needs)
    except ValueError as error:
        way = ("stages", error.args[0], "from")
        yield problem(document, way, "stages that do not wait for each other", f"a cycle: {' -> '.join(error.args)}")
        return
    for name in known:
        yield from _data(document, name, known, [known[n].get("use") for n in ancestors(name, needs)])


def _name(document: Document, name: Any) -> Found:
    way = ("stages", name)
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]*", name):
        yield problem(document, way, "a name of letters, digits, '_' and '-'", shown(name), key=True)
    elif name in Spec.model_fields:  # so that `--set out=…` means one thing
        yield problem(document, way, f"a name other than {one_of(list(Spec.model_fields))}", shown(name), key=True)


def _mentions(document: Document, name: str, words: Mapping[str, Any], stages: Mapping[str, Any]) -> Found:
    for key in ("from", *REFERENCES):
        for i, other in enumerate(as_names(words.get(key))):
            if other in stages or (key != "from" and not _is_stage_name(other)):
                continue
            way: Keys = ("stages", name, key, i) if isinstance(words[key], list) else ("stages", name, key)
            what = "a stage" if key == "from" else "a stage or a path that exists"
            suggestion = did_you_mean(other, stages) or f"; there are: {', '.join(map(str, stages))}"
            yield problem(document, way, what, shown(other) + suggestion)


def _is_stage_name(word: str) -> bool:
    return not re.search(r"[/\\.:]", word) and not Path(word).exists()


def _root(document: Document, name: str, words: Mapping[str, Any]) -> Found:
    model = STAGES.get(str(words.get("use")))
    dataset = document.values.get("dataset")
    if model is None or not issubclass(model, RawStage) or "root" in words or isinstance(dataset, dict):
        return
    use = words["use"]
    yield problem(document, ("stages", name), f"`dataset:` with its `root` above, for `use: {use}`", "none", key=True)


def _same_out(document: Document, stages: Mapping[str, Mapping[str, Any]]) -> Found:
    run = document.values.get("out")
    first = {str(Path(run)): "the run"} if isinstance(run, str) else {}
    for name, words in stages.items():
        out = words.get("out")
        if isinstance(out, str) and (other := first.setdefault(str(Path(out)), f"stage {name!r}")) != f"stage {name!r}":
            yield problem(document, ("stages", name, "out"), "a folder of its own", f"that of {other}")


def _data(document: Document, name: str, known: Mapping[str, Mapping[str, Any]], uses: list[Any]) -> Found:
    """A stage that starts from a prepared folder leads back to `convert`, or names the folder."""
    words = known[name]
    if any(n not in known for n in as_names(words.get("from"))):
        return  # told already; the rest may follow from it
    use = words.get("use")
    needs = use in ("split", "weights", "tile", "export", "train", "eval")
    if needs and "data" not in words and not {"convert", "tile"} & set(uses):
        what = "`from` to lead to a stage `use: convert`, or `data`"
        yield problem(document, ("stages", name), what, "neither", key=True)
    if use == "eval" and not {"checkpoint", "pred"} & set(words) and "train" not in uses:
        what = "`from` to lead to a stage `use: train`, or `checkpoint`, or `pred`"
        yield problem(document, ("stages", name), what, "none of them", key=True)
    if use == "predict" and "checkpoint" not in words and "train" not in uses:
        what = "`from` to lead to a stage `use: train`, or `checkpoint`"
        yield problem(document, ("stages", name), what, "neither", key=True)

"""What a stage's result depends on, its key, and in words what changed between two of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Container, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from labelprep.pipeline.sources import class_table_hash, outside_identity
from labelprep.spec import DatasetSpec, Stage
from labelprep.storage.place import Place, to_place
from labelprep.storage.remembered import Remembered

Parts = dict[str, Any]  # plain values, by what they are: version, parameters, dataset, sources, …

LEARNING = ("train", "eval", "predict")
LATE = ("inputs", "sources", "splits", "images")  # parts that can be known only when the stages before are done


def stage_parts(
    stage: Stage,
    use: str,
    code: int,
    dataset: DatasetSpec | None,
    hashes: Callable[[], Remembered],
    others: Container[str] = (),
) -> Parts:
    """Everything but the inputs' identities and the fingerprint of the raw files.

    Args:
        stage: the parameters, defaults filled in.
        use: the kind of stage.
        code: `VERSION` of its module.
        dataset: the raw dataset, for a stage that reads it.
        hashes: gives the table that spares the reading of files that have not changed.
        others: names of all stages; a parameter that names one is no file.
    """
    skip = {"use", "from_", "dataset"}
    parameters = stage.model_dump(mode="json", exclude=skip)
    parts: Parts = {"use": use, "version": code, "parameters": parameters, "libraries": libraries(use)}
    if dataset is not None:
        parts["dataset"] = dataset.model_dump(mode="json")
        if dataset.classes is not None and (table := class_table_hash(dataset.classes)):
            parts["class table"] = table
    outside: dict[str, str] = {}
    for key, path in _paths(stage):
        if str(path) in others or (key == "images" and use != "predict"):  # whose bytes count one by one
            continue
        if seen := outside_identity(path, hashes()):
            outside[key] = hashlib.sha256((outside.get(key, "") + seen).encode()).hexdigest()
    return parts | ({"files": outside} if outside else {})


def libraries(use: str) -> dict[str, str]:
    """Versions of the libraries that shape the bytes of a stage's result."""
    from PIL import features

    names = ("numpy", "pillow", "zlib-ng", *(("torch", "torchvision") if use in LEARNING else ()))
    found = {name: _installed(name) for name in (*names, *(("matplotlib",) if use == "report" else ()))}
    return found | {"zlib": str(features.version("zlib_ng") or features.version("zlib"))}


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _paths(stage: Stage) -> Iterator[tuple[str, Place]]:
    """Parameters that name files from outside the chain."""
    for key in ("data", "weights", "checkpoint", "pred", "images", "sources", "suspects"):
        value = getattr(stage, key, None)
        for path in value if isinstance(value, tuple) else () if value is None else (value,):
            yield key, to_place(path)


def key_of(parts: Parts) -> str:
    """SHA-256 over the parts as canonical JSON.

    >>> key_of({"a": 1, "b": 2}) == key_of({"b": 2, "a": 1})
    True
    """
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What differs between the parts of two keys, in words.

    >>> changes({"parameters": {"method": "inverse"}}, {"parameters": {"method": "enet"}})
    ['method: inverse -> enet']
    >>> changes({"inputs": {"masks": "0a"}, "sources": "1"}, {"inputs": {"masks": "0b"}, "sources": "2"})
    ['result of masks changed', 'source files changed']
    """
    found = []
    for name in _differing(old, new):
        before, after = old.get(name), new.get(name)
        if name in ("parameters", "dataset", "libraries", "inputs", "files"):
            found += [_change(name, word, before, after) for word in _differing(before or {}, after or {})]
        elif name == "version":
            found.append(f"labelprep's own code changed (version {before} -> {after})")
        else:
            found.append("source files changed" if name == "sources" else f"{name} changed")
    return found


def _change(part: str, word: str, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> str:
    if part == "inputs":
        return f"result of {word} changed"
    if part == "files":
        return f"{word} changed on disk"
    return f"{word}: {_plain((before or {}).get(word))} -> {_plain((after or {}).get(word))}"


def _differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    return [word for word in dict.fromkeys((*before, *after)) if before.get(word) != after.get(word)]


def _plain(value: Any) -> str:
    return "none" if value is None else str(value)

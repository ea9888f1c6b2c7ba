"""Class-weight files in the forms that trainers read, from and to plain values.

| kind | ending | content |
|---|---|---|
| `json` | `.json` | the native form: weights, counts, scheme, hashes of class table and prepared set |
| `npy` | `.npy` | float32 (C,) |
| `pt` | `.pt` | float32 tensor (C,), read by `torch.load(path, weights_only=True)` |
| `csv` | `.csv` | `id,name,pixels,images,frequency,weight` |
| `yaml` | `.yaml`, `.yml` | a list of C floats, as mmsegmentation's `class_weight='FILE'` reads it |
| `mmseg` | `.mmseg.json`, `.mmseg.yaml` | the same list |
| `keras` | `.keras.json` | `{"0": w, …}`; Keras takes `{int(k): w for k, w in json.load(open(FILE)).items()}` |
"""

from __future__ import annotations

import csv
import io
import json
import pickle
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelprep.errors import MissingExtraError, UsageError
from labelprep.storage.atomic import write_atomic
from labelprep.storage.place import Place, to_place

# kind -> its ending; .mmseg.json and .keras.json stand before .json, which is their end
ENDINGS: Mapping[str, str] = MappingProxyType(
    {"mmseg": ".mmseg.json", "keras": ".keras.json", "json": ".json", "npy": ".npy", "pt": ".pt"}
    | {"csv": ".csv", "yaml": ".yaml"}
)
_PICKLES = (".pkl", ".pickle", ".pth", ".joblib")
_NATIVE = (
    *("weights", "names", "method", "normalize", "absent", "clip", "split", "table_hash", "prepared_hash"),
    *("warnings", "counts"),
)


@dataclass(frozen=True)
class WeightFile:
    """What a weight file holds.

    Attributes:
        values: (C,) float64.
        names: names of the classes, where the file has them.
        native: the whole content of a native JSON file, else None.
    """

    values: NDArray[np.float64]
    names: tuple[str, ...] | None = None
    native: Mapping[str, Any] | None = None


def kind_of(path: Place | str) -> str:
    """The kind that a file's ending picks.

    Raises:
        UsageError: for an ending of no kind, naming those there are.

    >>> kind_of("weights/train.mmseg.json")
    'mmseg'
    """
    name = to_place(path).name.lower()
    name = name.removesuffix(".yml") + ".yaml" if name.endswith(".yml") else name
    for kind, ending in ENDINGS.items():
        if name.endswith(ending):
            return kind
    if name.endswith(_PICKLES):
        message = "a pickle runs whatever is in it when it is read, so none is read or written here"
        raise UsageError(message, path=path, hint=f"take one of {', '.join(ENDINGS.values())}")
    message = f"no weight file has such an ending; expected one of {', '.join(ENDINGS.values())}"
    raise UsageError(message, path=path, hint="end the name with one of them, or name the kind: --write KIND")


def write(path: Place, values: Mapping[str, Any], kind: str | None = None) -> None:
    """Writes weights whole or not at all.

    Args:
        path: the file.
        values: what `ClassWeights.to_dict` gives.
        kind: one of `ENDINGS`; the file's ending picks it by default.

    Raises:
        UsageError: for a kind or an ending that there is not.
        MissingExtraError: for `pt` without torch.
        EnvironmentFailure: disk full, no permission.
    """
    write_atomic(path, encode(values, kind or kind_of(path)))


def encode(values: Mapping[str, Any], kind: str) -> bytes:
    """The bytes of a weight file of that kind.

    Raises:
        UsageError: for a kind that there is not.
        MissingExtraError: for `pt` without torch.
    """
    writers: dict[str, Callable[[Mapping[str, Any]], bytes]] = {
        "json": lambda v: (json.dumps(v, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode(),
        "mmseg": lambda v: (json.dumps(list(v["weights"]), allow_nan=False) + "\n").encode(),
        "keras": lambda v: (json.dumps(dict(enumerate(v["weights"])), allow_nan=False) + "\n").encode(),
        "yaml": lambda v: "".join(f"- {_yaml_float(x)}\n" for x in v["weights"]).encode(),
        "npy": _npy,
        "pt": _pt,
        "csv": _csv,
    }
    if kind not in writers:
        message = f"no kind of weight file is called {kind!r}; there are: {', '.join(sorted(writers))}"
        raise UsageError(message)
    return writers[kind](values)


def _yaml_float(value: float) -> str:
    # YAML 1.1, which mmengine reads, takes 1e-05 for a word: the mantissa needs its point
    text = repr(float(value))
    return text if "." in text else text.replace("e", ".0e")


def _npy(values: Mapping[str, Any]) -> bytes:
    out = io.BytesIO()
    np.save(out, np.array(values["weights"], np.float32), allow_pickle=False)
    return out.getvalue()


def _pt(values: Mapping[str, Any]) -> bytes:
    try:
        import torch
    except ImportError:
        raise MissingExtraError("torch", "train") from None  # noqa: EM101 - a package's name
    out = io.BytesIO()
    torch.save(torch.tensor(values["weights"], dtype=torch.float32), out)
    return out.getvalue()


def _csv(values: Mapping[str, Any]) -> bytes:
    counts = values["counts"]
    total = sum(counts["pixels"])
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(("id", "name", "pixels", "images", "frequency", "weight"))
    columns = zip(values["names"], counts["pixels"], counts["images"], values["weights"], strict=True)
    for i, (name, pixels, images, weight) in enumerate(columns):
        rows.writerow((i, name, pixels, images, repr(pixels / total), repr(float(weight))))
    return out.getvalue().encode()


def read(path: Place) -> WeightFile:
    """Reads a weight file of any kind; a `.json` file may be native, a plain list or Keras' mapping.

    Raises:
        UsageError: where the file is missing, damaged, of no known kind, or does not hold C finite
            weights of 0 or more.
        MissingExtraError: for `.pt` without torch.
    """
    kind = kind_of(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        message = f"cannot read the weight file: {error.strerror or error}"
        raise UsageError(message, path=path, hint="make one: labelprep weights OUT -o FILE") from None
    readers = {
        "json": _read_json,
        "mmseg": _read_json,
        "keras": _read_json,
        "yaml": _read_yaml,
        "npy": _read_npy,
        "pt": _read_pt,
    }
    try:
        found = (readers | {"csv": _read_csv})[kind](data)
    except RecursionError:
        message = f"not a weight file of kind {kind}: nested too deep"
        raise UsageError(message, path=path, hint="write it again: labelprep weights OUT -o FILE") from None
    except (ValueError, KeyError, TypeError, EOFError, OverflowError) as error:
        message = f"not a weight file of kind {kind}: {error}"
        raise UsageError(message, path=path, hint="write it again: labelprep weights OUT -o FILE") from None
    _check(found, path)
    return found


def _check(found: WeightFile, path: Place) -> None:
    values = found.values
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all() or values.min() < 0:
        message = f"expected a list of finite weights of 0 or more, got shape {values.shape}: {values.ravel()[:8]} …"
        raise UsageError(message, path=path)


def _plain(values: object) -> WeightFile:
    return WeightFile(np.array(values, np.float64))


def _read_json(data: bytes) -> WeightFile:
    values = json.loads(data)
    if isinstance(values, list):
        return _plain(values)
    if not isinstance(values, dict):
        message = f"expected a list or a mapping of weights, got {values!r:.60}"
        raise ValueError(message)
    if values and all(key.isdecimal() for key in values):
        return _plain(_by_id(values))
    if set(values) != set(_NATIVE):
        message = (
            f"expected a list of weights or the native form; keys that differ: {sorted(set(values) ^ set(_NATIVE))}"
        )
        raise ValueError(message)
    if not len(values["weights"]) == len(values["names"]) == len(values["counts"]["pixels"]):
        message = "weights, names and counts differ in length"
        raise ValueError(message)
    return WeightFile(np.array(values["weights"], np.float64), tuple(values["names"]), values)


def _by_id(values: Mapping[str, Any]) -> list[Any]:
    """Keras' mapping as a list; its ids must leave no gap."""
    by_id = {int(key): weight for key, weight in values.items()}
    if sorted(by_id) != list(range(len(values))):
        message = f"expected weights for the ids 0..{len(values) - 1}, got {', '.join(list(values)[:12])}"
        raise ValueError(message)
    return [by_id[i] for i in range(len(by_id))]


def _read_yaml(data: bytes) -> WeightFile:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    text = data.decode()
    if sum(map(text.count, "[{*")) > 1:  # nesting and aliases can take minutes to read
        message = "expected a plain list of numbers"
        raise ValueError(message)
    try:
        return _plain(YAML(typ="safe", pure=True).load(text))
    except YAMLError as error:
        raise ValueError(str(error).splitlines()[0]) from None


def _read_npy(data: bytes) -> WeightFile:
    return _plain(np.load(io.BytesIO(data), allow_pickle=False))


def _read_pt(data: bytes) -> WeightFile:
    try:
        import torch
    except ImportError:
        raise MissingExtraError("torch", "train") from None  # noqa: EM101 - a package's name
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickles, which are refused anyway
            return _plain(torch.load(io.BytesIO(data), weights_only=True, map_location="cpu").numpy())
    except (RuntimeError, AttributeError, pickle.UnpicklingError) as error:
        raise ValueError(str(error).splitlines()[0]) from None


def _read_csv(data: bytes) -> WeightFile:
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))
    if [int(row["id"]) for row in rows] != list(range(len(rows))):
        message = f"column id must count 0..{len(rows) - 1}"
        raise ValueError(message)
    return WeightFile(np.array([float(row["weight"]) for row in rows]), tuple(row["name"] for row in rows))

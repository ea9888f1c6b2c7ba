"""From exact pixel counts to class weights; numpy only. The formulas are in `class_weights`.

Weights come from integer totals alone, so they are identical for any number of workers and any order of files.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray

from labelprep.classes import ClassTable
from labelprep.errors import MismatchError, UsageError
from labelprep.formats import weight_files
from labelprep.steps.count import ClassCounts
from labelprep.storage.place import Place
from labelprep.weight_schemes import SCHEMES, Present

Method = Literal["inverse", "inverse-sqrt", "inverse-square", "median-frequency", "enet", "effective-number", "none"]
Normalize = Literal["mean", "sum", "none"]
Absent = Literal["zero", "max", "error"]

_SHOWN = 10  # names in one message


def class_weights(
    counts: ClassCounts,
    *,
    method: str = "inverse",
    normalize: str = "mean",
    absent: str = "zero",
    clip: tuple[float, float] | None = None,
    names: Sequence[str] | None = None,
) -> NDArray[np.float64]:
    """Class weights (C,) float64, finite and never negative, from counts of valid pixels.

    With n_c the valid pixels of class c, N their sum and f_c = n_c / N:

    - `inverse`: 1 / f_c; `inverse-sqrt`: 1 / sqrt(f_c); `inverse-square`: 1 / f_c² (Sudre et al. 2017).
    - `median-frequency`: median(F) / F_c with F_c = n_c / (valid pixels of the images that hold c), the median
      over present classes (Eigen & Fergus 2015).
    - `enet`: 1 / ln(1.02 + f_c) (Paszke et al. 2016).
    - `effective-number`: (1 - b) / (1 - b^m_c), b = 0.9999, m_c = images that hold c (Cui et al. 2019).
    - `none`: 1.

    The weights of present classes are clipped first and normalised then.

    Args:
        counts: counts over the chosen split.
        method: the scheme, one of `SCHEMES`.
        normalize: `mean` (the weights of present classes average 1), `sum` (they add up to 1) or `none`.
        absent: what a class without a pixel gets: `zero`, `max` (the largest final weight of a present
            class) or `error`.
        clip: least and largest weight of a present class before normalising.
        names: names of the classes, for messages.

    Raises:
        UsageError: for an absent class under `absent="error"`, and where no class has a pixel.
        ValueError: for an unknown word, naming the choices, or limits that are no range.

    >>> counts = ClassCounts.of_pixels(np.array([60, 30, 10, 0]), ignored=7)
    >>> class_weights(counts, normalize="none").tolist()
    [1.6666666666666667, 3.3333333333333335, 10.0, 0.0]
    """
    _check_choices(method, normalize, absent)
    present = np.flatnonzero(counts.pixels > 0).tolist()
    missing = absent_classes(counts, names)
    if not present:
        message = f"none of the {len(counts.pixels)} classes has a valid pixel; there is nothing to weigh"
        raise UsageError(message, hint="choose another split, or check what is ignored")
    if missing and absent == "error":
        message = f"{_have(missing)} no valid pixel: {_listed(missing)}"
        raise UsageError(message, hint="give them weight 0 or the largest one: --absent zero|max")
    columns = (counts.pixels, counts.pixels_where_present, counts.images)
    of = Present(*([int(column[i]) for i in present] for column in columns))
    values = _normalized(_clipped(SCHEMES[method](of), clip), normalize)
    weights = np.full(len(counts.pixels), max(values) if absent == "max" else 0.0)
    weights[present] = values
    return weights


def absent_classes(counts: ClassCounts, names: Sequence[str] | None = None) -> tuple[str, ...]:
    """Names (or `class 3` without names) of the classes without a valid pixel, in id order."""
    ids = np.flatnonzero(counts.pixels == 0).tolist()
    return tuple(f"class {i}" if names is None else names[i] for i in ids)


def _check_choices(method: str, normalize: str, absent: str) -> None:
    words = (("method", method, Method), ("normalize", normalize, Normalize), ("absent", absent, Absent))
    for option, word, choices in words:
        if word not in get_args(choices):
            message = f"{option} must be one of {', '.join(get_args(choices))}, but is {word!r}"
            raise ValueError(message)


def _clipped(values: list[float], clip: tuple[float, float] | None) -> list[float]:
    if clip is None:
        return values
    low, high = clip
    if not (0 <= low <= high and 0 < high < math.inf):
        message = f"clip must be two finite weights LO <= HI, LO at least 0 and HI above 0, but is {low} {high}"
        raise ValueError(message)
    return [min(max(x, low), high) for x in values]


def _normalized(values: list[float], normalize: str) -> list[float]:
    if normalize == "none":
        return values
    total = math.fsum(values)  # rounded once, so that the order of the classes leaves no trace either
    return [x * len(values) / total if normalize == "mean" else x / total for x in values]


def _have(names: Sequence[str]) -> str:
    return "1 class has" if len(names) == 1 else f"{len(names)} classes have"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f", … ({len(names) - _SHOWN} more)" if len(names) > _SHOWN else "")


@dataclass(frozen=True)
class ClassWeights:
    """Class weights with all that tells where they came from.

    Attributes:
        weights: C weights in id order.
        names: names of the classes.
        method: the scheme.
        normalize: the normalisation.
        absent: the policy for classes without a pixel.
        clip: the limits before normalising, or None.
        split: the split that was counted, or None for everything.
        counts: the counts that the weights were computed from.
        table_hash: hash of the class table.
        prepared_hash: identity of the prepared folder, or None for a plain folder of masks.
        warnings: what a reader should know, such as absent classes.
    """

    weights: tuple[float, ...]
    names: tuple[str, ...]
    method: str
    normalize: str
    absent: str
    clip: tuple[float, float] | None
    split: str | None
    counts: ClassCounts
    table_hash: str
    prepared_hash: str | None = None
    warnings: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        counts: ClassCounts,
        table: ClassTable,
        *,
        method: str = "inverse",
        normalize: str = "mean",
        absent: str = "zero",
        clip: tuple[float, float] | None = None,
        split: str | None = None,
        prepared_hash: str | None = None,
    ) -> Self:
        """Weighs counts; the options are those of `class_weights`.

        Raises:
            UsageError, ValueError: as `class_weights`.
        """
        values = class_weights(
            counts, method=method, normalize=normalize, absent=absent, clip=clip, names=table.names
        ).tolist()
        missing = absent_classes(counts, table.names)
        where = f"split {split!r}" if split else "the set"
        given = "the largest weight" if absent == "max" else "weight 0"
        warnings = (f"{_have(missing)} no valid pixel in {where} ({given}): {_listed(missing)}",) if missing else ()
        return cls(
            tuple(values),
            table.names,
            method,
            normalize,
            absent,
            clip,
            split,
            counts,
            table.hash,
            prepared_hash,
            warnings,
        )

    def for_table(self, table: ClassTable, *, source: str = "weights file") -> NDArray[np.float64]:
        """The weights (C,) float64, after a check that they belong to that class table.

        Raises:
            MismatchError: naming both tables and what differs.
        """
        if self.table_hash != table.hash:
            raise _mismatch(self.names, table, source, self.table_hash)
        return np.array(self.weights)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `from_dict` is the way back."""
        plain = {name: list(v) if isinstance(v, tuple) else v for name, v in self.__dict__.items() if name != "counts"}
        return plain | {"counts": self.counts.to_dict()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The weights that `to_dict` wrote.

        Raises:
            KeyError, TypeError, ValueError: where they are not such values.
        """
        fields: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
        return cls(**(fields | {"counts": ClassCounts.from_dict(values["counts"])}))

    def save(self, path: Place, kind: str | None = None) -> None:
        """Writes a weight file whole or not at all; its ending picks the kind unless `kind` does.

        Raises:
            UsageError: for an ending or kind that there is not.
            MissingExtraError: for `pt` without torch.
            EnvironmentFailure: disk full, no permission.
        """
        weight_files.write(path, self.to_dict(), kind)

    @classmethod
    def load(cls, path: Place) -> Self:
        """Reads a native JSON file; `weights_for_table` reads the other kinds too.

        Raises:
            UsageError: where the file is damaged or of another kind.
        """
        native = weight_files.read(path).native
        if native is None:
            message = "holds plain weights; where they came from stands in the native JSON alone"
            raise UsageError(message, path=path, hint="write it: labelprep weights OUT -o FILE.json")
        return cls.from_dict(native)


def weights_for_table(path: Place, table: ClassTable) -> NDArray[np.float64]:
    """The weights (C,) float64 of a file of any kind, checked against a class table as far as the file tells.

    A native JSON file must carry the table's hash, a CSV file its names, a plain list its length.

    Raises:
        MismatchError: naming both tables and what differs.
        UsageError: where the file is damaged or of no known kind.
    """
    found = weight_files.read(path)
    if found.native is not None:
        return ClassWeights.from_dict(found.native).for_table(table, source=str(path))
    if len(found.values) != len(table) or (found.names is not None and found.names != table.names):
        raise _mismatch(found.names or ("",) * len(found.values), table, str(path), None)
    return found.values


def _mismatch(names: Sequence[str], table: ClassTable, source: str, table_hash: str | None) -> MismatchError:
    mine = f"{source} has {len(names)} entries" + (f" (table {table_hash[:12]})" if table_hash else "")
    mine += f": {_listed(names)}" if any(names) else ", without names"
    parts = [f"{mine}; the prepared set has {len(table)} classes (table {table.hash[:12]}): {_listed(table.names)}"]
    if any(names):
        missing = [n for n in table.names if n not in names]
        extra = [n for n in names if n not in table.names]
        parts += [f"missing: {_listed(missing)}"] * bool(missing) + [f"unknown: {_listed(extra)}"] * bool(extra)
        if not missing and not extra:
            same = tuple(names) == table.names
            parts.append("the names agree, the colours do not" if same else "the same names in another order")
    return MismatchError("; ".join(parts), hint="compute them anew: labelprep weights OUT -o FILE")

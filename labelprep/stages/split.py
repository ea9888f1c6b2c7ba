"""Lists of keys for training, validation and test, written into the prepared folder."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from labelprep.atomic import confined, sweep_temporary, write_lines
from labelprep.errors import EnvironmentFailure, UsageError
from labelprep.place import Place
from labelprep.prepared import Prepared
from labelprep.spec import SplitStage
from labelprep.split import NAMES, split_keys
from labelprep.stages import Inputs, RunContext, StageResult

VERSION = 1


def run(params: SplitStage, inputs: Inputs, context: RunContext) -> StageResult:
    """Splits the written masks of a prepared folder and writes `splits/train.txt`, `val.txt` and perhaps `test.txt`.

    Lists that an earlier split left there under these names are replaced or removed.

    Raises:
        UsageError: no prepared folder, nothing in it, or ratios or groups that do not work.
        EnvironmentFailure: disk full, no permission.
    """
    folder = params.data or inputs.folder("convert", "split")
    prepared = Prepared.open(folder)
    held = {row.key: tuple(i for i, n in enumerate(row.pixels) if n) for row in prepared.rows() if row.written}
    if not held:
        message = "it holds no converted mask to split"
        raise UsageError(message, path=folder, hint="see its findings: labelprep validate DATASET")
    splits = split_keys(
        held,
        params.ratios,
        seed=params.seed,
        group_by=params.group_by,
        classes=held if params.stratify else None,
    )
    out = params.out or confined(folder, folder / "splits" / "train.txt").parent
    _write(out, splits)
    missing = _missing(splits, held, prepared.table.names)
    _tell(splits, missing, context)
    sizes = {name: len(keys) for name, keys in splits.items()}
    return StageResult(out, _identity(splits), {"splits": sizes, "classes_missing": missing})


def _write(out: Place, splits: Mapping[str, Sequence[str]]) -> None:
    broken = [key for keys in splits.values() for key in keys if "\n" in key or "\r" in key]
    if broken:
        message = f"a list has one key a line, but {len(broken)} keys hold a line break: {broken[0]!r}"
        raise UsageError(message, hint="rename the mask and convert again")
    sweep_temporary(out)
    stale = [path for path in (out / f"{name}.txt" for name in NAMES) if not _holds(path, splits.get(path.stem))]
    for path in stale:  # all first: lists of two splits side by side would share samples
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            message = f"cannot remove the list of an earlier split: {error.strerror or error}"
            raise EnvironmentFailure(message, path=path, hint="remove it, then run again") from error
    for path in stale:
        if path.stem in splits:
            write_lines(path, splits[path.stem])


def _holds(path: Place, keys: Sequence[str] | None) -> bool:
    try:
        return keys is not None and path.read_bytes() == "".join(f"{key}\n" for key in keys).encode()
    except OSError:
        return False


def _identity(splits: Mapping[str, Sequence[str]]) -> str:
    digest = hashlib.sha256()
    for name, keys in splits.items():
        digest.update(hashlib.sha256("\n".join([name, *keys]).encode()).digest())
    return digest.hexdigest()


def _missing(
    splits: Mapping[str, Sequence[str]], held: Mapping[str, Sequence[int]], names: Sequence[str]
) -> dict[str, list[str]]:
    """Names of the classes that the set holds, but a split does not."""
    everywhere = {c for classes in held.values() for c in classes}
    absent = {name: everywhere.difference(*(held[key] for key in keys)) for name, keys in splits.items()}
    return {name: [names[c] for c in sorted(classes)] for name, classes in absent.items()}


def _tell(splits: Mapping[str, Sequence[str]], missing: Mapping[str, Sequence[str]], context: RunContext) -> None:
    for name, keys in splits.items():
        if not keys:
            context.reporter.message(f"warning: split {name} is empty; take another ratio or smaller groups")
        elif missing[name]:
            context.reporter.message(f"split {name} has no pixel of: {', '.join(missing[name])}")

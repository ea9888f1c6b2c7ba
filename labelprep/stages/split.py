"""Lists of keys for training, validation and test, written into the prepared folder."""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import repeat, zip_longest

import numpy as np

from labelprep.dominance import Limit, dominating, limits_of
from labelprep.errors import EnvironmentFailure, UsageError
from labelprep.lookalikes import fingerprints, groups
from labelprep.prepared import Prepared, Row
from labelprep.spec import SplitStage
from labelprep.split import FOLD_LIST, NAMES, Splits, checked_pattern, group_of
from labelprep.stages import Inputs, RunContext, StageResult
from labelprep.stages._progress import Late
from labelprep.steps.decode import MAX_PIXELS
from labelprep.storage.atomic import confined, sweep_temporary, write_lines
from labelprep.storage.place import Place

VERSION = 1
LEFT_OUT = "left_out.csv"  # no .txt, which would make it a split


def run(params: SplitStage, inputs: Inputs, context: RunContext) -> StageResult:
    """Splits the written masks of a prepared folder and writes `splits/train.txt`, `val.txt` and perhaps `test.txt`.

    With `folds` the lists are `fold0-train.txt`, `fold0-val.txt` and so on. Lists that an earlier split left there
    under these names are replaced or removed.

    Raises:
        UsageError: no prepared folder, nothing in it, or ratios or groups that do not work.
        EnvironmentFailure: disk full, no permission.
    """
    folder = params.data or inputs.prepared("split")
    prepared = Prepared.open(folder)
    limits = limits_of(params.drop_dominated, prepared.table)
    rows = _Kept(prepared, limits)
    together = repeat(None) if params.similar is None else _groups(rows, params.similar, params.group_by, context)
    given: Counter[str | None] = Counter()
    with closing(Splits(params.ratios, seed=params.seed, group_by=params.group_by, folds=params.folds)) as splits:
        for row, group in zip(rows, together, strict=False):
            given[row.split] += 1
            splits.add(row.key, (i for i, n in enumerate(row.pixels) if n), group)
        if not len(splits):
            message = "it holds no converted mask to split"
            raise UsageError(message, path=folder, hint="see its findings: labelprep validate DATASET")
        splits.deal(stratify=params.stratify)
        out = params.out or confined(folder, folder / "splits" / "train.txt").parent
        _write(out, splits)
        left_out = _list_left_out(out / LEFT_OUT, prepared, limits)
        missing = _missing(splits, prepared.table.names)
        sizes = {name: splits.size(name) for name in splits.names}
        _tell_given(given, context)
        _tell(sizes, missing, context)
        return StageResult(out, _identity(splits), {"splits": sizes, "classes_missing": missing, "left_out": left_out})


@dataclass(frozen=True)
class _Kept:
    """The rows that are split, in the manifest's order, as often as they are wanted."""

    prepared: Prepared
    limits: Sequence[Limit]

    def __iter__(self) -> Iterator[Row]:
        return (r for r in self.prepared.rows() if r.written and dominating(r.pixels, self.limits) is None)


def _groups(rows: _Kept, distance: int, group_by: str | None, context: RunContext) -> Iterator[str | None]:
    """Per row the name of what it stays together with: rows whose images look alike, and those of its group.

    None where `group_by` misses a key: `Splits` says so.
    """
    total, pattern = sum(1 for _ in rows), None if group_by is None else checked_pattern(group_by)
    lines = Late(context.reporter, "compare images", total)
    hashes, known = fingerprints(map(rows.prepared.image_path, rows), MAX_PIXELS, lines)
    lines.end()
    if unknown := total - int(known.sum()):
        context.reporter.message(f"{unknown:,} of {total:,} samples have no image to compare, or one of a single gray")
    labels = (row.key if pattern is None else group_of(row.key, pattern) for row in rows)
    first = groups(hashes, known, distance, labels)
    sizes = np.bincount(first, minlength=1)
    units, largest = int((sizes > 0).sum()), int(sizes.max())
    context.reporter.message(f"{total:,} samples are {units:,} groups that stay together; the largest has {largest:,}")
    heads: dict[int, str] = {}
    for n, row in enumerate(rows):
        missed = pattern is not None and group_of(row.key, pattern) is None
        yield None if missed else heads.setdefault(int(first[n]), row.key)


def _write(out: Place, splits: Splits) -> None:
    count, first = 0, ""
    for key in (key for name in splits.names for key in splits.keys(name) if "\n" in key or "\r" in key):
        count, first = count + 1, first or key
    if count:
        message = f"a list has one key a line, but {count} keys hold a line break: {first!r}"
        raise UsageError(message, hint="rename the mask and convert again")
    sweep_temporary(out)
    earlier = {path.stem for path in out.glob("*.txt") if FOLD_LIST.fullmatch(path.stem)}
    names = (*NAMES, *splits.names, *sorted(earlier))
    stale = [path for path in (out / f"{name}.txt" for name in dict.fromkeys(names)) if not _holds(path, splits)]
    for path in stale:  # all first: lists of two splits side by side would share samples
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            message = f"cannot remove the list of an earlier split: {error.strerror or error}"
            raise EnvironmentFailure(message, path=path, hint="remove it, then run again") from error
    for path in stale:
        if path.stem in splits.names:
            write_lines(path, splits.keys(path.stem))


def _list_left_out(path: Place, prepared: Prepared, limits: Sequence[Limit]) -> int:
    """Lists the frames that a class dominates; how many there are. Without any there is no list."""
    count = 0

    def lines() -> Iterator[str]:
        nonlocal count
        yield "key,class,share"
        for row in prepared.rows():
            if row.written and (found := dominating(row.pixels, limits)) is not None:
                count += 1
                text = io.StringIO()
                csv.writer(text, lineterminator="").writerow([row.key, prepared.table.names[found[0].id], found[1]])
                yield text.getvalue()

    if limits:
        write_lines(path, lines())
    if not count:
        path.unlink(missing_ok=True)
    return count


def _holds(path: Place, splits: Splits) -> bool:
    """Whether a list is there already, line by line."""
    if path.stem not in splits.names:
        return False
    try:
        with path.open("rb") as lines:
            return all(line == f"{key}\n".encode() for line, key in zip_longest(lines, splits.keys(path.stem)))
    except OSError:
        return False


def _identity(splits: Splits) -> str:
    digest = hashlib.sha256()
    for name in splits.names:
        keys = hashlib.sha256(name.encode())
        for key in splits.keys(name):
            keys.update(f"\n{key}".encode())
        digest.update(keys.digest())
    return digest.hexdigest()


def _missing(splits: Splits, names: Sequence[str]) -> dict[str, list[str]]:
    """Names of the classes that the set holds, but a split does not."""
    everywhere = splits.classes()
    return {part: [names[c] for c in sorted(everywhere - splits.classes(part))] for part in splits.names}


def _tell_given(given: Counter[str | None], context: RunContext) -> None:
    """Says that the set came with splits, which the new lists replace: its test split may be a published one."""
    if told := ", ".join(f"{name} {count:,}" for name, count in sorted(given.items(), key=str) if name is not None):
        text = f"the set came with splits of its own ({told}); the new lists count instead, until splits/ is removed"
        context.reporter.message(text)


def _tell(sizes: Mapping[str, int], missing: Mapping[str, Sequence[str]], context: RunContext) -> None:
    for name, size in sizes.items():
        if not size:
            context.reporter.message(f"warning: split {name} is empty; take another ratio or smaller groups")
        elif missing[name]:
            context.reporter.message(f"split {name} has no pixel of: {', '.join(missing[name])}")

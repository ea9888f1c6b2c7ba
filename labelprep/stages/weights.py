"""Class weights from the exact counts of a prepared folder, or of any folder of index PNGs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from labelprep.classes import ClassTable
from labelprep.formats.weight_files import ENDINGS, encode
from labelprep.prepared import Prepared
from labelprep.scoring.mask_folders import count_folder
from labelprep.spec import WeightsStage
from labelprep.stages import Inputs, RunContext, StageResult
from labelprep.steps.count import ClassCounts
from labelprep.storage.atomic import confined, sweep_temporary
from labelprep.storage.place import Place, Remote, on_disk
from labelprep.weights import ClassWeights

VERSION = 1


def run(params: WeightsStage, inputs: Inputs, context: RunContext) -> StageResult:
    """Weighs the classes of a prepared folder, or of one of its splits, and writes the files.

    They go to `<out>/<name>.<ending>`, one for each kind in `params.write`; `out` is `OUT/weights` by default.

    Raises:
        UsageError: no prepared folder, no such split, nothing to weigh, or an absent class with `absent: error`.
        MissingExtraError: for `pt` without torch.
        EnvironmentFailure: disk full, no permission.
    """
    folder = params.data or inputs.prepared("weights")
    out = params.out or folder / "weights"
    return write_weights(
        params, folder, {kind: out / f"{params.name}{ENDINGS[kind]}" for kind in params.write}, context
    )


def write_weights(
    params: WeightsStage,
    folder: Place,
    files: Mapping[str, Place],
    context: RunContext,
    *,
    table: ClassTable | None = None,
) -> StageResult:
    """Weighs the classes of a folder and writes one file of each kind.

    Args:
        params: how to weigh; where to write is told by `files`.
        folder: a prepared folder; with `table`, any folder of palette or gray PNGs whose values are ids.
        files: the file to write, by kind.
        context: where messages go.
        table: the class table of a plain folder's ids.

    Raises:
        UsageError: as `run`; for a plain folder, listing files that do not decode or hold ids out of range.
    """
    for path in files.values():
        if not isinstance(path, Remote) and not isinstance(folder, Remote) and path.is_relative_to(folder):
            confined(folder, path)
    if table is None:
        prepared = Prepared.open(folder)
        weights = _weigh(params, prepared.counts(params.split), prepared.table, prepared.identity)
    else:
        weights = _weigh(params, count_folder(on_disk(folder, "a plain folder of masks"), table), table, None)
    return _finish(weights, files, context)


def _weigh(params: WeightsStage, counts: ClassCounts, table: ClassTable, prepared_hash: str | None) -> ClassWeights:
    return ClassWeights.of(
        counts,
        table,
        method=params.method,
        normalize=params.normalize,
        absent=params.absent,
        clip=params.clip,
        split=params.split,
        prepared_hash=prepared_hash,
    )


def _finish(weights: ClassWeights, files: Mapping[str, Place], context: RunContext) -> StageResult:
    values = weights.to_dict()
    for place in {path.parent for path in files.values()}:
        sweep_temporary(place)
    for kind, path in files.items():
        weights.save(path, kind)
    for warning in weights.warnings:
        context.reporter.message(f"warning: {warning}")
    summary = {
        "weights": values["weights"],
        "names": values["names"],
        "pixels": values["counts"]["pixels"],
        "images": values["counts"]["images"],
        "split": values["split"],
        "warnings": values["warnings"],
        "files": [str(path) for path in files.values()],
    }
    # the native file carries the hashes that training checks, so it is the one that later stages are given
    out = files.get("json") or next(iter(files.values()))
    return StageResult(out, hashlib.sha256(encode(values, "json")).hexdigest(), summary)

"""tile: a prepared folder of crops, or of resized copies, counted anew."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from labelprep.dominance import limits_of
from labelprep.errors import UsageError
from labelprep.execution import Watch, backend, batches
from labelprep.findings import SEVERITIES
from labelprep.prepared import Prepared
from labelprep.publish import class_rows
from labelprep.spec import TileStage
from labelprep.stages import Inputs, RunContext, StageResult
from labelprep.stages.dataset import grouped
from labelprep.storage.place import on_disk
from labelprep.storage.scratch import scratch
from labelprep.tiling import How, tile_dataset

VERSION = 2  # images smaller than a crop are told


def run(params: TileStage, inputs: Inputs, context: RunContext) -> StageResult:
    """Cuts up the images and masks of a prepared folder into `params.out`, a prepared folder again.

    Raises:
        UsageError: no `out`, an `out` that holds something else, or a class that is not in the table.
        EnvironmentFailure: disk full, no permission, cluster unreachable.
    """
    prepared = Prepared.open(on_disk(params.data or inputs.prepared("tile"), "what tile reads"))
    if params.out is None:
        message = "tile needs a folder to write to"
        raise UsageError(message, hint="-o DIR, or `out:` in the spec")
    how = How(
        params.size,
        params.stride or params.size,
        params.scale,
        params.resize,
        params.edge,
        params.min_valid,
        limits_of(params.drop_dominated, prepared.table),
        params.image_format,
    )
    total = int(prepared.info["masks"]) - int(prepared.info["failed"])

    def group(samples: Iterator[tuple[int, dict[str, Any]]]) -> Iterable[tuple[tuple[int, dict[str, Any]], ...]]:
        # images are decoded and written too, which takes some ten times as long as their masks
        return batches(samples, lambda numbered: 10 * numbered[1]["height"] * numbered[1]["width"], total=total)

    watch = Watch(say=context.reporter.message)
    with (
        scratch() as workdir,
        backend(context.scheduler, context.jobs, total, limits=context.limits, tls=context.tls, watch=watch) as mapper,
    ):
        done = tile_dataset(
            prepared,
            on_disk(params.out, "what tile writes"),
            how,
            workdir,
            images=params.images,
            mapper=mapper,
            group=group,
            told=lambda n: context.reporter.progress("tile", n, total),
            on_finding=context.on_finding,
        )
    if done.unsplit:
        context.reporter.message(f"warning: {done.unsplit:,} masks are in no split and were left out")
    tiled = Prepared.open(params.out)
    findings = grouped(tiled.findings())
    summary = {
        "samples": total,
        "masks": sum(done.tiles.values()),
        "splits": {split or "none": n for split, n in sorted(done.tiles.items())},
        "dropped": done.findings["tile-dropped"],
        "failed": done.failed,
        "unsplit": done.unsplit,
        "severities": {s: sum(group["count"] for group in findings if group["severity"] == s) for s in SEVERITIES},
        "findings": findings,
        "classes": class_rows(done.counts, tiled.table),
    }
    return StageResult(params.out, tiled.identity, summary, 3 if done.failed else 0)

"""export: a prepared folder in the layout that another tool reads."""

from __future__ import annotations

import hashlib

from labelprep.errors import UsageError
from labelprep.exports import LAYOUTS, export
from labelprep.prepared import Prepared
from labelprep.spec import ExportStage
from labelprep.stages import Inputs, RunContext, StageResult
from labelprep.storage.place import on_disk

VERSION = 1


def run(params: ExportStage, inputs: Inputs, context: RunContext) -> StageResult:
    """Writes the prepared folder to `params.out` in the layout `params.layout`.

    Raises:
        UsageError: no `out`, an `out` that holds something else, or a set that the layout cannot hold.
        EnvironmentFailure: disk full, no permission.
    """
    folder = params.data or inputs.prepared("export")
    if params.out is None:
        message = "export needs a folder to write to"
        raise UsageError(message, hint="-o DIR, or `out:` in the spec")
    prepared = Prepared.open(folder)
    total = int(prepared.info["masks"])
    done = export(
        prepared,
        params.layout,
        on_disk(params.out, "an export"),
        images=params.images,
        link=params.link,
        told=lambda n: context.reporter.progress("export", n, total),
    )
    if done.left_out:
        some = ", ".join(repr(key) for key in done.without_image)
        context.reporter.message(
            f"warning: {done.left_out:,} samples were left out as their image is not there, such as {some}"
        )
    if done.unsplit:
        context.reporter.message(f"warning: {done.unsplit:,} masks are in no split and were left out")
    if done.other_ending:
        wanted = LAYOUTS[params.layout].image_ending
        context.reporter.message(f"note: {done.other_ending:,} images do not end in {wanted}, as some readers expect")
    summary = {
        "layout": params.layout,
        "samples": dict(done.samples),
        "left_out": done.left_out,
        "unsplit": done.unsplit,
        "linked": done.linked,
    }
    identity = hashlib.sha256(f"{prepared.identity_with_splits} {params.layout}".encode()).hexdigest()
    return StageResult(params.out, identity, summary, 3 if done.left_out else 0)

"""export: a prepared folder in the layout that another tool reads."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from labelprep.errors import UsageError
from labelprep.exports import LAYOUTS, Exported, export
from labelprep.prepared import Prepared
from labelprep.spec import ExportStage
from labelprep.stages import Inputs, RunContext, StageResult
from labelprep.storage.place import on_disk

VERSION = 2  # and four layouts more
_MOVED = "; if images moved: --images DIR"


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
    done = export(
        prepared,
        params.layout,
        on_disk(params.out, "an export"),
        images=params.images,
        link=params.link,
        shard_size=params.shard_size,
        told=lambda n, total: context.reporter.progress("export", n, total),
    )
    for line in _told(done, params.layout):
        context.reporter.message(line)
    summary = {
        "layout": params.layout,
        "samples": dict(done.samples),
        "left_out": done.left_out,
        "unsplit": done.unsplit,
        "linked": done.linked,
    }
    shards = f" {params.shard_size}" if LAYOUTS[params.layout].pack else ""
    identity = hashlib.sha256(f"{prepared.identity_with_splits} {params.layout}{shards}".encode()).hexdigest()
    return StageResult(params.out, identity, summary, 3 if done.left_out else 0)


def _told(done: Exported, layout: str) -> Iterator[str]:
    """What a person should know of the samples that are not there, or not as readers expect."""
    some = ", ".join(map(repr, done.without_image))
    if done.left_out == 1:
        yield f"warning: 1 sample was left out as its image is not there or cannot be read: {some}{_MOVED}"
    elif done.left_out:
        yield (
            f"warning: {done.left_out:,} samples were left out as their images are not there or cannot be read, "
            f"such as {some}{_MOVED}"
        )
    if done.unsplit:
        are = "1 mask is" if done.unsplit == 1 else f"{done.unsplit:,} masks are"
        yield f"warning: {are} in no split and left out"
    if done.other_ending:
        images = "1 image does" if done.other_ending == 1 else f"{done.other_ending:,} images do"
        wanted = " or ".join(LAYOUTS[layout].image_endings)
        yield f"note: {images} not end in {wanted}, as some readers expect"

"""`labelprep export OUT --layout NAME -o DIR`: a prepared folder as another tool reads it."""

from __future__ import annotations

from typing import Any

import click

from labelprep.cli.main import run_stage
from labelprep.cli.options import build, words_of
from labelprep.cli.paths import ANYWHERE, ON_DISK
from labelprep.spec import ExportStage


@click.command(name="export")
@click.argument("data", type=ANYWHERE, metavar="OUT")
@words_of(ExportStage, "layout", "images", "link", "shard_size")
@click.option("--out", "-o", type=ON_DISK, required=True, help="Folder to write: empty or new.")
@click.pass_context
def command(ctx: click.Context, /, **words: Any) -> None:
    """Write the prepared folder OUT in another tool's layout, with its splits, names and colours.

    Files that need no change are hard links where the file system allows: editing one edits both.

    \b
    Example:
      labelprep export build/street --layout mmseg -o build/mmseg
    """
    result = run_stage(ctx, "export", build(ExportStage, words))
    if ctx.obj.json:
        ctx.obj.result({"type": "summary", "exit_code": result.exit_code, **result.summary})
    else:
        counts = ", ".join(f"{split} {count:,}" for split, count in result.summary["samples"].items())
        ctx.obj.result(f"{words['out']}: layout {words['layout']}, {counts or 'no samples'}; exit {result.exit_code}")
    ctx.exit(result.exit_code)

"""`labelprep tile OUT -o DIR`: crops or resized copies of image and mask pairs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from labelprep.cli.learning import out_option, stage_options
from labelprep.cli.main import run_stage
from labelprep.cli.options import build, run_options, run_words
from labelprep.cli.paths import ANYWHERE
from labelprep.cli.summaries import describe_findings, finding_rows
from labelprep.cli.tables import class_table
from labelprep.spec import TileStage


def _tile(ctx: click.Context, /, data: Path, out: Path, **words: Any) -> None:
    """Cut the image and mask pairs of the prepared folder OUT into crops, or resize them; a prepared folder again.

    Masks take the nearest id, never a blend; pixels are counted anew; a crop goes to the split of its image. Exit code
    3 where samples could not be cut up.

    \b
    Example:
      labelprep tile build/street --size 64 64 --stride 32 32 -o build/crops
    """
    own = {word: value for word, value in words.items() if word in TileStage.model_fields}
    where = run_words(words) | {"on_finding": finding_rows(ctx.obj)}
    result = run_stage(ctx, "tile", build(TileStage, {"data": data, "out": out, **own}), **where)
    if ctx.obj.json:
        ctx.obj.result({"type": "summary", "exit_code": result.exit_code, **result.summary})
    else:
        told = result.summary
        splits = ", ".join(f"{name} {n:,}" for name, n in told["splits"].items() if name != "none")
        head = f"{out}: {told['masks']:,} crops of {told['samples']:,} masks" + (f" ({splits})" if splits else "")
        tail = f"{told['dropped']:,} crops left out, {told['failed']:,} masks failed; exit {result.exit_code}"
        ctx.obj.result("\n".join([head, *describe_findings(told["findings"]), class_table({"convert": told}), tail]))
    ctx.exit(result.exit_code)


def _params() -> list[click.Parameter]:
    data = click.Argument(["data"], type=ANYWHERE, metavar="OUT")
    return [data, out_option("DIR"), *stage_options(TileStage), *run_options()]


command = click.Command("tile", params=_params(), callback=click.pass_context(_tile), help=_tile.__doc__)

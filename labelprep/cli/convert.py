"""`labelprep convert DATASET -o OUT`: the road from raw masks to a prepared folder."""

from __future__ import annotations

from typing import Any

import click

from labelprep.cli.main import run_stage
from labelprep.cli.options import build, dataset_of, dataset_options, run_words, words_of
from labelprep.cli.paths import ANYWHERE
from labelprep.cli.summaries import finding_rows, show_convert
from labelprep.errors import UsageError
from labelprep.spec import ConvertStage
from labelprep.storage.place import Place


@click.command(name="convert")
@dataset_options
@click.option("--out", "-o", type=ANYWHERE, required=True, help="Prepared folder to write.")
@words_of(ConvertStage, "link")
@click.option("--resume", is_flag=True, help="Go on with the run that OUT holds; implied where it is the same run.")
@click.option("--overwrite", is_flag=True, help="Start anew where OUT holds another run.")
@click.pass_context
def command(ctx: click.Context, /, out: Place, link: str | None, resume: bool, overwrite: bool, **words: Any) -> None:
    """Convert the masks of DATASET into palette PNGs in OUT, exactly, and count pixels per class on the way.

    A mask with an error is not written, the others are; the exit code is then 3.

    \b
    Example:
      labelprep convert data/sample -o build/street \\
        --classes data/classes/street.yaml --ignore void
    """
    if resume and overwrite:
        message = "--resume goes on, --overwrite starts anew; give one of them"
        raise UsageError(message)
    params = build(ConvertStage, {"out": out, "link": link})
    rows = finding_rows(ctx.obj)
    where = run_words(words) | {"overwrite": overwrite, "on_finding": rows}
    result = run_stage(ctx, "convert", params, dataset=dataset_of(words), **where)
    if ctx.obj.json:
        ctx.obj.result({"type": "summary", "exit_code": result.exit_code, **result.summary})
    else:
        show_convert(ctx.obj, result.summary, words["root"])
    ctx.exit(result.exit_code)

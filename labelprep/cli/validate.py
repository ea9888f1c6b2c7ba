"""`labelprep validate DATASET`: every fault, grouped by kind with three examples each."""

from __future__ import annotations

from typing import Any

import click

from labelprep.cli.main import run_stage
from labelprep.cli.options import build, dataset_of, dataset_options, run_words, words_of
from labelprep.cli.summaries import finding_rows, show_validate
from labelprep.spec import ValidateStage

OWN = ("fail_on", "suspects", "similar")


@click.command(name="validate")
@dataset_options
@words_of(ValidateStage, *OWN)
@click.pass_context
def command(ctx: click.Context, /, **words: Any) -> None:
    """Look at every mask of DATASET and report what is wrong; writes nothing.

    \b
    Example:
      labelprep validate data/sample \\
        --classes data/classes/street.yaml --ignore void
    """
    params = build(ValidateStage, {name: words.pop(name) for name in OWN})
    rows = finding_rows(ctx.obj)
    result = run_stage(ctx, "validate", params, dataset=dataset_of(words), on_finding=rows, **run_words(words))
    if ctx.obj.json:
        ctx.obj.result({"type": "summary", "exit_code": result.exit_code, **result.summary})
    else:
        show_validate(ctx.obj, result.summary, words["root"], result.exit_code)
    ctx.exit(result.exit_code)

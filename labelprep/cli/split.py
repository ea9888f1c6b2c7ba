"""`labelprep split OUT`: lists of keys for training, validation and test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from labelprep.cli.many_values import ManyValues
from labelprep.cli.paths import ANYWHERE
from labelprep.place import Place

if TYPE_CHECKING:
    from labelprep.cli.output import Console


@click.command(name="split")
@click.argument("out", type=ANYWHERE)
@click.option(
    "--ratios",
    cls=ManyValues,
    type=click.FLOAT,
    default=(0.8, 0.2),
    show_default=True,
    help="Shares of train, val and, if three, test; they add up to 1.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Another seed, another split.")
@click.option(
    "--group-by",
    metavar="REGEX",
    help="Keys with the same first group of REGEX, or the same match, stay in the same split.",
)
@click.option("--stratify", is_flag=True, help="Spread rare classes over the splits.")
@click.pass_context
def command(
    ctx: click.Context, out: Place, ratios: tuple[float, ...], seed: int, group_by: str | None, stratify: bool
) -> None:
    """Write splits/train.txt, val.txt and, with three ratios, test.txt into the prepared folder OUT.

    The same keys, ratios and seed give the same lists everywhere.
    """
    from labelprep.spec import SplitStage
    from labelprep.split import checked_pattern, checked_ratios
    from labelprep.stages import Inputs, RunContext
    from labelprep.stages.split import run

    console: Console = ctx.obj
    checked_ratios(ratios)  # these messages are in the words of the command
    checked_pattern(group_by or "")
    params = SplitStage(data=out, ratios=ratios, seed=seed, group_by=group_by, stratify=stratify)
    result = run(params, Inputs(), RunContext(reporter=console.reporter()))
    if console.json:
        console.result(
            {
                "type": "summary",
                "exit_code": result.exit_code,
                "out": result.out.as_posix() if result.out else None,
                **result.summary,
            }
        )
    else:
        sizes = result.summary["splits"].items()
        console.result("\n".join(f"{name}  {size}" for name, size in sizes))
    ctx.exit(result.exit_code)

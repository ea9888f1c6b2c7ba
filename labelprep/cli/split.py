"""`labelprep split OUT`: lists of keys for training, validation and test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from labelprep.cli.learning import summary_of
from labelprep.cli.main import run_stage
from labelprep.cli.many_values import ManyValues
from labelprep.cli.options import build, option_of
from labelprep.cli.paths import ANYWHERE
from labelprep.spec import SplitStage
from labelprep.storage.place import Place

if TYPE_CHECKING:
    from labelprep.cli.output import Console

OWN = ("folds", "seed", "group_by", "similar", "stratify", "drop_dominated")


def _split(ctx: click.Context, /, folder: Place, **words: Any) -> None:
    """Write splits/train.txt, val.txt and, with three ratios, test.txt into the prepared folder OUT.

    With --folds 5 the lists are fold0-train.txt, fold0-val.txt and so on to fold4. The same keys, ratios and seed
    give the same lists everywhere. Frames that --drop-dominated leaves out stand in splits/left_out.csv alone.

    \b
    Example:
      labelprep split build/street --ratios 0.8 0.2 --stratify
    """
    console: Console = ctx.obj
    result = run_stage(ctx, "split", build(SplitStage, {**words, "data": folder}))
    if console.json:
        console.result(summary_of(result))
    else:
        sizes = result.summary["splits"].items()
        left = [f"left out  {result.summary['left_out']}"] if result.summary["left_out"] else []
        console.result("\n".join([*(f"{name}  {size}" for name, size in sizes), *left]))
    ctx.exit(result.exit_code)


def _params() -> list[click.Parameter]:
    fields = SplitStage.model_fields
    text = fields["ratios"].description or ""
    shares = ManyValues(["--ratios"], type=click.FLOAT, help=f"{text[:1].upper()}{text[1:]}.  [default: 0.8 0.2]")
    return [
        click.Argument(["folder"], type=ANYWHERE, metavar="OUT"),
        shares,
        *(option_of(name, fields[name]) for name in OWN),
    ]


command = click.Command("split", params=_params(), callback=click.pass_context(_split), help=_split.__doc__)

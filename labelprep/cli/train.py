"""`labelprep train OUT -o RUN`: a model trained from a prepared folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from labelprep.cli.learning import figures, out_option, stage_options, summary_of
from labelprep.cli.main import run_stage
from labelprep.cli.options import build
from labelprep.cli.paths import ANYWHERE
from labelprep.spec import TrainStage
from labelprep.storage.place import Place

if TYPE_CHECKING:
    from labelprep.cli.output import Console

ENDS = {"epochs": "", "patience": ", as mIoU rose no more", "time": ", as the time was up"}


def _train(ctx: click.Context, /, folder: Place, out: Place, overwrite: bool, **words: Any) -> None:
    """Train a model on the prepared folder OUT and keep its best and last checkpoint in RUN.

    The best is the one with the highest mean IoU over the validation split. --weights takes a file that
    `labelprep weights` wrote for the same class table. A run that was stopped goes on with the same command, and ends
    with the same weights. Several GPUs: torchrun --nproc-per-node N -m labelprep train …

    \b
    Example:
      labelprep train build/street -o build/run \\
        --model unet_small --epochs 1 --crop 64 64
    """
    from labelprep.stages._learning import follows

    console: Console = ctx.obj
    stage = build(TrainStage, {**words, "data": folder, "out": out})
    result = run_stage(ctx, "train", stage, overwrite=overwrite)
    if follows():
        return
    if console.json:
        console.result(summary_of(result))
        return
    told = result.summary
    best = f"best of {told['epochs']} epochs{ENDS[told['stopped']]}: {told['best_epoch']}, on the validation split"
    console.result(f"{figures(told['metrics'])}\n{best}; {told['parameters']:,} parameters, {told['seconds']:.1f} s")
    console.info(f"wrote {out / 'best.pt'} and {out / 'last.pt'}")


def _params() -> list[click.Parameter]:
    return [
        click.Argument(["folder"], type=ANYWHERE, metavar="OUT"),
        out_option("RUN"),
        *stage_options(TrainStage),
        click.Option(
            ["--overwrite"], is_flag=True, help="Train anew, also where RUN holds another run or could go on."
        ),
    ]


command = click.Command("train", params=_params(), callback=click.pass_context(_train), help=_train.__doc__)

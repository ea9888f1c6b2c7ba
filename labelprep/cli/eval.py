"""`labelprep eval RUN|CKPT --data OUT -o DIR`: a model, or a folder of predictions, against a prepared folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from labelprep.cli.learning import figures, out_option, shown, stage_options, summary_of
from labelprep.cli.main import run_stage
from labelprep.cli.options import build
from labelprep.cli.paths import ANYWHERE, ON_DISK
from labelprep.errors import UsageError
from labelprep.spec import EvalStage
from labelprep.stages._learning import follows

if TYPE_CHECKING:
    from labelprep.cli.output import Console


def _eval(ctx: click.Context, /, checkpoint: Path | None, pred: Path | None, **words: Any) -> None:
    """Score a checkpoint, or the best one of the training run RUN, on a split of the prepared folder OUT.

    With --pred DIR in place of a model, the palette PNGs DIR/KEY.png are scored, which needs no torch and gives
    the same figures as scoring the model that wrote them.

    \b
    Example:
      labelprep eval build/run --data build/street -o build/eval --entropy-maps 2
    """
    if checkpoint is None and pred is None:
        message = "nothing to score"
        raise UsageError(message, hint="give a run folder or checkpoint, or --pred DIR")
    console: Console = ctx.obj
    params = build(EvalStage, {**words, "checkpoint": checkpoint, "pred": pred})
    result = run_stage(ctx, "eval", params)
    if follows():
        return
    if console.json:
        console.result(summary_of(result))
        return
    told = result.summary
    scored = f"{told['images']:,} images" + (f" of split {told['split']!r}" if told["split"] else "")
    majority = f"always predicting {told['baseline']['name']!r} has mean IoU {shown(told['baseline']['mean_iou'])}"
    lines = [f"{figures(told['metrics'])}", f"{scored}; {majority}", _further(told)]
    console.result("\n".join(line for line in lines if line))
    if result.out is not None:
        console.info(f"wrote {result.out / 'metrics.json'}")


def _further(told: Mapping[str, Any]) -> str:
    """Interval, boundary IoU and calibration in one line, as far as they are known."""
    metrics, sure = told["metrics"], told.get("uncertainty", {})
    drawn = metrics["bootstrap"]
    parts = [f"mean IoU {drawn['low']:.3f} to {drawn['high']:.3f} ({drawn['level']:.0%} interval)"] if drawn else []
    parts += [f"mean boundary IoU {shown(metrics['mean_boundary_iou'])}"] if metrics["boundary_width"] else []
    parts += [f"calibration error {shown(sure['ece'])}"] if "ece" in sure else []
    return ", ".join(parts)


def _params() -> list[click.Parameter]:
    path = ON_DISK
    return [
        click.Argument(["checkpoint"], type=path, metavar="[RUN|CKPT]", required=False),
        click.Option(["--data"], type=ANYWHERE, required=True, metavar="OUT", help="Prepared folder with the truth."),
        out_option("DIR", "RUN/eval; with --pred, nothing is written"),
        *stage_options(EvalStage, "data", "checkpoint"),
    ]


command = click.Command("eval", params=_params(), callback=click.pass_context(_eval), help=_eval.__doc__)

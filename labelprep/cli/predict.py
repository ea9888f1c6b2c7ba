"""`labelprep predict CKPT IMAGES -o DIR`: masks for images that have none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from labelprep.cli.learning import out_option, stage_options, summary_of
from labelprep.cli.main import run_stage
from labelprep.cli.options import build
from labelprep.cli.paths import ON_DISK
from labelprep.spec import PredictStage
from labelprep.stages._learning import follows

if TYPE_CHECKING:
    from labelprep.cli.output import Console


def _predict(ctx: click.Context, /, checkpoint: str, images: Path, out: Path, **words: Any) -> None:
    """Write a palette PNG for every image below the folder IMAGES; --entropy adds maps of the model's doubt.

    CKPT is a checkpoint, the folder of a training run, or torchvision:NAME for a model with torchvision's
    published weights and the classes of Pascal VOC.

    \b
    Example:
      labelprep predict build/run data/sample/images/val -o build/predicted
    """
    console: Console = ctx.obj
    params = build(PredictStage, {**words, "checkpoint": checkpoint, "images": images, "out": out})
    result = run_stage(ctx, "predict", params)
    if follows():
        ctx.exit(result.exit_code)
    if console.json:
        console.result(summary_of(result))
    else:
        failed = result.summary["failed"]
        told = f"; {len(failed):,} images could not be read" if failed else ""
        console.result(f"{result.summary['images']:,} masks in {out / 'predictions'}{told}")
    ctx.exit(result.exit_code)


def _params() -> list[click.Parameter]:
    return [
        click.Argument(["checkpoint"], metavar="CKPT"),
        click.Argument(["images"], type=ON_DISK, metavar="IMAGES"),
        out_option("DIR"),
        *stage_options(PredictStage, "checkpoint", "images"),
    ]


command = click.Command("predict", params=_params(), callback=click.pass_context(_predict), help=_predict.__doc__)

"""`labelprep freeze CKPT -o FILE`: a trained model as ONNX or torch.export."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from labelprep.cli.learning import out_option

if TYPE_CHECKING:
    from labelprep.cli.output import Console


def _freeze(
    ctx: click.Context, /, checkpoint: str, out: Path, size: tuple[int, int] | None, own_model: str | None
) -> None:
    """Write the model of CKPT as one file that runs without labelprep, compared with the model itself.

    FILE ends in .onnx (ONNX) or .pt2 (torch.export). It takes RGB images (batch, 3, H, W) float32 in 0..255 and gives
    logits; FILE.json beside it names the classes.

    \b
    Example:
      labelprep freeze build/run -o build/model.onnx --size 144 192
    """
    from labelprep.stages._learning import require_torch

    require_torch()
    from labelprep.learning.checkpoint import load_trained
    from labelprep.learning.device import choose_device
    from labelprep.learning.freeze import freeze

    console: Console = ctx.obj
    trained = load_trained(checkpoint, choose_device("cpu"), own_model=own_model)
    done = freeze(trained, out, size)
    if console.json:
        values = {"size": list(done.size), "difference": done.difference, "exit_code": 0, "out": out.as_posix()}
        console.result({"type": "summary", **values})
        return
    height, width = done.size
    console.result(f"{out}: images of {height} x {width}; logits within {done.difference:.1e} of the model's own")


command = click.Command(
    "freeze",
    params=[
        click.Argument(["checkpoint"], metavar="CKPT"),
        out_option("FILE"),
        click.Option(
            ["--size"],
            type=(click.IntRange(min=1), click.IntRange(min=1)),
            metavar="H W",
            help="Size of the images; that of --resize in training by default.",
        ),
        click.Option(
            ["--own-model"],
            metavar="MODULE:FUNCTION",
            help="The function that CKPT may run, where it was trained with one.",
        ),
    ],
    callback=click.pass_context(_freeze),
    help=_freeze.__doc__,
)

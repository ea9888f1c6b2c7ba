"""What train, eval and predict share: options made from the stages' models, and the table of figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from labelprep.cli.options import is_size, option_of
from labelprep.cli.paths import ON_DISK
from labelprep.spec import Stage
from labelprep.stages import StageResult

GIVEN = ("use", "from_", "out", "data")


def stage_options(model: type[Stage], *without: str) -> list[click.Option]:
    """The options of a stage's words; those that the command takes itself are left out."""
    left_out = {*GIVEN, *without}
    return [
        _size_option(name, info.description or "") if is_size(info) else option_of(name, info)
        for name, info in model.model_fields.items()
        if name not in left_out
    ]


def _size_option(name: str, text: str) -> click.Option:
    words = text.removeprefix("H W: ")
    return click.Option([f"--{name}"], type=(int, int), metavar="H W", help=f"{words[:1].upper()}{words[1:]}.")


def out_option(metavar: str, without: str | None = None) -> click.Option:
    """-o, the folder that is written; `without` says what happens where it may be left out."""
    path = ON_DISK
    text = "Folder that is written." + (f"  [default: {without}]" if without else "")
    return click.Option(["-o", "--out"], type=path, required=without is None, metavar=metavar, help=text)


def summary_of(result: StageResult) -> dict[str, Any]:
    """A stage's result as the object that ends the JSON Lines."""
    return {
        "type": "summary",
        "exit_code": result.exit_code,
        "out": None if result.out is None else result.out.as_posix(),
        **result.summary,
    }


def figures(metrics: Mapping[str, Any]) -> str:
    """The per-class table of `metrics.summary` and the figures of the whole set."""
    from labelprep.cli.tables import grid

    columns = ("iou", "dice", "precision", "recall")
    cells = [
        [str(row["id"]), row["name"], f"{row['support']:,}", *(shown(row[column]) for column in columns)]
        for row in metrics["classes"]
    ]
    heads = ["id", "class", "pixels", "IoU", "Dice", "precision", "recall"]
    whole = f"pixel accuracy {shown(metrics['pixel_accuracy'])}, mean IoU {shown(metrics['mean_iou'])}"
    return f"{grid(heads, cells, right=range(2, len(heads)))}\n{whole}"


def shown(value: float | None) -> str:
    """A share with three digits; a dash where there is none."""
    return "-" if value is None else f"{value:.3f}"

"""`labelprep report OUT|RUN… -o DIR`: pages, plots and tables of what other commands wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from labelprep.cli.paths import ANYWHERE, ON_DISK
from labelprep.storage.place import Place

if TYPE_CHECKING:
    from pathlib import Path

    from labelprep.cli.output import Console


@click.command(name="report")
@click.argument("sources", metavar="OUT|RUN...", nargs=-1, required=True, type=ANYWHERE)
@click.option("-o", "--out", required=True, type=ON_DISK, metavar="DIR", help="Folder that is written.")
@click.option("--open", "show", is_flag=True, help="Open the report in a browser.")
@click.pass_context
def command(ctx: click.Context, sources: tuple[Place, ...], out: Path, show: bool) -> None:
    """Write pages, plots and tables about prepared folders, training runs and evaluations.

    DIR/index.html opens from the disk. Two prepared folders or two evaluations are compared, the second with the first.

    \b
    Example:
      labelprep report build/street build/run build/eval -o build/report
    """
    from labelprep.cli.tables import grid
    from labelprep.spec import ReportStage
    from labelprep.stages import Inputs, RunContext
    from labelprep.stages.report import run

    console: Console = ctx.obj
    params = ReportStage.model_validate({"sources": sources, "out": out})
    result = run(params, Inputs(), RunContext())  # the verdict that it tells a chain is this command's result
    if console.json:
        console.result({"type": "summary", "exit_code": result.exit_code, "out": out.as_posix(), **result.summary})
    else:
        files = ["index.html", "report.json", "metrics.json", "classes.csv", *result.summary["plots"]]
        console.result(grid([str(result.summary["verdict"]["text"])], [[(out / name).as_posix()] for name in files]))
    if show:
        import webbrowser

        webbrowser.open((out / "index.html").absolute().as_uri())
    ctx.exit(result.exit_code)

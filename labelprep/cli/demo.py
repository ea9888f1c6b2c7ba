"""`labelprep demo [DIR]`: a drawn dataset with planted faults, and the chain that finds and mends them."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from labelprep.cli.paths import ON_DISK

if TYPE_CHECKING:
    from labelprep.cli.output import Console
    from labelprep.drawing import Planted
    from labelprep.findings import Finding


@click.command(name="demo")
@click.argument("folder", metavar="[DIR]", type=ON_DISK, default=Path("labelprep-demo"))
@click.pass_context
def command(ctx: click.Context, folder: Path) -> None:
    """Draw a small street dataset with one fault of each common kind, and take it through the whole chain.

    DIR (labelprep-demo by default) must be new or empty. It gets the dataset, a class table and a spec;
    the faults are found, the files that no option mends are drawn anew, and a small model is trained.
    """
    from labelprep.cli.run import show_outcome
    from labelprep.drawing.demo import draw_demo, redraw
    from labelprep.pipeline import Chain, Runner
    from labelprep.spec import read_spec
    from labelprep.stages import RunContext

    console: Console = ctx.obj
    planted = draw_demo(folder)
    spec = folder / "demo.yaml"
    console.info(f"Drew 32 street scenes in {folder.as_posix()}/street and planted {len(planted)} faults.")
    chain, findings = Chain.of(read_spec(spec, ()), spec), list["Finding"]()
    context = RunContext(on_finding=findings.append, reporter=console.reporter())
    again = f"labelprep run {spec.as_posix()}"
    Runner(chain, context, again=again).run(("check",))
    missed = _show_faults(console, planted, findings)
    redrawn = redraw(folder, planted)
    console.info(
        f"Options mend {len(planted) - len(redrawn)} of them; {len(redrawn)} files were drawn anew. Once more:"
    )
    stages, without = _stages(tuple(chain.stages))
    context = RunContext(reporter=console.reporter())
    outcome = Runner(chain, context, again=again).run(stages)
    show_outcome(console, outcome, chain.folder)
    if without:
        console.info(f'Left out for want of {" and ".join(without)}: python -m pip install "labelprep[all]"')
    console.info(f"The spec is {spec.as_posix()}; change it and run it again: {again}")
    if "report" in stages:
        console.info(f"Plots and tables are in {folder.as_posix()}/build/report.")
    ctx.exit(outcome.exit_code or (1 if missed else 0))


def _show_faults(console: Console, planted: Sequence[Planted], findings: Sequence[Finding]) -> int:
    """Shows each planted fault and whether it was found; gives how many were not."""
    from labelprep.cli.tables import grid

    seen = {(finding.code, finding.key) for finding in findings}
    found = [(fault.code, fault.key) in seen for fault in planted]
    if console.json:
        for fault, there in zip(planted, found, strict=True):
            console.row({"type": "planted", "code": fault.code, "path": fault.path, "found": there, "mend": fault.mend})
    else:
        cells = [
            [Path(fault.path).name, fault.what, fault.code if there else "NOT FOUND", fault.mend]
            for fault, there in zip(planted, found, strict=True)
        ]
        console.info(grid(["file", "planted", "found as", "what helps"], cells))
    return found.count(False)


def _stages(names: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """The stages that can run with what is installed, and what is missing for the others."""
    without = [name for name in ("torch", "torchvision", "torchinfo") if find_spec(name) is None]
    stages = tuple(name for name in names if not without or name not in ("train", "eval", "report"))
    if find_spec("matplotlib") is None:
        stages, without = tuple(name for name in stages if name != "report"), [*without, "matplotlib"]
    return stages, without

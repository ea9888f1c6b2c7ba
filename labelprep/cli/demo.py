"""`labelprep demo [DIR]`: a drawn dataset with planted faults, and the chain that finds and mends them."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from labelprep.cli.paths import ON_DISK

if TYPE_CHECKING:
    from labelprep.cli.output import Console
    from labelprep.drawing import Planted
    from labelprep.findings import Finding
    from labelprep.pipeline import Outcome

LIBRARIES: Final = ("torch", "torchvision", "torchinfo"), ("matplotlib",)  # for training, for reports
PAGES: Final = {"faults": "the faults, one by one", "mended": "the mended set and the model"}
TRAINING: Final = ("train", "eval", "report")  # the stages that need a model


@click.command(name="demo")
@click.argument("folder", metavar="[DIR]", type=ON_DISK, default=Path("labelprep-demo"))
@click.option(
    "--open/--no-open", "opening", default=None, help="Open the report in a browser; on a desktop it is, elsewhere not."
)
@click.pass_context
def command(ctx: click.Context, folder: Path, opening: bool | None) -> None:
    """Draw a small street dataset with one fault of each kind, and take it through the whole chain.

    DIR (labelprep-demo by default) must be new or empty, and everything stays in it: the dataset with its faults, the
    same one mended, a class table and two specs. The faults are found and reported, options mend what they can, the
    rest is drawn anew, and a small model is trained. It takes less than a minute.

    \b
    Example:
      labelprep demo labelprep-demo
    """
    from labelprep.drawing.demo import TRAIN, VAL, draw_demo
    from labelprep.spec.schema import json_schema
    from labelprep.storage.atomic import write_atomic

    console: Console = ctx.obj
    planted = draw_demo(folder)
    schema = json.dumps(json_schema(), indent=2, ensure_ascii=False)
    write_atomic(folder / "spec.schema.json", f"{schema}\n".encode())  # which the specs name for editors
    console.info(
        f"Drew {TRAIN + VAL} street scenes of 12 classes in {folder.as_posix()}/street\n"
        f"and planted {len(planted)} faults, one of each kind that a file can show. Finding them:"
    )
    found = _find(console, folder, planted)
    outcome, without = _run_mended(console, folder, planted)
    pages = [page for name in PAGES if (page := folder / "build" / name / "report" / "index.html").is_file()]
    console.info("\n" + _closing(folder, found, pages, without))
    _open(pages, opening)
    ctx.exit(outcome.exit_code or (0 if all(found) else 1))


def _find(console: Console, folder: Path, planted: Sequence[Planted]) -> Sequence[bool]:
    """Validates the set with the faults, shows and reports them; gives for each whether it was found."""
    from labelprep.pipeline import Chain, Runner
    from labelprep.spec import read_spec
    from labelprep.stages import RunContext, Silent

    spec, findings = folder / "faults.yaml", list["Finding"]()
    chain = Chain.of(read_spec(spec, ()), spec)
    again = f"labelprep run {spec.as_posix()} --keep-going"
    Runner(chain, RunContext(on_finding=findings.append, reporter=console.reporter()), again=again).run(("check",))
    found = [any(fault.is_named_by(finding) for finding in findings) for fault in planted]
    _show_faults(console, planted, found)
    if not _missing(LIBRARIES[1]):
        console.info(f"Writing their report, with pictures, to {folder.as_posix()}/build/faults/report")
        Runner(chain, RunContext(reporter=Silent()), again=again).run(("masks", "report"), keep_going=True)
    return found


def _show_faults(console: Console, planted: Sequence[Planted], found: Sequence[bool]) -> None:
    """Shows each planted fault and whether it was found."""
    from labelprep.cli.tables import grid

    if console.json:
        for fault, there in zip(planted, found, strict=True):
            console.row({"type": "planted", "code": fault.code, "path": fault.path, "found": there, "mend": fault.mend})
        return
    cells = [
        [Path(fault.path).name, fault.what, fault.code if there else "NOT FOUND"]
        for fault, there in zip(planted, found, strict=True)
    ]
    console.info(grid(["file", "planted", "found as"], cells))


def _run_mended(console: Console, folder: Path, planted: Sequence[Planted]) -> tuple[Outcome, list[str]]:
    """Takes the mended set through the chain, as far as the installed libraries go; gives those that are missing."""
    from labelprep.cli.run import show_outcome
    from labelprep.pipeline import Chain, Runner
    from labelprep.spec import read_spec
    from labelprep.stages import RunContext

    anew = sum(fault.redraw for fault in planted)
    console.info(
        f"No option mends {anew} of them: in {folder.as_posix()}/mended these scenes are drawn anew.\n"
        f"Options in {folder.as_posix()}/demo.yaml see to the other {len(planted) - anew}. On to a trained model:"
    )
    spec = folder / "demo.yaml"
    chain, without = Chain.of(read_spec(spec, ()), spec), _missing((*LIBRARIES[0], *LIBRARIES[1]))
    no_model, no_plots = _missing(LIBRARIES[0]), _missing(LIBRARIES[1])
    left_out = (*(TRAINING if no_model else ()), *(("report",) if no_plots else ()))
    stages = tuple(name for name in chain.stages if name not in left_out)
    context = RunContext(reporter=console.reporter())
    outcome = Runner(chain, context, again=f"labelprep run {spec.as_posix()}").run(stages)
    show_outcome(console, outcome, chain.folder)
    return outcome, without


def _missing(libraries: Sequence[str]) -> list[str]:
    return [name for name in libraries if find_spec(name) is None]


def _closing(folder: Path, found: Sequence[bool], pages: Sequence[Path], without: Sequence[str]) -> str:
    """Where everything is, and what to do next."""
    home = folder.as_posix()
    lines = [f"{sum(found)} of {len(found)} planted faults were found."]
    if without:
        lines.append(f'Left out for want of {", ".join(without)}: python -m pip install "labelprep[all]"')
    lines += ["Open in a browser:"] if pages else []
    lines += [f"  {page.as_posix()}   {PAGES[page.parts[-3]]}" for page in pages]
    lines += [
        "Every finding, with cause and mend:",
        f"  labelprep validate {home}/street \\",
        f"    --classes {home}/street.yaml --ignore void --on-duplicate-color merge",
        "Change something and run again only what it changes:",
        f"  labelprep run {home}/demo.yaml --set weights.method=enet",
        "Your own masks: labelprep init YOUR_FOLDER -o mine.yaml",
    ]
    return "\n".join(lines)


def _open(pages: Sequence[Path], opening: bool | None) -> None:
    """Opens the first page in a browser, if that is asked for, or was left open and somebody is there to see it."""
    if pages and (_on_desktop() if opening is None else opening):
        click.launch(str(pages[0].resolve()))


def _on_desktop() -> bool:
    """Whether somebody sits there who would see a browser open."""
    if os.environ.get("CI") or not (sys.stdout.isatty() and sys.stderr.isatty()):
        return False
    return sys.platform in ("win32", "darwin") or any(os.environ.get(d) for d in ("DISPLAY", "WAYLAND_DISPLAY"))

"""`labelprep run SPEC [STAGE…]`: chained stages, of which only those run whose inputs or options changed."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from labelprep.cli.options import run_options, run_words
from labelprep.cli.output import Console
from labelprep.cli.paths import ON_DISK
from labelprep.cli.summaries import counted, finding_rows, show_convert, show_validate
from labelprep.cli.tables import class_rows, class_table, grid
from labelprep.pipeline import Chain, Outcome, Runner, Step
from labelprep.spec import read_spec
from labelprep.stages import RunContext


@click.command(name="run")
@click.argument("spec", type=ON_DISK)
@click.argument("stages", nargs=-1, metavar="[STAGE]...")
@click.option("--dry-run", is_flag=True, help="Say what would run and why; touch nothing.")
@click.option("--force", is_flag=True, help="Run the named stages, or all, also where they are up to date.")
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change a value of the spec: dataset.root=DIR, train.epochs=3. May be repeated.",
)
@click.pass_context
def command(
    ctx: click.Context,
    /,
    spec: Path,
    stages: tuple[str, ...],
    dry_run: bool,
    force: bool,
    overrides: tuple[str, ...],
    **words: Any,
) -> None:
    """Bring the stages of SPEC up to date: all of them, or STAGE… and what they need.

    A stage runs when its options, its code, the class table, the source files or the results it reads changed, or
    when somebody changed what it wrote. The exit code is that of the stage that failed; what is done stays done, and
    the same command goes on.

    \b
    Examples:
      labelprep run pipelines/quickstart.yaml --dry-run
      labelprep run pipelines/quickstart.yaml weights --set weights.method=enet
    """
    console: Console = ctx.obj
    chain = Chain.of(read_spec(spec, overrides), spec)
    rows = finding_rows(console)
    context = RunContext(reporter=console.reporter(), on_finding=rows, **run_words(words))
    runner = Runner(chain, context, again=_again(console, spec))
    if dry_run:
        show_plan(console, runner.plan(stages, force=force))
        return

    def tell(step: Step) -> None:
        show_step(console, chain, step)

    outcome = runner.run(stages, force=force, keep_going=words["keep_going"], on_step=tell)
    show_outcome(console, outcome, chain.folder)
    ctx.exit(outcome.exit_code)


command.params.extend(run_options())


def _again(console: Console, spec: Path) -> str:
    """The command that goes on, ready to paste; what --force asked for is remembered, and not begun anew."""
    words = [word for word in console.words if word != "--force"]
    return shlex.join(["labelprep", *(words or ["run", spec.as_posix()])])


def show_plan(console: Console, plan: Outcome) -> None:
    """Shows what would run and why: a table, or a JSON object per stage and the summary."""
    would = [step.stage for step in plan.steps if step.state == "would run"]
    if console.json:
        for step in plan.steps:
            console.row(step_row(step))
        console.result({"type": "summary", "would_run": would})
        return
    console.result(grid(["stage", "state", "why"], [[s.stage, s.state, s.why] for s in plan.steps]))


def step_row(step: Step) -> dict[str, Any]:
    """A step as plain values for JSON."""
    row: dict[str, Any] = {"type": "stage", "stage": step.stage, "use": step.use, "state": step.state}
    if step.why:
        row["why"] = step.why
    if step.error is not None:
        row |= {"exit_code": step.exit_code, "error": {"code": step.error.code, "message": step.error.message}}
    if step.state in ("ran", "failed") and step.result is not None:
        row |= {"seconds": round(step.seconds, 3), "exit_code": step.result.exit_code}
        row |= {"out": None if step.result.out is None else step.result.out.as_posix()}
        row |= {"summary": dict(step.result.summary)}
    return row


def show_step(console: Console, chain: Chain, step: Step) -> None:
    """Shows one stage as soon as it is done: what it found, in full where that stopped the run."""
    if console.json:
        console.row(step_row(step))
        return
    if step.result is None or "severities" not in step.result.summary or step.state not in ("ran", "failed"):
        return
    dataset = chain.dataset(step.stage)
    if step.state == "ran" or dataset is None:
        console.info(f"{step.stage}: {counted(step.result.summary['severities'])}")
    elif step.use == "validate":
        show_validate(console, step.result.summary, dataset.root, step.result.exit_code)
    else:
        show_convert(console, step.result.summary, dataset.root)


def show_outcome(console: Console, outcome: Outcome, folder: Path) -> None:
    """Shows what a run did: its stages, and the class table where masks were converted."""
    summaries = last_summaries(outcome.steps)
    if console.json:
        ran, classes = list(outcome.ran), class_rows(summaries)
        scores = summaries.get("eval", {})
        figures = {"mean_iou": scores.get("metrics", {}).get("mean_iou"), "baseline": scores.get("baseline")}
        summary = {"type": "summary", "exit_code": outcome.exit_code, "ran": ran, "classes": classes}
        console.result(summary | {name: value for name, value in figures.items() if value is not None})
        return
    if outcome.ran:
        cells = [[s.stage, s.state, f"{s.seconds:.1f} s" if s.seconds else "", s.why] for s in outcome.steps]
        console.info(grid(["stage", "state", "time", "why"], cells, right=(2,)))
    else:
        console.info(f"nothing to do: all stages are up to date in {folder.as_posix()}")
    if class_rows(summaries):
        console.result(class_table(summaries))


def last_summaries(steps: Sequence[Step]) -> dict[str, Mapping[str, Any]]:
    """The summary of the last stage of each use that has a result."""
    return {step.use: step.result.summary for step in steps if step.result is not None}

"""`labelprep init DATASET -o SPEC`: looks, then writes a commented spec and, where none lies there, a class table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click

from labelprep.cli.main import run_stage
from labelprep.cli.options import dataset_of, dataset_options, run_words
from labelprep.cli.paths import PlaceType
from labelprep.errors import UsageError

LOOKED_AT: Final = 2000  # masks, spread evenly
FIRST_LOOK: Final = 500  # masks that the new spec is tried on
SCHEMA = "spec.schema.json"  # what `labelprep schema` prints; where it lies beside a spec, editors check with it


@click.command(name="init")
@dataset_options
@click.option("--out", "-o", "spec", type=PlaceType(urls=False, dir_okay=False), required=True, help="Spec to write.")
@click.pass_context
def command(ctx: click.Context, /, spec: Path, **words: Any) -> None:
    """Look at DATASET and write a commented spec that runs as it stands. Nothing is ever overwritten.

    Where no class table lies beside the data, one is made of the values found in the masks, for you to name, and
    written beside the spec. What only you can know is an error that says so.

    \b
    Example:
      labelprep init data/sample -o pipelines/mine.yaml \\
        --classes data/classes/street.yaml --ignore void
    """
    from labelprep.inspection import inspect_dataset
    from labelprep.proposal import group_note, propose_classes, spec_text, void_classes
    from labelprep.spec import ValidateStage
    from labelprep.stages.dataset import discovered, table_of
    from labelprep.storage.atomic import write_atomic
    from labelprep.storage.scratch import scratch

    beside = spec.with_name(f"{spec.stem}.classes.yaml")
    _refuse_existing(spec, beside)
    dataset, reporter = dataset_of(words), ctx.obj.reporter()
    with scratch() as workdir:
        plan = discovered(dataset, workdir, reporter)
        found = inspect_dataset(
            plan,
            None,
            max_pixels=dataset.max_pixels,
            on_mask=lambda done, total: reporter.progress("look", done, total),
            looked_at=LOOKED_AT,
        )
        groups = group_note(sample.key for sample in plan.samples())
    given = {name: value for name, value in dataset.model_dump(exclude_unset=True).items() if value is not None}
    table_text = None
    if dataset.classes or plan.class_table_candidates:
        source = given["classes"] = table_of(dataset, plan).source
        why = "as given" if dataset.classes else f"{source}, which lies beside the data"
        why = f"{source}, which the layout suggests" if source.startswith("preset:") and not dataset.classes else why
    else:
        proposal = propose_classes(found)
        why, table_text = proposal.why, proposal.table
        given["classes"] = proposal.preset or str(beside)
        given |= {"map": proposal.map} if proposal.map else {}
    if table_text is not None:
        write_atomic(beside, table_text.encode())
    tried = dataset_of(words | given)
    ignore = () if dataset.ignore else void_classes(table_of(tried, plan))
    given |= {"ignore": ignore} if ignore else {}
    given = {"root": dataset.root, "layout": plan.layout} | given  # as told by the look
    build = f"build/{spec.stem}"
    text = spec_text(found, given, spec=spec, classes_why=why, ignore=ignore, build=build, groups=groups)
    if spec.with_name(SCHEMA).exists():
        text = f"# yaml-language-server: $schema={SCHEMA}\n{text}"
    write_atomic(spec, text.encode())
    first = dataset_of(words | given | {"limit": dataset.limit or FIRST_LOOK})
    result = run_stage(ctx, "validate", ValidateStage(), dataset=first, **run_words(words))
    written = [str(spec), *([str(beside)] if table_text else [])]
    if ctx.obj.json:
        summary = {"spec": str(spec), "written": written, "classes": why, "first_look": dict(result.summary)}
        ctx.obj.result({"type": "summary", "exit_code": 0, **summary})
    else:
        ctx.obj.result(_told(written, why, result.summary, spec))


def _refuse_existing(*paths: Path) -> None:
    for path in paths:
        if path.exists():
            message = "exists, and init never overwrites"
            raise UsageError(message, path=path, hint="choose another name for -o, or remove the file")


def _told(written: list[str], why: str, first: Mapping[str, Any], spec: Path) -> str:
    from labelprep.cli.summaries import counted, describe_findings

    severe = [group for group in first["findings"] if group["severity"] == "error"]
    lines = [f"wrote {' and '.join(written)}", f"  classes: {why}"]
    lines += [f"  a first look at {first['masks']:,} masks: {counted(first['severities'])}"]
    if severe:
        return "\n".join([*lines, *describe_findings(severe), f"decide these in {spec}, then: labelprep run {spec}"])
    return "\n".join([*lines, f"next: labelprep run {spec}"])

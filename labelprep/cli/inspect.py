"""`labelprep inspect DATASET`: a first look; writes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from labelprep.cli.options import dataset_of, dataset_options
from labelprep.cli.tables import grid
from labelprep.errors import ClassTableError

MOST_ROWS = 40


@click.command(name="inspect")
@dataset_options
@click.pass_context
def command(ctx: click.Context, /, **words: Any) -> None:
    """Look at DATASET: layout, pairs, modes, colours found, colour order.

    \b
    Example:
      labelprep inspect data/sample
    """
    from labelprep.inspection import inspect_dataset
    from labelprep.stages.dataset import discovered, table_of
    from labelprep.storage.scratch import scratch

    dataset = dataset_of(words)
    with scratch() as workdir:
        plan = discovered(dataset, workdir, ctx.obj.reporter())
        table, problem = None, None
        try:
            table = table_of(dataset, plan)
        except ClassTableError as error:
            if dataset.classes is not None:
                raise
            problem = str(error)
        reporter = ctx.obj.reporter()
        found = inspect_dataset(
            plan,
            table,
            max_pixels=dataset.max_pixels,
            on_mask=lambda done, total: reporter.progress("inspect", done, total),
        )
    if ctx.obj.json:
        ctx.obj.result({"type": "summary", **found, "class_table_problem": problem})
    else:
        ctx.obj.result(describe(found, words["root"], problem))


def describe(found: Mapping[str, Any], root: Path, problem: str | None) -> str:
    """What was found, for people."""
    splits = ", ".join(f"{name} {n:,}" for name, n in found["splits"].items())
    looked = "" if found["looked_at"] == found["masks"] else f" ({found['looked_at']:,} of them opened)"
    rows = found["values"][:MOST_ROWS]
    cells = [
        [_shown(r["value"]), r.get("class") or "-", f"{r['pixels']:,}", f"{r['masks']:,}", r["example"]] for r in rows
    ]
    lines = [
        f"{root}: {found['masks']:,} masks{looked}, {found['pairs']:,} with an image"
        + (f"; {splits}" if splits else ""),
        f"  layout       {found['why']}",
        f"  modes        {_counts(found['modes'])}",
        f"  sizes        {_counts(found['sizes'])}",
        f"  class table  {problem or ', '.join(found['class_tables']) or 'as given'}",
    ]
    if found["color_order"]:
        lines.append(f"  colour order {_counts(found['color_order'])}")
    lines += [f"  unreadable   {text}" for text in found["unreadable"][:3]]
    lines.append(grid(["value", "class", "pixels", "masks", "example"], cells, right=(2, 3)))
    hidden = len(found["values"]) - len(rows) + found["more_values"]
    if hidden:
        lines.append(f"and {hidden:,} more values (--json lists them)")
    return "\n".join(lines)


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return value or "(under no shape)"
    return f"id {value}" if isinstance(value, int) else ",".join(map(str, value))


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} ({n:,})" for name, n in counts.items())

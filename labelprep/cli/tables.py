"""Tables for the reader of a terminal. Takes plain values, gives text."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from labelprep.cli.printable import in_line

Summary = Mapping[str, Any]


def class_rows(summaries: Mapping[str, Summary]) -> list[dict[str, Any]]:
    """One row per class: id, name, pixels, share, weighed pixels, weight, IoU; None where no stage gave the figure.

    The pixels are those of all masks; `weighed` are those that the weight was made from, perhaps of one split only.

    Args:
        summaries: of the stages `convert`, `weights` and `eval`, by use; any of them may be missing.
    """
    scheme = summaries.get("weights", {})
    weights, weighed = scheme.get("weights", ()), scheme.get("pixels", ())
    scores = {row["id"]: row["iou"] for row in summaries.get("eval", {}).get("metrics", {}).get("classes", ())}
    return [
        {
            "id": row["id"],
            "name": row["name"],
            "pixels": row["pixels"],
            "share": row["share"],
            "weighed": weighed[row["id"]] if row["id"] < len(weighed) else None,
            "weight": weights[row["id"]] if row["id"] < len(weights) else None,
            "iou": scores.get(row["id"]),
        }
        for row in summaries.get("convert", {}).get("classes", ())
    ]


def class_table(summaries: Mapping[str, Summary]) -> str:
    """The class table with pixels, share, weight and IoU, and the mean IoU beside the majority class's.

    Where the weights were made from one split, its pixels have a column of their own.

    Args:
        summaries: as `class_rows`; columns that nobody filled are left out.
    """
    rows = class_rows(summaries)
    kinds = {"pixels": "{:,}", "share": "{:.2%}", "weighed": "{:,}", "weight": "{:.4g}", "iou": "{:.3f}"}
    shown = [kind for kind in kinds if any(row[kind] is not None for row in rows)]
    if "weighed" in shown and all(row["weighed"] in (row["pixels"], None) for row in rows):
        shown.remove("weighed")
    heads = ["id", "class", *({"iou": "IoU", "weighed": _weighed(summaries)}.get(kind, kind) for kind in shown)]
    cells = [[str(row["id"]), row["name"], *(_cell(kinds[kind], row[kind]) for kind in shown)] for row in rows]
    text = grid(heads, cells, right=range(2, len(heads)))
    means = mean_iou(summaries.get("eval", {}))
    return f"{text}\n{means}" if means else text


def _weighed(summaries: Mapping[str, Summary]) -> str:
    split = summaries.get("weights", {}).get("split")
    return "weighed" if split is None else f"in {split}"


def _cell(form: str, value: float | None) -> str:
    return "-" if value is None else form.format(value)


def mean_iou(summary: Summary) -> str:
    """The model's mean IoU beside that of always predicting the majority class; empty where nothing was scored."""
    model = summary.get("metrics", {}).get("mean_iou")
    baseline = (summary.get("baseline") or {}).get("mean_iou")
    if model is None:
        return ""
    beside = "" if baseline is None else f" (majority-class baseline: {baseline:.3f})"
    return f"mean IoU: {model:.3f}{beside}"


def grid(heads: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> str:
    """Text in columns.

    Args:
        heads: one per column.
        rows: cells, as many per row.
        right: columns that are aligned to the right.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for i, head in enumerate(heads):
        table.add_column(head, justify="right" if i in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(in_line(cell)) for cell in row))
    console = Console(file=io.StringIO(), width=max(80, _width(heads, rows)), color_system=None)
    console.print(table)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())  # type: ignore[attr-defined]


def _width(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    from rich.cells import cell_len

    return sum(max(cell_len(cell) for cell in column) + 3 for column in zip(heads, *rows, strict=True))

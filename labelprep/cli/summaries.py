"""What validate, convert and inspect print for people: one screen, findings by kind with cause and mend."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from labelprep.cli.output import Console
from labelprep.cli.printable import in_line
from labelprep.cli.tables import class_table
from labelprep.findings import Finding

MARKS = {"error": "ERROR", "warning": "WARN ", "note": "note "}


def finding_rows(console: Console) -> Callable[[Finding], None] | None:
    """Shows every finding: one JSON object each with --json, a line each on stderr with -v, else none."""

    def row(finding: Finding) -> None:
        console.row({"type": "finding", **finding.to_dict()})

    def line(finding: Finding) -> None:
        where = f"{finding.path}: " if finding.path and finding.path not in finding.message else ""
        console.info(f"{MARKS[finding.severity]} {in_line(where + finding.message)}  [{finding.code}]")

    return row if console.json else line if console.verbose else None


def describe_findings(groups: Sequence[Mapping[str, Any]]) -> list[str]:
    """One paragraph a kind: severity, title, how many, three examples, cause and mend."""
    lines = []
    for group in groups:
        count = (
            f"{group['count']:,} in {group['files']:,} files" if group["files"] != group["count"] else group["files"]
        )
        pixels = f", {group['pixels']:,} pixels" if group["pixels"] else ""
        lines.append(f"{MARKS[group['severity']]} {group['title']}: {count}{pixels}  [{group['code']}]")
        for example in group["examples"]:
            where = f"{example['path']}: " if example.get("path") and example["path"] not in example["message"] else ""
            lines.append(f"        e.g. {in_line(where + example['message'])}")
        lines.append(f"      cause: {group['cause']}")
        if group["fix"]:
            lines.append(f"      mend:  {group['fix']}")
    return lines


def counted(severities: Mapping[str, int]) -> str:
    """How many findings of each severity, in words.

    >>> counted({"error": 1, "warning": 0, "note": 2})
    '1 error, 2 notes'
    """
    parts = [f"{n:,} {name}{'s' if n != 1 else ''}" for name, n in severities.items() if n]
    return ", ".join(parts) or "no findings"


def _read_as(summary: Mapping[str, Any]) -> list[str]:
    """How the folders were read, which class table was taken, and whether a class seems to mean "no label"."""
    from labelprep.proposal import VOID_NAMES

    lines = [f"  {summary['why']}", f"  class table: {summary['class_table']}"]
    if void := [row["name"] for row in summary["classes"] if row["name"].casefold() in VOID_NAMES]:
        option = " ".join(f"--ignore {shlex.quote(name)}" for name in void)
        lines.append(f"  {', '.join(map(repr, void))} counts as a class; if it means no label: {option}")
    return lines


def digest(lines: Sequence[str], groups: Sequence[Mapping[str, Any]], closing: Sequence[str]) -> str:
    """What a long report said, in a few lines: its head, every kind of finding with its count, and its end.

    >>> kinds = [{"severity": "error", "code": "damaged-file", "count": 2}]
    >>> print(digest(["data: 9 masks", "..."], kinds, ["2 errors; exit 1"]))
    ----
    data: 9 masks
    ERROR damaged-file 2
    2 errors; exit 1
    """
    by_severity = dict[str, list[str]]()
    for group in groups:
        by_severity.setdefault(group["severity"], []).append(f"{group['code']} {group['count']:,}")
    kinds = [f"{MARKS[severity].strip()} {', '.join(codes)}" for severity, codes in by_severity.items()]
    return "\n".join(["----", lines[0], *kinds, *closing])


def show_validate(console: Console, summary: Mapping[str, Any], root: object, exit_code: int) -> None:
    """Shows the report of `validate`; where it is longer than the screen, once more in short."""
    text = describe_validate(summary, root, exit_code)
    console.result(text)
    if console.scrolls(text):
        lines = text.splitlines()
        console.result(digest(lines, summary["findings"], lines[-1:]))


def show_convert(console: Console, summary: Mapping[str, Any], root: object) -> None:
    """Shows the report of `convert`; where it is longer than the screen, once more in short."""
    text = describe_convert(summary, root)
    console.result(text)
    if console.scrolls(text):
        console.result(digest(text.splitlines(), summary["findings"], _end_of_convert(summary)))


def describe_validate(summary: Mapping[str, Any], root: object, exit_code: int) -> str:
    """The report of `validate`."""
    order = summary["color_order"]
    told = ", ".join(f"{n} {'either way' if k == 'either' else k}" for k, n in order.items())
    lines = [
        f"{root}: {summary['masks']:,} masks, {summary['good']:,} good, {summary['bad']:,} with errors"
        + (f"; colour order: {told}" if told else ""),
        *_read_as(summary),
        *describe_findings(summary["findings"]),
        f"{counted(summary['severities'])}; exit {exit_code}",
    ]
    return "\n".join(lines)


def _news(summary: Mapping[str, Any]) -> str:
    """What this run did to a folder that had been converted before; nothing of a first run."""
    if summary["retried_now"]:
        return f"; {summary['retried_now']:,} that failed before were tried again"
    return "" if summary["converted_now"] or summary["removed_now"] else "; nothing changed"


def describe_convert(summary: Mapping[str, Any], root: object) -> str:
    """The report of `convert`."""
    lines = [
        f"{root}: {summary['written']:,} of {summary['masks']:,} masks in {summary['out']}" + _news(summary),
        *_read_as(summary),
        *describe_findings(summary["findings"]),
        class_table({"convert": summary}),
        *_end_of_convert(summary),
    ]
    return "\n".join(lines)


def _end_of_convert(summary: Mapping[str, Any]) -> list[str]:
    lines = [f"ignored: {summary['ignored']:,} of {summary['pixels']:,} pixels"]
    if summary["left_out"]:
        lines.append(
            f"{summary['left_out']:,} files or names were left out; {summary['out']}/findings.jsonl lists them; exit 3"
        )
    if summary["failed"]:
        lines.append(
            f"{summary['failed']:,} masks were not written; {summary['out']}/manifest.jsonl lists them; exit 3\n"
            "mend them, or choose an option above, and run again: what is done and has not changed is not read again"
        )
    return lines

"""validate: every fault of every file, grouped by kind. Reads everything, writes findings and no masks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import Any

from labelprep import suspects
from labelprep.findings import Finding, at_or_above
from labelprep.ledger import Ledger
from labelprep.lookalikes import leaks
from labelprep.publish import Totals, class_rows, gather
from labelprep.spec import ValidateStage
from labelprep.stages import Inputs, RunContext, StageResult
from labelprep.stages._progress import Late
from labelprep.stages.dataset import Job, context_of, grouped, job, work
from labelprep.storage.atomic import write_lines
from labelprep.storage.place import Place

VERSION = 1


def run(params: ValidateStage, inputs: Inputs, context: RunContext) -> StageResult:
    """Looks at every sample of the dataset and reports what is wrong.

    Args:
        params: `fail_on` decides the exit code; `suspects` adds what an evaluation wrote, `similar` images that look
            alike in two splits; `out`, where given, gets `findings.jsonl` and `summary.json`.
        inputs: not used.
        context: the dataset, and where to work.

    Raises:
        UsageError: for suspects that cannot be read.
        LayoutError: no pairs, or a doubtful layout.
        ClassTableError: no class table, or one that does not decide.
    """
    dataset = params.dataset_of(context.dataset)
    with job(dataset, context.reporter) as this, closing(Ledger(this.workdir)) as ledger:
        work("validate", this, context_of(dataset, this.table, out=None), ledger, context)
        totals = Totals(len(this.table))
        digest = hashlib.sha256()

        def line_of(finding: Finding) -> str:
            line = json.dumps(finding.to_dict(), ensure_ascii=False)
            digest.update(line.encode())
            return line

        folder = params.out or this.workdir
        lines = Late(context.reporter, "gather", len(this.plan))
        findings = gather(this.plan, this.table, ledger, this.workdir, totals, lambda _: lines(), lambda: lines(0))
        doubts = _suspects(params.suspects, ledger, totals, context) if params.suspects else ()
        alike = _alike(params.similar, this, dataset.max_pixels, totals, context)
        write_lines(folder / "findings.jsonl", map(line_of, chain(findings, alike, doubts)))
        lines.end()
        groups = grouped(read_findings(folder), context.on_finding)
        summary = _summary(totals, groups) | {
            "layout": this.plan.layout,
            "why": this.plan.why,
            "class_table": this.table.source,
            "classes": class_rows(totals.counts, this.table),
        }
        if params.out is not None:
            write_lines(params.out / "summary.json", [json.dumps(summary, indent=1, ensure_ascii=False)])
    failed = any(at_or_above(group["severity"], params.fail_on) for group in groups)
    return StageResult(params.out, digest.hexdigest(), summary, exit_code=1 if failed else 0)


def _alike(distance: int | None, this: Job, max_pixels: int, totals: Totals, context: RunContext) -> Iterator[Finding]:
    """Images that look alike in two splits."""
    if distance is None:
        return
    if len(this.plan.split_counts()) < 2:
        context.reporter.message("--similar compares splits, and the dataset names fewer than two; nothing to compare")
        return
    lines = Late(context.reporter, "compare images", len(this.plan))
    yield from map(totals.see, leaks(this.plan, distance, max_pixels, lines))
    lines.end()


def _suspects(place: Path, ledger: Ledger, totals: Totals, context: RunContext) -> Iterator[Finding]:
    """The labels that a model contradicts, of masks that are still those that it was evaluated on."""
    here = past = 0
    for suspect in suspects.read(place):
        if suspect.finding.key is not None and ledger.digest(suspect.finding.key) == suspect.sha256:
            here += 1
            yield totals.see(suspect.finding)
        else:
            past += 1
    if not here and not past:
        why = "the evaluation found no label that the model contradicts (eval --suspect-pixels, --suspect-below)"
        context.reporter.message(f"{suspects.find(place)} holds no suspects: {why}")
    if past:
        context.reporter.message(
            f"{place}: {past:,} suspect labels are of masks that changed since, or are not here; evaluate again"
        )


def read_findings(folder: Place) -> Any:
    """The findings in `folder/findings.jsonl`, streamed."""
    with (folder / "findings.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            yield Finding.from_dict(json.loads(line))


def _summary(totals: Totals, groups: list[dict[str, Any]]) -> dict[str, Any]:
    severities = {name: totals.severities[name] for name in ("error", "warning", "note")}
    return {
        "masks": totals.masks,
        "good": totals.written,
        "bad": totals.masks - totals.written,
        "severities": severities,
        "color_order": dict(sorted(totals.votes.items())),
        "findings": groups,
        "pixels": totals.counts.total,
        "ignored": totals.counts.ignored,
    }

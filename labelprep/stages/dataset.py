"""What validate and convert share: from the words of a dataset to plan, class table and context, and the run itself."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelprep.classes import ClassTable
from labelprep.errors import ClassTableError, UsageError
from labelprep.execution import Limits, Watch, Weigher, backend, batches
from labelprep.findings import CATALOGUE, SEVERITIES, Finding
from labelprep.formats.class_tables import load_table, presets
from labelprep.ledger import Ledger
from labelprep.prepare import Context, prepare_dataset
from labelprep.spec import DatasetSpec
from labelprep.stages import Reporter, RunContext
from labelprep.stages._progress import Late
from labelprep.steps.discover import Plan, Sample, discover
from labelprep.steps.meaning import Habits
from labelprep.storage.place import Place, Remote
from labelprep.storage.scratch import scratch

DRAWN = 2_000_000  # weight of an annotation in pixels: about four milliseconds


@dataclass(frozen=True)
class Job:
    """A dataset, looked through and ready to be worked on.

    Attributes:
        plan: its samples.
        table: its class table.
        workdir: a folder for tables on disk; gone when the job is over.
    """

    plan: Plan
    table: ClassTable
    workdir: Path


def discovered(dataset: DatasetSpec, workdir: Path, reporter: Reporter) -> Plan:
    """The plan of a dataset, as `discover` makes it in `workdir`; says how many files are found while it looks."""
    found = Late(reporter, "files found")
    plan = discover(dataset, workdir, found)
    found.end()
    return plan


@contextmanager
def job(dataset: DatasetSpec, reporter: Reporter) -> Iterator[Job]:
    """Discovers the samples and loads the class table.

    Args:
        dataset: where it lies and how to read it.
        reporter: is told how many files are found, where that takes a while.

    Raises:
        LayoutError: no pairs, or a doubtful layout.
        ClassTableError: no class table, or one that does not decide.
        EnvironmentFailure: no room for the tables of the run.
    """
    with scratch() as workdir:
        plan = discovered(dataset, workdir, reporter)
        try:
            yield Job(plan, table_of(dataset, plan), workdir)
        finally:
            gc.unfreeze()  # what `work` froze


def table_of(dataset: DatasetSpec, plan: Plan) -> ClassTable:
    """The class table that the dataset names, or the only one that lies beside it.

    Raises:
        ClassTableError: no class table, several, or one that does not decide.
    """
    classes = dataset.classes or plan.class_table
    if classes is None:
        found = ", ".join(plan.class_table_candidates)
        message = f"several class tables lie beside the data: {found}" if found else "no class table beside the data"
        raise ClassTableError(
            message,
            path=dataset.root,
            hint=f"name one: --classes FILE, or --classes preset:NAME ({', '.join(presets())}); "
            f"or let the masks propose one: labelprep init {dataset.root} -o SPEC",
        )
    table = load_table(
        classes,
        ignore=dataset.ignore,
        maps=dataset.map,
        on_duplicate_color=dataset.on_duplicate_color,
        renumber=dataset.renumber,
        index_output=dataset.mask_mode == "index",
    )
    wanted = dataset.reduce_zero_label
    return table.with_zero_ignored() if (plan.zero_ignored if wanted is None else wanted) else table


def context_of(dataset: DatasetSpec, table: ClassTable, *, out: Place | None, link: str = "none") -> Context:
    """How every sample of the dataset is prepared.

    Raises:
        ClassTableError: where `on_unknown` maps to a class that the table does not have.
    """
    word, _, name = dataset.on_unknown.partition(":")
    if word == "map":
        try:
            table.id_of(name)
        except ClassTableError as error:
            message = f"--on-unknown {dataset.on_unknown}: {error.message} (classes: {', '.join(table.names)})"
            merged = [pair.partition("=") for pair in dataset.map if pair.partition("=")[0] == name]
            if merged:
                to = merged[0][2]
                message = f"--on-unknown {dataset.on_unknown}: --map {name}={to} made {name!r} part of {to!r}"
                raise ClassTableError(message, path=table.source, hint=f"--on-unknown map:{to}") from None
            raise ClassTableError(message, path=table.source) from None
    habits = Habits(dataset.color_order, dataset.palette_meaning, dataset.alpha, dataset.on_unknown)
    return Context(
        table=table,
        habits=habits,
        out=out,
        max_pixels=dataset.max_pixels,
        mask_mode=dataset.mask_mode,
        palette=dataset.palette,
        png_level=dataset.png_level,
        exif_rotate=dataset.exif_rotate,
        link=link,
    )


def work(what: str, job: Job, context: Context, ledger: Ledger, run: RunContext) -> None:
    """Prepares every sample that the ledger does not hold, where `run` says, with progress.

    Raises:
        EnvironmentFailure: cluster unreachable, output not writable.
    """
    total, complete = len(job.plan), False

    def tell(ledger: Ledger = ledger) -> None:
        nonlocal complete
        if complete:  # it was said
            return
        complete = ledger.done == total
        errors, warnings = ledger.severities["error"], ledger.severities["warning"]
        run.reporter.progress(what, ledger.done, total, errors=errors, warnings=warnings)

    def group(samples: Iterable[tuple[int, Sample]]) -> Iterator[tuple[tuple[int, Sample], ...]]:
        weigh = Weigher()

        def weight(pair: tuple[int, Sample]) -> int:
            return DRAWN if pair[1].form else weigh(pair[1].mask, pair[1].mask_size)

        return batches(samples, weight, total=total)

    run.reporter.progress(what, 0, total)
    watch = Watch(on_wait=tell, say=run.reporter.message)
    scheduler, limits = _for_memory(job, context, run)
    with backend(scheduler, run.jobs, total, limits=limits, tls=run.tls, watch=watch) as mapper:
        gc.freeze()  # looking through all that was imported, again and again, took a tenth of the driver's time
        prepare_dataset(job.plan, context, ledger, mapper=mapper, group=group, on_batch=tell)
    tell()  # where all of it was recalled, no batch told so


def _for_memory(job: Job, context: Context, run: RunContext) -> tuple[str, Limits | None]:
    """Where to work: what `memory://` holds, no other process sees.

    Raises:
        UsageError: where other processes were asked for.
    """
    places = [context.out, *(folder for folder, _ in job.plan.folders)]
    if not any(isinstance(place, Remote) and place.scheme == "memory" for place in places):
        return run.scheduler, run.limits
    if run.scheduler not in ("auto", "inline"):
        message = f"other processes do not see memory://, so scheduler {run.scheduler} cannot work on it"
        raise UsageError(message, hint="--scheduler inline")
    return "inline", None


def grouped(findings: Iterable[Finding], each: Callable[[Finding], None] | None = None) -> list[dict[str, Any]]:
    """Findings by kind: code, severity, title, count, files, pixels, three examples, cause and mend.

    Args:
        findings: `Finding`s in order.
        each: called with every finding.
    """
    groups: dict[tuple[str, str], dict[str, Any]] = {}
    for finding in findings:
        if each is not None:
            each(finding)
        kind = CATALOGUE[finding.code]
        group = groups.setdefault(
            (finding.code, finding.severity),
            {
                "code": finding.code,
                "severity": finding.severity,
                "title": kind.title,
                "count": 0,
                "files": 0,
                "pixels": 0,
                "cause": kind.cause,
                "fix": finding.fix or kind.fix,
                "examples": [],
            },
        )
        group["count"] += 1
        group["pixels"] += finding.pixels or 0
        if finding.key is None or group.get("_last") != finding.key:
            group["files"] += 1
            group["_last"] = finding.key
            if len(group["examples"]) < 3:
                group["examples"].append(finding.to_dict())
    for group in groups.values():
        group.pop("_last", None)
    return sorted(groups.values(), key=lambda g: (SEVERITIES.index(g["severity"]), -g["files"], g["code"]))

"""convert: raw masks to a prepared folder, exact, counted on the way, safe to interrupt and resume."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from typing import Any

import orjson

from labelprep.errors import EnvironmentFailure, UsageError, naming
from labelprep.formats.polygons.forms import COLLECTED
from labelprep.journal import FORMER, put_aside
from labelprep.ledger import Ledger
from labelprep.prepare import Context
from labelprep.prepared import SCHEMA_VERSION, STATE, Prepared, mark_unfinished
from labelprep.publish import PASSES, class_rows, publish, versions
from labelprep.spec import ConvertStage
from labelprep.stages import Inputs, RunContext, StageResult
from labelprep.stages._progress import Late
from labelprep.stages.dataset import context_of, grouped, job, work
from labelprep.steps.discover import Plan
from labelprep.storage.atomic import confined, discard, write_atomic
from labelprep.storage.lock import exclusive
from labelprep.storage.place import Place, Remote, is_below, keep_apart, refuse_unwritable
from labelprep.verify import verify

VERSION = 1
LEFT_OUT = (
    "mask-missing",
    "name-collision",
    "two-masks",
    "unreadable-file",
)  # errors of files that never become samples


def run(params: ConvertStage, inputs: Inputs, context: RunContext) -> StageResult:
    """Converts the dataset into `params.out`; goes on where an earlier run of the same kind stopped.

    Args:
        params: `out` and how images get there.
        inputs: not used.
        context: the dataset, and where to work.

    Raises:
        UsageError: no `out`, or it holds something else.
        LayoutError: no pairs, or a doubtful layout.
        ClassTableError: no class table, or one that does not decide.
        EnvironmentFailure: the folder is not writable or another run holds it.
    """
    out = params.out
    if out is None:
        message = "convert needs a folder to write to"
        raise UsageError(message, hint="-o OUT, or `out:` in the spec")
    dataset = params.dataset_of(context.dataset)
    refuse_unwritable(out)
    with job(dataset, context.reporter) as this:
        how = context_of(dataset, this.table, out=out.resolve(), link=params.link)
        _refuse_foreign(out, dataset.root, _searched(this.plan))
        _refuse_links(out)
        with exclusive(out) as still_ours:
            trust = _claim(out, how, context, dataset.limit) and (not context.mend or _mend(out, context))
            journal = Late(context.reporter, "lines of the journal")
            with closing(Ledger(this.workdir, out, trust=trust and not context.rehash, tell=journal)) as ledger:
                ledger.still_ours = still_ours
                journal.end()
                if trust and not context.rehash:
                    _tell_retries(out, context)
                work("convert", this, how, ledger, context)
                lines = Late(context.reporter, "publish", PASSES * len(this.plan))
                totals = publish(this.plan, how, out, ledger, this.workdir, lines, rehash=context.rehash)
                lines.end()
        left_out = sum(f.severity == "error" and f.code in LEFT_OUT for f in this.plan.findings())
    prepared = Prepared.open(out)
    summary = {
        "out": str(out),
        "layout": this.plan.layout,
        "why": this.plan.why,
        "class_table": this.table.source,
        "masks": totals.masks,
        "written": totals.written,
        "failed": totals.masks - totals.written,
        "left_out": left_out,
        "converted_now": ledger.fresh,
        "retried_now": ledger.retried,
        "removed_now": totals.removed,
        "severities": {name: totals.severities[name] for name in ("error", "warning", "note")},
        "findings": grouped(prepared.findings(), context.on_finding),
        "classes": class_rows(totals.counts, this.table),
        "ignored": totals.counts.ignored,
        "pixels": totals.counts.total,
    }
    return StageResult(out, prepared.identity, summary, exit_code=3 if left_out or summary["failed"] else 0)


def _mend(out: Place, context: RunContext) -> bool:
    """Removes masks that are not what was written, so that they are made again; whether the others can be trusted."""
    try:
        prepared = Prepared.open(out)
        total = int(prepared.info["masks"])
        found = verify(prepared, lambda done: context.reporter.progress("looking for changes", done, total))
        keys = {finding.key for finding in found if finding.key is not None}
    except (UsageError, FileNotFoundError):  # the manifest itself is not what it was
        return False
    for key in keys:
        discard(prepared.mask_path(key))
    if keys:
        told = f"{len(keys):,} masks" if len(keys) > 1 else "1 mask"
        context.reporter.message(f"{told} changed or removed by somebody else, such as {min(keys)}: made again")
    return True


def _tell_retries(out: Place, context: RunContext) -> None:
    """Says how many masks failed when this folder was last finished."""
    try:
        failed = Prepared.open(out).info["failed"]
    except UsageError:  # it was not finished
        return
    if failed:
        masks = "1 mask" if failed == 1 else f"{failed:,} masks"
        text = f"{masks} failed last time: what changed since, or could not be read, is tried again, and nothing else"
        context.reporter.message(text)


def _refuse_foreign(out: Place, root: Place, sources: Sequence[Place]) -> None:
    """Nothing of anybody else's is ever overwritten, and no output becomes the input of the next run."""
    if out.is_file():
        message = "is a file; convert writes a folder"
        raise UsageError(message, path=out)
    if out.resolve() == root.resolve() or is_below(root.resolve(), (out / "masks").resolve()):
        message = f"the output would lie over the dataset {root}"
        raise UsageError(message, path=out, hint="choose another folder: -o OUT")
    for folder in sources:
        keep_apart(out, folder, "where masks and images are looked for")
    if out.is_dir() and not (out / STATE).exists() and not _is_empty(out):
        message = "the folder is not empty and no prepared folder"
        raise UsageError(message, path=out, hint="choose a new or empty folder: -o OUT")


def _refuse_links(out: Place) -> None:
    """A folder that somebody handed over may hold links; nothing is written through them."""
    if isinstance(out, Remote):
        return
    for name in ("masks", "images", STATE):
        confined(out, out / name / "any")
    for name in ("journal.jsonl", FORMER):
        if (out / STATE / name).is_symlink():
            message = "is a link; nothing is written through it"
            raise UsageError(message, path=out / STATE / name, hint="remove it, or choose another folder: -o OUT")


def _is_empty(folder: Place) -> bool:
    return not folder.is_dir() if isinstance(folder, Remote) else not any(folder.iterdir())


def _searched(plan: Plan) -> list[Place]:
    """The folders of masks and images that discovery looks through; listed pairs name their files."""
    return [] if plan.layout in ("pairs", "camvid", *COLLECTED) else [folder for folder, _ in plan.folders]


def _claim(out: Place, how: Context, context: RunContext, limit: int | None) -> bool:
    """Says in the folder which run it belongs to; whether what it holds can be trusted.

    Raises:
        UsageError: where it holds another run and that may not be replaced.
    """
    mine = {"options": how.options(), "table": how.table.to_dict(), "versions": versions(), "schema": SCHEMA_VERSION}
    if limit is not None:  # or a trial of five masks in the same folder would sweep all the others away
        mine["limit"] = limit
    text = orjson.dumps(mine, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)
    path = out / STATE / "run.json"
    try:
        with naming(path):
            theirs: dict[str, Any] | None = json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        theirs = None
    theirs = theirs if isinstance(theirs, dict) else None
    same = theirs == orjson.loads(text)
    if theirs is not None and not same and not (context.overwrite or context.chained):
        message = f"holds another run ({_difference(theirs, mine)})"
        raise UsageError(message, path=out, hint="--overwrite starts anew; or choose another folder: -o OUT")
    if same and not context.overwrite:
        return True
    mark_unfinished(out)
    try:
        put_aside(out)
    except OSError as error:
        message = f"cannot be replaced: {error.strerror or error}"
        raise EnvironmentFailure(message, path=out) from error
    write_atomic(path, text)
    return False


def _difference(theirs: dict[str, Any], mine: dict[str, Any]) -> str:
    if theirs.get("table") != mine["table"]:
        return "another class table"
    if theirs.get("limit") != mine.get("limit"):
        return f"limit was {theirs.get('limit')}, is {mine.get('limit')}"
    for part in ("options", "versions"):
        for name, value in mine[part].items():
            if (before := theirs.get(part, {}).get(name)) != value:
                return f"{name} was {before!r}, is {value!r}"
    return "another version"

"""Pages, plots and tables about what earlier stages wrote."""

from __future__ import annotations

from labelprep.errors import UsageError
from labelprep.report.write import write_report
from labelprep.spec import ReportStage
from labelprep.stages import Inputs, RunContext, StageResult
from labelprep.storage.place import Place, on_disk

VERSION = 2

READ = ("convert", "train", "eval")


def run(params: ReportStage, inputs: Inputs, context: RunContext) -> StageResult:
    """Writes the report of `params.sources`, or of all that convert, train and eval stages before it wrote.

    Raises:
        UsageError: nothing to report on, or no folder to write to.
        MismatchError: sources with different class tables.
        MissingExtraError: without matplotlib or jinja2.
        EnvironmentFailure: disk full, no permission.
    """
    earlier = tuple(r.out for use, r in inputs.results if use in READ and r.out is not None)
    folders: tuple[Place, ...] = params.sources or earlier
    if not folders:
        message = "report has nothing to report on"
        raise UsageError(message, hint="name stages under `from`, or folders under `sources`")
    if params.out is None:
        message = "report needs a folder to write to"
        raise UsageError(message, hint="give it one: -o DIR, or `out:` in a spec")
    out = on_disk(params.out, "a report")
    report = write_report(folders, out)
    values = report.values
    context.reporter.message(f"{values['verdict']['text']}: {out / 'index.html'}")
    summary = {key: values[key] for key in ("verdict", "metrics", "baseline", "classes", "plots", "pages")}
    return StageResult(out, report.identity, summary)

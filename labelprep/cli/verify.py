"""`labelprep verify OUT`: is the prepared folder what its manifest says?"""

from __future__ import annotations

import click

from labelprep.cli.paths import ANYWHERE
from labelprep.cli.summaries import describe_findings, finding_rows
from labelprep.storage.place import Place


@click.command(name="verify")
@click.argument("out", type=ANYWHERE)
@click.pass_context
def command(ctx: click.Context, /, out: Place) -> None:
    """Read every mask of the prepared folder OUT again and compare it with the manifest.

    Exit code 1 where something is missing, changed or not in the manifest.

    \b
    Example:
      labelprep verify build/street
    """
    from labelprep.prepared import Prepared
    from labelprep.stages.dataset import grouped
    from labelprep.verify import verify

    prepared = Prepared.open(out)
    total, reporter = int(prepared.info["masks"]), ctx.obj.reporter()
    rows = finding_rows(ctx.obj) if ctx.obj.json else None
    groups = grouped(verify(prepared, lambda done: reporter.progress("verify", done, total)), rows)
    code = 1 if groups else 0
    if ctx.obj.json:
        ctx.obj.result({"type": "summary", "exit_code": code, "masks": total, "findings": groups})
    else:
        state = "differs from its manifest" if groups else "is what its manifest says"
        ctx.obj.result(
            "\n".join([*describe_findings(groups), f"{out}: {total:,} masks; the folder {state}; exit {code}"])
        )
    ctx.exit(code)

"""`labelprep doctor`: what this machine brings along."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from labelprep.cli.paths import PlaceType

if TYPE_CHECKING:
    from labelprep.doctor import Check

MARKS: Final = {"good": "ok", "absent": "--", "bad": "!!"}


@click.command(name="doctor")
@click.option(
    "-o", "--out", type=PlaceType(urls=False, file_okay=False), default=".", help="Folder whose disk is looked at."
)
@click.option(
    "--scheduler", default="local", show_default=True, metavar="local|tcp://…", help="Workers that are looked at."
)
@click.pass_context
def command(ctx: click.Context, /, out: Path, scheduler: str) -> None:
    """Look at what this machine brings along: one line each, with the mend for what is wrong.

    Exit code 4 where something is wrong (!!); what not everybody needs may be absent (--).

    \b
    Example:
      labelprep doctor
    """
    checks = []
    for check in _checks(out, scheduler):
        checks.append(check)
        if ctx.obj.json:
            ctx.obj.row({"type": "check", **vars(check)})
        else:
            mend = f"\n     mend: {check.mend}" if check.mend else ""
            click.echo(f"{MARKS[check.state]}  {check.name}: {check.found}{mend}")
    bad = sum(check.state == "bad" for check in checks)
    code = 4 if bad else 0
    if ctx.obj.json:
        ctx.obj.result({"type": "summary", "exit_code": code, "checks": len(checks), "bad": bad})
    ctx.exit(code)


def _checks(out: Path, scheduler: str) -> Iterator[Check]:
    from labelprep import doctor

    yield from doctor.check_libraries()
    yield doctor.check_opencv()
    yield doctor.check_torch()
    yield doctor.check_cores()
    yield doctor.check_disk(out)
    yield doctor.check_codecs()
    yield doctor.check_dask(scheduler)

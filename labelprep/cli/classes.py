"""`labelprep classes`: look at class tables, check them, or write one in another dialect."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from labelprep.cli.paths import PlaceType

if TYPE_CHECKING:
    from labelprep.classes import ClassTable
    from labelprep.formats.tables.text import RawTable

_DECIDE = (
    click.option("--ignore", multiple=True, metavar="NAME", help="Ignore a class."),
    click.option("--map", "maps", multiple=True, metavar="SRC=DST", help="Map ids or names, all at once."),
    click.option("--renumber", is_flag=True, help="Accept new ids where ignoring leaves gaps."),
    click.option(
        "--on-duplicate-color",
        type=click.Choice(["error", "first", "merge", "ignore"]),
        default="error",
        show_default=True,
        help="What a colour of two classes means.",
    ),
)


def _decide(function: Callable[..., None]) -> Callable[..., None]:
    """The options that decide what a table means."""
    for option in reversed(_DECIDE):
        function = option(function)
    return function


@click.group("classes")
def command() -> None:
    """Look at class tables, check them, and write them in other dialects.

    A table is a file of any tool that docs/formats.md lists, told by its content, or preset:NAME.

    \b
    Example:
      labelprep classes show preset:cityscapes
    """


@command.command("show")
@click.argument("table", metavar="[TABLE]", required=False)
@_decide
@click.pass_context
def show_command(context: click.Context, /, table: str | None, **options: Any) -> None:
    """Print what TABLE (a file or preset:NAME) means: ids, names, colours, and what is ignored.

    Without TABLE the presets are listed.

    \b
    Example:
      labelprep classes show data/classes/street.yaml --ignore void
    """
    if table is None:
        from labelprep.formats.class_tables import PRESET, presets

        context.invoke(check_command, tables=tuple(PRESET + name for name in presets()), **options)
        return
    raw, found = _read(table, options)
    if context.obj.json:
        context.obj.result({**_described(raw, found), **found.to_dict(), "hash": found.hash, "notes": found.notes})
        return
    context.obj.result("\n".join([*show(found), *_left_out(raw)]))


@command.command("check")
@click.argument("tables", metavar="TABLE...", nargs=-1, required=True)
@_decide
@click.pass_context
def check_command(context: click.Context, /, tables: tuple[str, ...], **options: Any) -> None:
    """Say of every TABLE what it is and whether it can be used, with file and line of all that is wrong.

    Exit code 2 where one of them cannot be used as it stands.

    \b
    Example:
      labelprep classes check data/classes/street.yaml preset:voc
    """
    from labelprep.errors import ClassTableError

    lines, bad = [], 0
    for table in tables:
        try:
            raw, found = _read(table, options)
        except ClassTableError as error:
            bad += 1
            lines += [f"{table}: cannot be used", *(f"  {line}" for line in str(error).splitlines())]
            row = {"source": table, "error": {"message": error.message, "hint": error.hint}}
        else:
            lines += [f"{found.source}: {raw.dialect}, {_counted(found)}", *(f"  {line}" for line in _left_out(raw))]
            row = _described(raw, found)
        if context.obj.json:
            context.obj.row({"type": "table", **row})
    code = 2 if bad else 0
    if context.obj.json:
        context.obj.result({"type": "summary", "exit_code": code, "tables": len(tables), "bad": bad})
    else:
        context.obj.result("\n".join(lines))
    context.exit(code)


@command.command("convert")
@click.argument("source", metavar="TABLE")
@click.argument("target", metavar="FILE", type=PlaceType(urls=False, dir_okay=False))
@click.option("--to", "dialect", metavar="NAME", help="The dialect, whatever FILE is called; a wrong one lists all.")
@click.option("--overwrite", is_flag=True, help="Replace FILE where it exists.")
@_decide
@click.pass_context
def convert_command(
    context: click.Context, /, source: str, target: Path, dialect: str | None, overwrite: bool, **options: Any
) -> None:
    """Write TABLE (a file or preset:NAME) to FILE, in the dialect that its name tells.

    Such names are classes.yaml, class_dict.csv, labelmap.txt, id2label.json, metainfo.py; docs/formats.md has them
    all. What the dialect cannot say is listed on stderr, and one object each under --json.

    \b
    Example:
      labelprep classes convert preset:voc id2label.json
    """
    from labelprep.errors import UsageError
    from labelprep.formats.class_tables import wanted, write_table

    if target.exists() and not overwrite:
        message = "the file exists"
        raise UsageError(message, path=target, hint="choose another name, or --overwrite")
    raw, table = _read(source, options)
    lost = write_table(target, table, dialect)
    console, wants = context.obj, wanted(target, table, dialect)
    for line in (*table.notes, *_left_out(raw), *(f"not in {target.name}: {loss.message}" for loss in lost)):
        console.info(line)
    if wants:
        console.info(f"{target.name}: {wants}")
    if not console.json:
        console.result(f"{target}: {len(table)} classes")
        return
    for loss in lost:
        console.row({"type": "lost", "what": loss.what, "classes": loss.classes, "message": loss.message})
    summary = {"type": "summary", "exit_code": 0, "file": str(target), "lost": len(lost), "wants": wants}
    console.result(summary | _described(raw, table))


def _read(table: str, options: dict[str, Any]) -> tuple[RawTable, ClassTable]:
    from labelprep.formats.class_tables import build_table, read_rows

    raw = read_rows(table)
    return raw, build_table(raw, index_output=True, **options)


def _described(raw: RawTable, table: ClassTable) -> dict[str, Any]:
    return {
        "source": table.source,
        "dialect": raw.dialect,
        "count": len(table),
        "left_out": raw.left_out,
    }


def _left_out(raw: RawTable) -> list[str]:
    return [f"not read from {raw.source.rpartition('/')[2]}: {what}" for what in raw.left_out]


def _counted(table: ClassTable) -> str:
    classes = "1 class" if len(table) == 1 else f"{len(table)} classes"
    return classes + (f", {len(table.ignored)} ignored" if table.ignored else "")


def show(table: ClassTable) -> list[str]:
    """A table as lines of text: id, colour, name and source ids of the kept classes, then the ignored ones.

    >>> from labelprep.classes import ClassTable, ClassRow
    >>> rows = [ClassRow("road", ((128, 64, 128),)), ClassRow("void", ((0, 0, 0),), ignore=True)]
    >>> for line in show(ClassTable.build(rows, source="street.yaml")):
    ...     print(line)
    street.yaml: 1 class, ignored pixels are 255
     id  colour   read from  ids  name
      0  #804080  #804080    0    road
      -  ignored  #000000    1    void
    """
    rows = [("id", "colour", "read from", "ids", "name")]
    rows += [(str(c.id), _hex(c.color), _hexes(c.colors), _ids(c.source_ids), c.name) for c in table.classes]
    rows += [("-", "ignored", _hexes(c.colors), _ids(c.source_ids), c.name) for c in table.ignored]
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    count = "1 class" if len(table) == 1 else f"{len(table)} classes"
    lines = [f"{table.source}: {count}, ignored pixels are {table.ignore_index}"]
    for number, *cells, name in rows:
        middle = "  ".join(cell.ljust(width) for cell, width in zip(cells, widths[1:], strict=True))
        lines.append(f"{number.rjust(max(3, widths[0]))}  {middle}  {name}")
    return [*lines, *table.notes]


def _hex(color: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)


def _hexes(colors: tuple[tuple[int, int, int], ...]) -> str:
    return _few([_hex(color) for color in colors])


def _ids(values: tuple[int, ...]) -> str:
    return _few([str(value) for value in values])


def _few(texts: list[str]) -> str:
    return " ".join(texts[:4]) + (f" +{len(texts) - 4}" if len(texts) > 4 else "") or "-"

"""`labelprep classes`: look at a class table, or write it in another dialect."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from labelprep.cli.paths import PlaceType

if TYPE_CHECKING:
    from labelprep.classes import ClassTable


@click.group("classes")
def command() -> None:
    """Look at class tables and convert them."""


@command.command("show")
@click.argument("table", metavar="TABLE")
@click.option("--ignore", multiple=True, metavar="NAME", help="Ignore a class.")
@click.option("--map", "maps", multiple=True, metavar="SRC=DST", help="Map ids or names, all at once.")
@click.option("--renumber", is_flag=True, help="Accept new ids where ignoring leaves gaps.")
@click.option(
    "--on-duplicate-color",
    type=click.Choice(["error", "first", "merge", "ignore"]),
    default="error",
    show_default=True,
    help="What a colour of two classes means.",
)
@click.pass_context
def show_command(context: click.Context, /, table: str, **options: Any) -> None:
    """Print what TABLE (a file or preset:NAME) means: ids, names, colours, and what is ignored."""
    from labelprep.formats.class_tables import load_table

    found = load_table(table, index_output=True, **options)
    if getattr(context.obj, "json", False):
        click.echo(json.dumps({"source": found.source, "hash": found.hash, **found.to_dict(), "notes": found.notes}))
        return
    for line in show(found):
        click.echo(line)


@command.command("convert")
@click.argument("source", metavar="TABLE")
@click.argument("target", metavar="FILE", type=PlaceType(urls=False, dir_okay=False))
@click.option("--overwrite", is_flag=True, help="Replace FILE where it exists.")
def convert_command(source: str, target: Path, overwrite: bool) -> None:
    """Write TABLE (a file or preset:NAME) to FILE, in the dialect that its name tells.

    Names are *.yaml, *.csv, labelmap.txt or label_colors.txt. What the dialect cannot say is listed on stderr.
    """
    from labelprep.errors import UsageError
    from labelprep.formats.class_tables import load_table, write_table

    if target.exists() and not overwrite:
        message = "the file exists"
        raise UsageError(message, path=target, hint="choose another name, or --overwrite")
    table = load_table(source, index_output=True)
    lost = write_table(target, table)
    click.echo(f"{target}: {len(table)} classes")
    for what in lost:
        click.echo(f"not in {target.name}: {what.message}", err=True)


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
    plural = "class" if len(table) == 1 else "classes"
    rows = [("id", "colour", "read from", "ids", "name")]
    rows += [(str(c.id), _hex(c.color), _hexes(c.colors), _ids(c.source_ids), c.name) for c in table.classes]
    rows += [("-", "ignored", _hexes(c.colors), _ids(c.source_ids), c.name) for c in table.ignored]
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    lines = [f"{table.source}: {len(table)} {plural}, ignored pixels are {table.ignore_index}"]
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

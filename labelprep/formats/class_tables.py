"""Class tables in every dialect: recognised, read into rows, built, and written again.

The dialects are those of `formats.tables`; `preset:NAME` is a native table that comes with labelprep.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib import resources

from labelprep.class_rows import DuplicateColor
from labelprep.classes import ClassTable
from labelprep.errors import ClassTableError, UsageError
from labelprep.formats.polygons.tables import read_annotated
from labelprep.formats.tables.dialects import BY_NAME, DIALECTS, Dialect, File, read_as, written_as
from labelprep.formats.tables.says import Loss, losses, rows_for
from labelprep.formats.tables.text import Problems, RawTable, read_text
from labelprep.nearest import did_you_mean
from labelprep.storage.atomic import write_atomic
from labelprep.storage.place import Place, to_place

PRESET = "preset:"


def presets() -> tuple[str, ...]:
    """Names of the presets that come with labelprep.

    >>> presets()
    ('ade20k', 'camvid', 'camvid11', 'cityscapes', 'cityscapes-trainids', 'drone', 'voc')
    """
    files = resources.files("labelprep.presets").iterdir()
    return tuple(sorted(f.name.removesuffix(".yaml") for f in files if f.name.endswith(".yaml")))


def read_rows(path: Place | str) -> RawTable:
    """The rows of a class table as they stand in a file or preset, with nothing decided yet.

    Args:
        path: a file in any dialect, or `preset:NAME`.

    Raises:
        ClassTableError: with file and line of everything wrong in it, or with the presets there are.
    """
    if str(path).startswith(PRESET):
        return _read_preset(str(path).removeprefix(PRESET))
    source = str(path)
    file = to_place(path)
    if source in presets() and not file.exists():
        message = f"no such class table; did you mean {PRESET}{source}?"
        raise ClassTableError(message, path=path)
    if (rows := read_annotated(file)) is not None:
        return RawTable(rows, source, renumber=True)
    return read_as(File(file.name, read_text(file), Problems(source)))


def _read_preset(name: str) -> RawTable:
    if name not in presets():
        message = f"no preset named {name!r}{did_you_mean(name, presets())}; there are: {', '.join(presets())}"
        raise ClassTableError(message, path=f"{PRESET}{name}")
    text = (resources.files("labelprep.presets") / f"{name}.yaml").read_text("utf-8")
    return read_as(File(f"{name}.yaml", text, Problems(f"{PRESET}{name}")))


def load_table(
    classes: Place | str,
    *,
    ignore: Iterable[str] = (),
    maps: Iterable[str] = (),
    on_duplicate_color: DuplicateColor = "error",
    renumber: bool = False,
    index_output: bool = False,
) -> ClassTable:
    """Reads a class table and decides its ids, merges and ignored classes.

    Args:
        classes: a file in any dialect, or `preset:NAME`.
        ignore: names of classes to ignore, besides those that the table ignores itself.
        maps: `SRC=DST` pairs of ids or names, all at once; see `ClassTable.build`.
        on_duplicate_color: what a colour of two classes means.
        renumber: accept new ids where ignoring leaves gaps; a native table may accept them itself.
        index_output: allow more than 255 classes (16-bit index masks).

    Raises:
        ClassTableError: for a file that cannot be read as a class table, or that decides nothing.
        UsageError: for a pair that is no `SRC=DST`.
    """
    return build_table(
        read_rows(classes),
        ignore=ignore,
        maps=maps,
        on_duplicate_color=on_duplicate_color,
        renumber=renumber,
        index_output=index_output,
    )


def build_table(
    raw: RawTable,
    *,
    ignore: Iterable[str] = (),
    maps: Iterable[str] = (),
    on_duplicate_color: DuplicateColor = "error",
    renumber: bool = False,
    index_output: bool = False,
) -> ClassTable:
    """Decides ids, merges and ignored classes of rows that were read; arguments and errors as `load_table`."""
    return ClassTable.build(
        raw.rows,
        source=raw.source,
        ignore=ignore,
        maps=[_pair(text) for text in maps],
        on_duplicate_color=on_duplicate_color,
        renumber=renumber or raw.renumber,
        index_output=index_output,
    )


def _pair(text: str) -> tuple[str, str]:
    """`SRC=DST`, split at the last equals sign, so that a source name may hold one."""
    source, equals, destination = (part.strip() for part in text.rpartition("="))
    if not (source and equals and destination):
        message = f"--map {text!r}: expected SRC=DST with ids or names, such as 255=1 or kerb=road"
        raise UsageError(message)
    return source, destination


def write_table(path: Place | str, table: ClassTable, dialect: str | None = None) -> tuple[Loss, ...]:
    """Writes a table whole or not at all; returns what the dialect cannot say.

    Args:
        path: the file; its name tells the dialect, such as `class_dict.csv` or `id2label.json`.
        table: the table.
        dialect: the name of the dialect, whatever the file is called.

    Raises:
        UsageError: for a name that tells no dialect, or a dialect that there is not.
        ClassTableError: for class names that the dialect cannot hold.
        EnvironmentFailure: where the file cannot be written.
    """
    path = to_place(path)
    content, lost = dump_table(path, table, dialect)
    write_atomic(path, content)
    return lost


def dump_table(name: Place | str, table: ClassTable, dialect: str | None = None) -> tuple[bytes, tuple[Loss, ...]]:
    """The content of a table's file and what its dialect cannot say; arguments and errors as `write_table`."""
    form = _dialect(to_place(name), dialect)
    rows = rows_for(table, form.says)
    bad = [row.name for row in rows.rows if row.name != row.name.strip() or re.search(form.cannot or "(?!)", row.name)]
    if bad and form.says.names:
        message = f"{form.title} cannot hold the class names {', '.join(map(repr, bad))}"
        raise ClassTableError(message, path=table.source, hint="rename them, or write YAML or CSV")
    return form.write(rows).encode(), losses(table, form.says)


def wanted(name: Place | str, table: ClassTable, dialect: str | None = None) -> str | None:
    """What the readers of a dialect want besides, where the table lacks it; arguments as `write_table`."""
    form = _dialect(to_place(name), dialect)
    return form.wants(rows_for(table, form.says))


def _dialect(path: Place, name: str | None) -> Dialect:
    if name is not None:
        if name not in BY_NAME:
            message = f"no dialect {name!r}{did_you_mean(name, BY_NAME)}; expected one of {', '.join(BY_NAME)}"
            raise UsageError(message)
        return BY_NAME[name]
    found = written_as(path.name)
    if found is None:
        usual = ", ".join(dialect.files[0] for dialect in DIALECTS)
        message = f"the name tells no dialect of class tables: expected one like {usual}; got {path.name}"
        raise UsageError(message, path=path, hint="call the file so, or name the dialect: --to NAME")
    return found

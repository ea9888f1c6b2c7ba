"""Class tables in every dialect: told apart by name and content, read into rows, built, and written again.

| dialect | file | says |
|---|---|---|
| native YAML | `*.yaml`, `*.yml` | everything |
| `class_dict.csv` | `*.csv`, `*.tsv` | names, colours, ids |
| CVAT | `labelmap.txt` | names, colours |
| CamVid | `label_colors.txt` | names, colours |
| preset | `preset:NAME` | native YAML that comes with labelprep |
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from importlib import resources
from pathlib import Path

from labelprep.class_rows import DuplicateColor, IgnoredClass, SegClass
from labelprep.classes import ClassTable
from labelprep.errors import ClassTableError, UsageError
from labelprep.formats.csv_tables import dump_csv, read_csv
from labelprep.formats.native import dump_native, read_native
from labelprep.formats.table_text import RawTable, did_you_mean, read_text
from labelprep.formats.text_tables import dump_label_colors, dump_labelmap, read_label_colors, read_labelmap
from labelprep.storage.atomic import write_atomic
from labelprep.storage.place import Place, to_place

PRESET = "preset:"
_FILES = "*.yaml, class_dict.csv, labelmap.txt or label_colors.txt"


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
    text = read_text(file)
    return _reader(file.name, text, source)(text, source)


def _read_preset(name: str) -> RawTable:
    if name not in presets():
        message = f"no preset named {name!r}{did_you_mean(name, presets())}; there are: {', '.join(presets())}"
        raise ClassTableError(message, path=f"{PRESET}{name}")
    text = (resources.files("labelprep.presets") / f"{name}.yaml").read_text("utf-8")
    return read_native(text, f"{PRESET}{name}")


def _reader(name: str, text: str, source: str) -> Callable[[str, str], RawTable]:
    """The dialect: by the file's ending where that decides, else by its first lines."""
    ending = Path(name).suffix.casefold()
    if ending in (".yaml", ".yml"):
        return read_native
    if ending in (".csv", ".tsv"):
        return read_csv
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    content = next((line for line in lines if not line.startswith("#")), lines[0])
    if re.match(r"\S+[ \t]+\S+[ \t]+\d+([ \t]|$)", content) and ":" not in content:
        return read_label_colors
    if content == "classes:" or content.startswith("renumber:"):
        return read_native
    if re.fullmatch(r"[^:]*:[^:]*(:[^:]*){0,2}", content) or "label:color" in lines[0]:
        return read_labelmap
    if any(delimiter in content for delimiter in ",;\t"):
        return read_csv
    message = f"{source}:1: no class table that labelprep knows: expected {_FILES}; got {lines[0][:60]!r}"
    raise ClassTableError(message, path=source)


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
    pairs = [_pair(text) for text in maps]
    raw = read_rows(classes)
    return ClassTable.build(
        raw.rows,
        source=raw.source,
        ignore=ignore,
        maps=pairs,
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


def write_table(path: Place | str, table: ClassTable) -> tuple[str, ...]:
    """Writes a table in the dialect that the file's name tells; returns what that dialect cannot say.

    Args:
        path: `*.yaml`, `*.csv`, or a `.txt` named like `labelmap.txt` or `label_colors.txt`.
        table: the table.

    Raises:
        UsageError: for a name that tells no dialect.
        ClassTableError: for class names that the dialect cannot hold.
        EnvironmentFailure: where the file cannot be written.
    """
    path = to_place(path)
    content, lost = dump_table(path, table)
    write_atomic(path, content)
    return lost


def dump_table(name: Place | str, table: ClassTable) -> tuple[bytes, tuple[str, ...]]:
    """The content of a table's file, in the dialect that the name tells, and what that dialect cannot say.

    Raises:
        UsageError: for a name that tells no dialect.
        ClassTableError: for class names that the dialect cannot hold.
    """
    path = to_place(name)
    ending, stem = path.suffix.casefold(), path.stem.casefold()
    if ending in (".yaml", ".yml"):
        text, lost = dump_native(table), _lost_paints(table)
    elif ending == ".csv":
        text, lost = dump_csv(table), _lost(table, ids=True, blank=False)
    elif ending == ".txt" and "labelmap" in stem:
        text, lost = dump_labelmap(table), _lost(table, ids=False, blank=True)
    elif ending == ".txt" and ("color" in stem or "colour" in stem):
        text, lost = dump_label_colors(table), _lost(table, ids=False, blank=False)
    else:
        message = f"the name tells no dialect of class tables: expected {_FILES}, got {path.name}"
        raise UsageError(message, path=path)
    return text.encode(), lost


def _lost_paints(table: ClassTable) -> tuple[str, ...]:
    return tuple(
        f"{c.name} is painted {c.color}, but that is not a colour it is read from"
        for c in table.classes
        if c.color not in c.colors and table.color_ids.get(c.color, c.id) != c.id
    )


def _lost(table: ClassTable, *, ids: bool, blank: bool) -> tuple[str, ...]:
    """What the plain dialects cannot say of a table; `ids`: has an id column; `blank`: a colour may lack."""
    lost = []
    every: tuple[SegClass | IgnoredClass, ...] = (*table.classes, *table.ignored)
    if table.ignored:
        lost.append(f"which classes are ignored (--ignore NAME): {', '.join(c.name for c in table.ignored)}")
    if several := [c.name for c in every if len(c.colors) > 1]:
        lost.append(f"further colours of {', '.join(several)}")
    if painted := [c.name for c in table.classes if not c.colors and not blank]:
        lost.append(f"which classes have no colour (the painted one is written): {', '.join(painted)}")
    if gone := [c.name for c in table.ignored if not c.colors and not blank]:
        lost.append(f"ignored classes without a colour of their own: {', '.join(gone)}")
    if merged := [c.name for c in table.classes if len(c.source_ids) > 1]:
        lost.append(f"further ids of {', '.join(merged)}")
    if moved := [c.name for c in table.classes if c.source_ids[:1] not in ((), (c.id,))]:
        what = "that ids are numbered anew (--renumber)" if ids else f"ids in source masks of {', '.join(moved)}"
        lost.append(what)
    return (*lost, *_lost_paints(table))

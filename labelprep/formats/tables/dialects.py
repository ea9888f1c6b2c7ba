"""All dialects of class tables in one list: how each is recognised, read and written, and what it can say."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Final, Literal, Protocol

from labelprep.errors import ClassTableError
from labelprep.formats.tables import (
    ade20k,
    camvid,
    csv_table,
    cvat,
    datumaro,
    digits,
    hasty,
    hugging_face,
    labelme,
    mapillary,
    mmseg,
    native,
    nnunet,
    supervisely,
    ultralytics,
)
from labelprep.formats.tables.says import Says
from labelprep.formats.tables.structured import Misfit
from labelprep.formats.tables.text import Problems, RawTable
from labelprep.formats.tables.values import Value, read_json, read_python, read_yaml

Syntax = Literal["json", "yaml", "python", "text"]


@dataclass(frozen=True)
class File:
    """A file that may be a class table.

    Attributes:
        name: its name without folders.
        text: its text.
        problems: where what is wrong with it is noted.
    """

    name: str
    text: str
    problems: Problems

    @property
    def is_columns(self) -> bool:
        """Whether the ending says that it has columns."""
        return PurePosixPath(self.name).suffix.casefold() in (".csv", ".tsv")

    @cached_property
    def syntax(self) -> Syntax:
        """What the text is written in: by the ending where that tells, else by how it begins."""
        ending = PurePosixPath(self.name).suffix.casefold()
        by_ending: dict[str, Syntax] = {".json": "json", ".yaml": "yaml", ".yml": "yaml", ".py": "python"}
        if ending in by_ending:
            return by_ending[ending]
        if self.is_columns:
            return "text"
        first = next((line for line in self.text.splitlines() if line.strip() and line.lstrip()[0] != "#"), "")
        whole = self.text.strip()
        if whole[:1] == "{" or (whole[:1], whole[-1:]) == ("[", "]"):  # a class may be called "["
            return "json"
        return "yaml" if re.match(r"(classes|names|label_mapping):\s*$|renumber:|names: *[\[{]", first) else "text"

    @cached_property
    def root(self) -> Value:
        """The values of a structured file.

        Raises:
            ClassTableError: where it is none.
        """
        if self.syntax == "python":
            return read_python(self.text, mmseg.NAMES, self.problems)
        return (read_json if self.syntax == "json" else read_yaml)(self.text, self.problems)


class Module(Protocol):
    """What every dialect's module has."""

    @property
    def SAYS(self) -> Says:
        """What the dialect can say."""

    @property
    def dump(self) -> Callable[[RawTable], str]:
        """The text of rows."""


class Structured(Module, Protocol):
    """The module of a dialect that is JSON, YAML or Python."""

    @property
    def misfit(self) -> Callable[[Value], Misfit]:
        """Why values are not of the dialect."""

    @property
    def read(self) -> Callable[[Value, Problems], RawTable]:
        """The rows of values."""


class Lines(Module, Protocol):
    """The module of a dialect that is lines of text."""

    @property
    def misfit(self) -> Callable[[str], Misfit]:
        """Why a text is not of the dialect."""

    @property
    def read(self) -> Callable[[str, Problems], RawTable]:
        """The rows of a text."""


@dataclass(frozen=True)
class Dialect:
    """One dialect.

    Attributes:
        name: short name, as given with `--to`.
        title: what people call it.
        files: patterns of the names that tell it where it is written; the first is the usual one.
        says: what it can say.
        write: its text.
        misfit: why a file is not of the dialect; None for a form that another dialect reads.
        read: its rows.
        is_text: whether it is lines of text, not JSON, YAML or Python.
        cannot: a pattern of names that it has no way to write.
        wants: what its own readers want besides, where the rows lack it.
    """

    name: str
    title: str
    files: tuple[str, ...]
    says: Says
    write: Callable[[RawTable], str]
    misfit: Callable[[File], Misfit] | None = None
    read: Callable[[File], RawTable] | None = None
    is_text: bool = False
    cannot: str | None = None
    wants: Callable[[RawTable], str | None] = lambda _: None


def _values(
    name: str,
    title: str,
    files: tuple[str, ...],
    module: Structured,
    wants: Callable[[RawTable], str | None] = lambda _: None,
) -> Dialect:
    return Dialect(
        *(name, title, files, module.SAYS, module.dump),
        misfit=lambda file: module.misfit(file.root),
        read=lambda file: module.read(file.root, file.problems),
        wants=wants,
    )


def _lines(name: str, title: str, files: tuple[str, ...], module: Lines, cannot: str | None = None) -> Dialect:
    return Dialect(
        *(name, title, files, module.SAYS, module.dump),
        misfit=lambda file: module.misfit(file.text),
        read=lambda file: module.read(file.text, file.problems),
        is_text=True,
        cannot=cannot,
    )


_BREAKS = "[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]"

# A file is read by the first that its content fits, and written by the first that its name fits.
DIALECTS: Final = (
    _values("mmseg", "mmsegmentation METAINFO", ("metainfo.json", "*metainfo*.json"), mmseg),
    Dialect("mmseg-py", "mmsegmentation METAINFO", ("metainfo.py", "*.py"), mmseg.SAYS, mmseg.dump_python),
    _values("supervisely", "Supervisely meta.json", ("meta.json",), supervisely),
    _values("datumaro", "datumaro dataset_meta.json", ("dataset_meta.json",), datumaro),
    _values("nnunet", "nnU-Net dataset.json", ("dataset.json",), nnunet, nnunet.wants),
    _values("mapillary", "Mapillary config_v*.json", ("config_v2.0.json", "config_v*.json"), mapillary),
    _values("hasty", "Hasty label_classes.json", ("label_classes.json",), hasty),
    _values("ultralytics", "Ultralytics data.yaml", ("data.yaml", "data.yml"), ultralytics, ultralytics.wants),
    _values("native", "labelprep classes.yaml", ("classes.yaml", "*.yaml", "*.yml"), native),
    Dialect("native-json", "labelprep classes.json", ("classes.json",), native.SAYS, native.dump_json),
    _values("id2label", "Hugging Face id2label.json", ("id2label.json", "*id2label*.json"), hugging_face),
    Dialect(
        *("label2id", "Hugging Face label2id.json", ("label2id.json", "*label2id*.json")),
        *(hugging_face.SAYS, hugging_face.dump_turned),
    ),
    _lines(
        "objectinfo", "ADE20K objectInfo150.txt", ("objectInfo150.txt", "objectinfo*.txt"), ade20k, rf'{_BREAKS}|\t|^"'
    ),
    _lines(
        "label_colors", "CamVid label_colors.txt", ("label_colors.txt", "*color*.txt", "*colour*.txt"), camvid, _BREAKS
    ),
    _lines("digits", "DIGITS colour map", ("digits.txt", "*digits*.txt"), digits),
    _lines("labelmap", "CVAT labelmap.txt", ("labelmap.txt", "*labelmap*.txt"), cvat, rf"{_BREAKS}|:|^#"),
    Dialect(
        *("labelme", "labelme labels.txt", labelme.FILES, labelme.SAYS, labelme.dump),
        misfit=lambda file: labelme.misfit(file.name, file.text),
        read=lambda file: labelme.read(file.text, file.problems),
        is_text=True,
        cannot=rf"{_BREAKS}|^{labelme.IGNORE}$",
        wants=labelme.wants,
    ),
    _lines("csv", "class_dict.csv", ("class_dict.csv", "*.csv"), csv_table),
)
BY_NAME: Final = MappingProxyType({dialect.name: dialect for dialect in DIALECTS})


def read_as(file: File) -> RawTable:
    """The rows of a file, in the dialect that its content tells.

    Raises:
        ClassTableError: with file and line of everything wrong; for a file of no dialect, why none of them fits.
    """
    reasons = []
    for dialect in _candidates(file):
        # where the ending has told, the reader says best what is wrong
        found = dialect.misfit(file) if dialect.misfit and not file.is_columns else None
        if found is None and dialect.read:
            return replace(dialect.read(file), dialect=dialect.title)
        if found is not None:
            reasons.append(f"  {dialect.title}: line {found[0]}: {found[1]}")
    head = f"{file.problems.source}: no class table that labelprep knows; tried"
    raise ClassTableError("\n".join([head, *reasons]), path=file.problems.source)


def _candidates(file: File) -> list[Dialect]:
    """The dialects that a file may be in, by what it is written in."""
    if file.is_columns:
        columns = [BY_NAME["objectinfo"], BY_NAME["csv"]]
        return columns[ade20k.misfit(file.text) is not None :][:1]
    if file.syntax == "python":
        return [BY_NAME["mmseg"]]
    return [d for d in DIALECTS if d.misfit and d.is_text == (file.syntax == "text")]


def written_as(name: str) -> Dialect | None:
    """The dialect that a file's name tells; None where it tells none."""
    folded = name.casefold()
    usual = next((d for d in DIALECTS if folded == d.files[0].casefold()), None)
    return usual or next((d for d in DIALECTS if any(fnmatchcase(folded, p.casefold()) for p in d.files)), None)

"""The pages, one file each: from values to values. `page(s)(material)` gives nothing where there is nothing to show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labelprep.classes import ClassTable
from labelprep.report.collect import Sources
from labelprep.report.geometry import Geometry
from labelprep.report.mends import Places
from labelprep.report.pictures import Album
from labelprep.report.survey import KindFound, Survey

TABLE = "class_table.yaml"  # the class table as a file that commands take


@dataclass(frozen=True)
class Page:
    """One page before it is HTML.

    Attributes:
        name: its file, such as `classes.html`.
        title: what it is called, in the list of pages too.
        template: the file that draws it.
        values: what the template draws.
        listed: whether it stands in the list of pages by itself.
    """

    name: str
    title: str
    template: str
    values: Mapping[str, Any] = field(default_factory=dict)
    listed: bool = True


@dataclass(frozen=True)
class Material:
    """Everything that pages are made of.

    Attributes:
        sources: what lies on disk.
        values: the content of `report.json`.
        kinds: the findings by kind, those of evaluations among them.
        survey: of the prepared folder's manifest; None without one.
        geometry: of its masks; None without masks.
        album: takes the pictures.
        places: what commands are about.
        out: the report's folder.
        files: (label, path from the report) of the plots and tables that were written, by plot.
    """

    sources: Sources
    values: Mapping[str, Any]
    kinds: Sequence[KindFound]
    survey: Survey | None
    geometry: Geometry | None
    album: Album
    places: Places
    out: Path
    files: Mapping[str, Sequence[tuple[str, str]]] = field(default_factory=dict)

    @property
    def table(self) -> ClassTable | None:
        """The class table of all sources."""
        return self.sources.table


def numbered(name: str, number: int) -> str:
    """The file of the n-th page of a kind.

    >>> numbered("confusion.html", 1), numbered("confusion.html", 2)
    ('confusion.html', 'confusion-2.html')
    """
    stem, _, ending = name.rpartition(".")
    return name if number == 1 else f"{stem}-{number}.{ending}"

"""From the labels of an annotation to the ids of a class table, and what is told of those that it does not have."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from labelprep.classes import ClassTable
from labelprep.findings import Finding
from labelprep.formats.polygons.cityscapes import FORMAT as CITYSCAPES
from labelprep.nearest import did_you_mean, nearest
from labelprep.steps.coded import Coded
from labelprep.steps.look_up import LABELS, Book, Reading
from labelprep.steps.unknown import UnknownValues

UNCOVERED = ("background", "unlabeled", "unlabelled")  # `_background_` and `__background__` count as the first
IGNORE = "__ignore__"  # what labelme calls shapes whose pixels do not count
_GROUP = "group"
PANOPTIC = "COCO panoptic PNG"  # where 0 means ignored


@dataclass(frozen=True)
class Names:
    """The names of a class table, as annotations use them.

    Attributes:
        ids: name -> id, the ignore index for ignored classes.
        sources: id in the table's own numbering, as text -> id.
        undrawn: names of classes with an id below 0, which are never drawn.
        uncovered: id of what no shape covers, or None where the table has no class for it.
    """

    ids: dict[str, int]
    sources: dict[str, int]
    undrawn: frozenset[str]
    uncovered: int | None

    def id_of(self, label: str, form: str = "") -> int | None:
        """The id of a label: by name; a number by the table's own ids; of a Cityscapes group, its class."""
        for name in (label, label.removesuffix(_GROUP)) if form == CITYSCAPES else (label,):
            if name in self.ids:
                return self.ids[name]
        return self.sources.get(label)


@lru_cache(maxsize=4)
def names_of(table: ClassTable) -> Names:
    """The names of a table; where it has several classes for what no shape covers, the first of `UNCOVERED` counts."""
    ids = {c.name: table.ignore_index for c in table.ignored} | {c.name: c.id for c in table.classes}
    plain = {name.casefold().strip("_"): number for name, number in reversed(ids.items())}
    undrawn = frozenset(c.name for c in table.ignored if c.source_ids and max(c.source_ids) < 0)
    uncovered = next((plain[name] for name in UNCOVERED if name in plain), None)
    sources = {str(value): number for value, number in table.source_ids.items()}
    return Names({IGNORE: table.ignore_index} | ids, sources, undrawn, uncovered)


@lru_cache(maxsize=4)
def label_book(table: ClassTable) -> Book:
    """Every final id as itself; behind `LABELS`, which stands for "no label here", come the labels that are unknown."""
    ids = [*range(len(table)), table.ignore_index]
    keys = np.array([*ids, LABELS], np.uint32)
    return Book(LABELS, keys, np.array([*ids, table.ignore_index], np.int32))


def read_labels(coded: Coded, labels: tuple[str, ...], form: str, table: ClassTable) -> tuple[Reading, list[Finding]]:
    """A drawn annotation, looked up.

    Args:
        coded: its pixels: 0 where no shape is, else 1 + place of the label.
        labels: as the annotation calls them.
        form: what kind of annotation it is.
        table: the class table.
    """
    names = names_of(table)
    numbers = np.empty(len(labels) + 1, np.uint32)
    numbers[0] = LABELS if names.uncovered is None else names.uncovered
    for place, label in enumerate(labels):
        known = names.id_of(label, form)
        numbers[place + 1] = LABELS + 1 + place if known is None else known
    reading = Reading(coded.with_values(numbers[coded.values]), label_book(table))
    return reading, _uncovered(coded, names) if form != PANOPTIC else []


def _uncovered(coded: Coded, names: Names) -> list[Finding]:
    pixels = int(coded.pixels[coded.values == 0].sum())
    if not pixels or names.uncovered is not None:
        return []
    share = f"{pixels:,} of {coded.total:,} pixels"
    message = f"{share} lie under no shape and are ignored: the class table has no class for them"
    return [Finding.of("no-background", message, pixels=pixels)]


def list_labels(
    reading: Reading, unknown: UnknownValues, shown: NDArray[np.int64], labels: tuple[str, ...], table: ClassTable
) -> list[Finding]:
    """A finding for each label that the class table does not have.

    Args:
        reading: where they were found.
        unknown: their values.
        shown: places in it that are told.
        labels: as the annotation calls them.
        table: the class table.
    """
    known = [*table.names, *(c.name for c in table.ignored)]
    found = []
    for i in shown.tolist():
        label, pixels = labels[int(unknown.values[i]) - LABELS - 1], int(unknown.pixels[i])
        y, x = divmod(int(unknown.first[i]), reading.coded.shape[1])
        message = f"label {label[:80]!r}: {pixels:,} pixels, first at {(x, y)}{did_you_mean(label, known)}"
        found.append(Finding.of("unknown-label", message, pixels=pixels, xy=(x, y), nearest=nearest(label, known)))
    return found


def unseen_labels(labels: tuple[str, ...], coded: Coded, form: str, table: ClassTable) -> list[Finding]:
    """Labels that the class table does not have and that no pixel shows, because other shapes lie over them."""
    seen = set(coded.values[coded.used()].tolist())
    names = names_of(table)
    hidden = [label for n, label in enumerate(labels, 1) if n not in seen and names.id_of(label, form) is None]
    message = f"the class table has no {', '.join(repr(label[:80]) for label in hidden[:5])}, and no pixel shows it"
    return [Finding.of("unknown-label", message, pixels=0, severity="warning")] if hidden else []

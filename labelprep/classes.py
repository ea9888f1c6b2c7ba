"""The class table: the one truth about ids, names, colours and what is ignored. No files here.

`formats.class_tables` reads `ClassRow`s from files, `class_draft.resolve` decides which rows are kept under
which id, and a `ClassTable` is the result that every stage shares.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from labelprep.class_draft import resolve
from labelprep.class_rows import (
    IGNORE_INDEX,
    IGNORE_INDEX_16,
    RGB,
    ClassRow,
    DuplicateColor,
    IgnoredClass,
    SegClass,
    voc_colormap,
)
from labelprep.errors import ClassTableError, MismatchError
from labelprep.nearest import did_you_mean

VOID_COLOR: RGB = (224, 224, 192)


@dataclass(frozen=True)
class ClassTable:
    """Kept classes in id order, ignored classes, and the name of where they came from.

    Attributes:
        classes: the kept classes; `classes[i].id == i`.
        ignored: the ignored classes.
        source: file or preset, for messages; no part of equality or of the hash.
        notes: what was decided on request while building (merged duplicate colours, …).
    """

    classes: tuple[SegClass, ...]
    ignored: tuple[IgnoredClass, ...] = ()
    source: str = field(default="class table", compare=False)
    notes: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def build(
        cls,
        rows: Sequence[ClassRow],
        *,
        source: str = "class table",
        ignore: Iterable[str] = (),
        maps: Iterable[tuple[str, str]] = (),
        on_duplicate_color: DuplicateColor = "error",
        renumber: bool = False,
        index_output: bool = False,
    ) -> Self:
        """Decides ids, merges and ignored classes; lists every problem at once.

        Args:
            rows: the rows in file order.
            source: file or preset, for messages.
            ignore: names of classes to ignore besides those that the rows ignore themselves.
            maps: (source, destination) pairs of ids or names, applied all at once; the destination
                `ignore` ignores. A source id that no row has may be mapped too (`255=1`).
            on_duplicate_color: what to do where one colour stands for two classes: `error`, `first` (the
                first row keeps it), `merge` (the later row joins the first) or `ignore` (its pixels are ignored).
            renumber: accept new ids where the kept ids of a table that gives ids are not 0..C-1.
            index_output: allow more than 255 classes (16-bit index masks).

        Raises:
            ClassTableError: with file and line of every problem and the choices there are.
        """
        kept, ignored, notes = resolve(
            rows,
            source=source,
            ignore=ignore,
            maps=maps,
            on_duplicate_color=on_duplicate_color,
            renumber=renumber,
            index_output=index_output,
        )
        return cls(kept, ignored, source=source, notes=notes)

    def with_zero_ignored(self) -> Self:
        """The table for masks that hold 0 where pixels are ignored, and k for what stands under k - 1 here.

        A table that ignores 0, or does not have it, is written for such masks already and stays as it is.

        Raises:
            ClassTableError: where the highest value would be that of ignored pixels.
        """
        if not any(0 in c.source_ids for c in self.classes):
            return self
        most = max(value for c in self.classes for value in c.source_ids)
        if most + 1 >= self.ignore_index:
            message = f"masks that hold id + 1 have no value for {most}, as {self.ignore_index} is ignored"
            raise ClassTableError(message, path=self.source, hint="--no-reduce-zero-label reads ids as they are")
        kept = (replace(c, source_ids=tuple(v + 1 for v in c.source_ids)) for c in self.classes)
        ignored = (replace(c, source_ids=tuple(v + 1 for v in c.source_ids)) for c in self.ignored)
        zero = IgnoredClass("value 0", (), (0,))
        return replace(self, classes=tuple(kept), ignored=(*ignored, zero))

    def __len__(self) -> int:
        return len(self.classes)

    def __hash__(self) -> int:
        return hash(self.hash)  # taken once; look-up tables are cached by table and asked for at every mask

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the kept classes in id order."""
        return tuple(c.name for c in self.classes)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype of index masks: uint8 up to 255 classes, else uint16."""
        return np.dtype(np.uint8 if len(self) <= IGNORE_INDEX else np.uint16)

    @property
    def ignore_index(self) -> int:
        """255, or 65535 for tables of more than 255 classes."""
        return IGNORE_INDEX if len(self) <= IGNORE_INDEX else IGNORE_INDEX_16

    def id_of(self, name: str) -> int:
        """The id of a class by its name; the ignore index for `ignore` and for ignored classes.

        Raises:
            ClassTableError: for a name that the table does not hold.
        """
        ids = {"ignore": self.ignore_index} | {c.name: self.ignore_index for c in self.ignored}
        ids |= {c.name: c.id for c in self.classes}
        if name not in ids:
            message = f"no class named {name!r}{did_you_mean(name, ids)}"
            raise ClassTableError(message, path=self.source)
        return ids[name]

    @property
    def void_color(self) -> RGB:
        """What ignored pixels are painted with: the colour of the only ignored class, else (224, 224, 192)."""
        with_color = [c for c in self.ignored if c.colors]
        return with_color[0].colors[0] if len(with_color) == 1 else VOID_COLOR

    @cached_property
    def color_ids(self) -> Mapping[RGB, int]:
        """Every source colour of the table with the id it means (the ignore index for ignored ones)."""
        ids = {color: c.id for c in self.classes for color in c.colors}
        return ids | {color: self.ignore_index for c in self.ignored for color in c.colors}

    @cached_property
    def source_ids(self) -> Mapping[int, int]:
        """Every value of source index masks with the id it means; the ignore index means itself unless mapped.

        Ids below 0 (Cityscapes' licence plate) are left out: no pixel holds them.
        """
        ids = {self.ignore_index: self.ignore_index}
        ids |= {value: self.ignore_index for c in self.ignored for value in c.source_ids if value >= 0}
        return ids | {value: c.id for c in self.classes for value in c.source_ids if value >= 0}

    @cached_property
    def color_names(self) -> Mapping[RGB, str]:
        """Every source colour with the name of its class, ignored ones included."""
        both: tuple[SegClass | IgnoredClass, ...] = (*self.classes, *self.ignored)
        return {color: c.name for c in both for color in c.colors}

    @cached_property
    def palette(self) -> NDArray[np.uint8]:
        """(256, 3) uint8 RGB, read-only: the classes' colours, the VOC colormap behind them.

        Entry 255 carries the colour of the only ignored class, else (224, 224, 192).

        Raises:
            ClassTableError: for more than 255 classes, which no palette holds.
        """
        if len(self) > IGNORE_INDEX:
            message = f"{len(self)} classes do not fit a palette of 256 entries"
            raise ClassTableError(message, path=self.source, hint="write index masks: --mask-mode index")
        colors = voc_colormap().copy()
        for c in self.classes:
            colors[c.id] = c.color
        colors[IGNORE_INDEX] = self.void_color
        colors.setflags(write=False)
        return colors

    @cached_property
    def hash(self) -> str:
        """SHA-256 of what everything after conversion depends on: ids, names and colours of the kept classes."""
        kept = [[c.id, c.name, list(c.color)] for c in self.classes]
        text = json.dumps({"classes": kept, "ignore_index": self.ignore_index}, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def require_same(self, other: ClassTable, *, mine: str, theirs: str) -> None:
        """Refuses another class table, naming both.

        Raises:
            MismatchError: with the first difference between the two.
        """
        if self.hash == other.hash:
            return
        difference = _first_difference(self, other)
        message = (
            f"two class tables: {mine} has {len(self)} classes (table {self.hash[:12]}), "
            f"{theirs} has {len(other)} (table {other.hash[:12]}); {difference}"
        )
        raise MismatchError(message, hint="prepare both from one class table, or train anew on this one")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `from_dict` is the way back."""
        return {
            "classes": [
                {
                    "id": c.id,
                    "name": c.name,
                    "color": list(c.color),
                    "colors": [list(x) for x in c.colors],
                    "source_ids": list(c.source_ids),
                }
                for c in self.classes
            ],
            "ignored": [
                {"name": c.name, "colors": [list(x) for x in c.colors], "source_ids": list(c.source_ids)}
                for c in self.ignored
            ],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], *, source: str = "class table") -> Self:
        """The table that `to_dict` wrote."""
        kept = tuple(
            SegClass(c["id"], c["name"], _rgb(c["color"]), _rgbs(c["colors"]), tuple(c["source_ids"]))
            for c in values["classes"]
        )
        ignored = tuple(IgnoredClass(c["name"], _rgbs(c["colors"]), tuple(c["source_ids"])) for c in values["ignored"])
        return cls(kept, ignored, source=source)


def _rgb(values: Iterable[int]) -> RGB:
    r, g, b = values
    return (r, g, b)


def _rgbs(values: Iterable[Iterable[int]]) -> tuple[RGB, ...]:
    return tuple(_rgb(v) for v in values)


def _first_difference(a: ClassTable, b: ClassTable) -> str:
    for x, y in zip(a.classes, b.classes, strict=False):
        if (x.name, x.color) != (y.name, y.color):
            return f"id {x.id} is {x.name!r} {x.color} here and {y.name!r} {y.color} there"
    longer = a if len(a) > len(b) else b
    extra = ", ".join(repr(name) for name in longer.names[min(len(a), len(b)) :][:5])
    return f"only one of them has {extra}"

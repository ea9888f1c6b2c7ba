"""A first look at an unknown dataset: modes, sizes and colours of its masks, and what a class table makes of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from labelprep.class_rows import IgnoredClass, SegClass
from labelprep.classes import ClassTable
from labelprep.errors import DamagedFileError
from labelprep.steps.annotated import Drawn, decode_annotation, read_source
from labelprep.steps.decode import decode
from labelprep.steps.decoded import Decoded, pack, unpack
from labelprep.steps.discover import Plan, Sample
from labelprep.steps.labels import names_of
from labelprep.steps.look_up import COLORS, VALUES
from labelprep.steps.meaning import Habits, understand

LOOKED_AT = 200  # masks, spread evenly over the plan
UNCOVERED = ""  # the label of what no shape covers
MOST_COLORS = 1000  # kept while counting; masks hold tens, smeared ones thousands


def inspect_dataset(
    plan: Plan,
    table: ClassTable | None,
    *,
    max_pixels: int,
    on_mask: Callable[[int, int], None],
    looked_at: int = LOOKED_AT,
) -> dict[str, Any]:
    """What the masks of a plan look like; nothing is written.

    Args:
        plan: the samples.
        table: the class table, where there is one.
        max_pixels: larger masks are passed over and told.
        on_mask: called with (done, total) before every mask.
        looked_at: how many masks are opened at most, spread evenly.

    Returns:
        Plain values: masks, pairs, splits, layout, modes, sizes, values (colours or ids with pixels, masks and an
        example), votes for the colour order, unreadable.
    """
    step = max(1, -(-len(plan) // looked_at))
    total = -(-len(plan) // step)
    modes: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    votes: Counter[str] = Counter()
    seen = _Values()
    unreadable: list[str] = []
    pairs = 0
    for n, sample in enumerate(plan.samples()):
        pairs += sample.image is not None
        if n % step:
            continue
        on_mask(n // step + 1, total)
        try:
            decoded = _opened(sample, max_pixels, table)
        except (OSError, DamagedFileError) as error:
            unreadable.append(f"{sample.source}: {error}")
            continue
        modes[f"{decoded.format} {decoded.mode}".rstrip() + (" lossy" if decoded.lossy else "")] += 1
        sizes[f"{decoded.width}x{decoded.height}"] += 1
        seen.add(decoded, sample.source)
        if table is not None and decoded.kind != "labels":
            meaning = understand(decoded, table, Habits())
            votes["undecided" if meaning.undecided else meaning.vote or "either"] += 1
    return {
        "layout": plan.layout,
        "why": plan.why,
        "masks": len(plan),
        "pairs": pairs,
        "splits": plan.split_counts(),
        "looked_at": total,
        "modes": dict(modes.most_common()),
        "sizes": dict(sizes.most_common(10)),
        "class_tables": list(plan.class_table_candidates),
        "values": seen.rows(table),
        "more_values": seen.dropped,
        "color_order": dict(votes),
        "unreadable": unreadable,
    }


def _opened(sample: Sample, max_pixels: int, table: ClassTable | None) -> Decoded:
    """The pixels of a mask, or of an annotation as it is drawn.

    Raises:
        OSError: where it cannot be read.
        DamagedFileError: where it does not decode.
    """
    if sample.form:
        undrawn = frozenset() if table is None else names_of(table).undrawn
        return decode_annotation(sample, read_source(sample), Drawn(max_pixels, undrawn=undrawn))[0]
    return decode(sample.mask.read_bytes(), max_pixels=max_pixels)


class _Values:
    """Counts colours, ids and labels over masks."""

    def __init__(self) -> None:
        self.pixels: Counter[tuple[str, int | str]] = Counter()
        self.masks: Counter[tuple[str, int | str]] = Counter()
        self.example: dict[tuple[str, int | str], str] = {}
        self.form = ""  # of annotations
        self._beyond = np.zeros(COLORS + VALUES, np.bool_)  # values that are no longer kept, each counted once

    @property
    def dropped(self) -> int:
        """How many values were seen beyond those that are kept."""
        return int(self._beyond.sum())

    def add(self, decoded: Decoded, source: str) -> None:
        if decoded.kind == "labels":
            self._add_labels(decoded, source)
            return
        used = decoded.coded.used()
        values, pixels = decoded.coded.values[used], decoded.coded.pixels[used]
        kind = "id" if decoded.kind == "gray" else "color"
        if decoded.palette is not None:
            values = pack(decoded.palette)[values]
        for value, count in zip(values.tolist(), pixels.tolist(), strict=True):
            name = (kind, value)
            if name not in self.pixels and len(self.pixels) >= MOST_COLORS:
                self._beyond[value if kind == "color" else COLORS + value] = True
                continue
            self.pixels[name] += count
            self.masks[name] += 1
            self.example.setdefault(name, source)

    def _add_labels(self, decoded: Decoded, source: str) -> None:
        self.form, used = decoded.format, decoded.coded.used()
        for value, count in zip(decoded.coded.values[used].tolist(), decoded.coded.pixels[used].tolist(), strict=True):
            name = ("label", decoded.labels[value - 1] if value else UNCOVERED)
            self.pixels[name] += count
            self.masks[name] += 1
            self.example.setdefault(name, source)

    def rows(self, table: ClassTable | None) -> list[dict[str, Any]]:
        rows = []
        for (kind, value), pixels in self.pixels.most_common():
            row: dict[str, Any] = {"kind": kind, "pixels": pixels, "masks": self.masks[kind, value]}
            row["value"] = list(unpack(value)) if kind == "color" and isinstance(value, int) else value
            row["example"] = self.example[kind, value]
            if table is not None:
                row["class"] = _name(table, kind, value, self.form)
            rows.append(row)
        return rows


def _name(table: ClassTable, kind: str, value: int | str, form: str) -> str | None:
    if isinstance(value, str):
        number = names_of(table).uncovered if value == UNCOVERED else names_of(table).id_of(value, form)
        if number is None or number == table.ignore_index:
            return None if number is None and value != UNCOVERED else "ignored"
        return table.names[number]
    if kind == "color":
        return table.color_names.get(unpack(value))
    both: tuple[SegClass | IgnoredClass, ...] = (*table.classes, *table.ignored)
    return next((c.name for c in both if value in c.source_ids), None)

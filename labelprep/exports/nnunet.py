"""nnU-Net's raw datasets: `dataset.json`, and the split that its cross-validation takes.

Value 0 must be a label called background, ids must be consecutive, and ignored pixels must be the highest one, called
ignore. A set whose classes hold no background keeps 0 free, as nnU-Net leaves the background out of its scores.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from labelprep.classes import ClassTable
from labelprep.errors import UsageError
from labelprep.exports.values import Item, Sidecars
from labelprep.prepared import Prepared

BACKGROUND, IGNORE = "background", "ignore"


def values_of(table: ClassTable) -> tuple[int, ...]:
    """The value that each class has in an nnU-Net label, by id: 0 for the background, 1, 2, … for the others.

    >>> from labelprep.class_rows import ClassRow
    >>> rows = [ClassRow(name, ((n, n, n),)) for n, name in enumerate(("road", "Background", "car"))]
    >>> values_of(ClassTable.build(rows)), values_of(ClassTable.build(rows[::2]))
    ((1, 0, 2), (1, 2))
    """
    behind = [c for c in table.classes if c.name.casefold() == BACKGROUND]
    place = {c.id: number for number, c in enumerate((c for c in table.classes if c not in behind), 1)}
    return tuple(place.get(c.id, 0) for c in table.classes)


def check(table: ClassTable, layout: str) -> None:
    """Refuses classes that nnU-Net would take for something else.

    Raises:
        UsageError: for a class called ignore, two called background, or too many classes.
    """
    names = [c.name.casefold() for c in table.classes]
    if IGNORE in [c.name for c in table.classes]:
        message = f"layout {layout} calls ignored pixels {IGNORE!r}, but a class is called so"
        raise UsageError(message, hint="convert with --ignore ignore, or give the class another name")
    if names.count(BACKGROUND) > 1:
        message = f"layout {layout} has one label 'background', but several classes are called so"
        raise UsageError(message, hint="merge them in the class table and convert again")
    if (top := 1 + max(values_of(table))) > 255:
        message = f"layout {layout} would need the value {top}, but is written in 8 bits"
        raise UsageError(message, hint="layouts mirror, pairs, hf, hf-parquet and coco carry 16-bit masks")


def labels(prepared: Prepared) -> dict[str, int]:
    """`labels` of dataset.json, in the order of their values."""
    table = prepared.table
    values = values_of(table)
    by_value = {0: BACKGROUND} | {value: c.name for c, value in zip(table.classes, values, strict=True) if value}
    if prepared.totals.ignored:
        by_value[1 + max(values)] = IGNORE
    return {name: value for value, name in sorted(by_value.items())}


def dataset_json(prepared: Prepared, samples: Mapping[str, int]) -> Sidecars:
    """`dataset.json`; only the cases of imagesTr are counted."""
    value = {
        "channel_names": {"0": "R", "1": "G", "2": "B"},
        "labels": labels(prepared),
        "numTraining": samples.get("Tr", 0),
        "file_ending": ".png",
        "overwrite_image_reader_writer": "NaturalImage2DIO",
    }
    yield "dataset.json", (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def split_lines(_prepared: Prepared, items: Iterator[Item]) -> Iterator[str]:
    """`splits_final.json`, which belongs into nnU-Net's folder of preprocessed data: train and val, or all folds.

    Nothing without a split called val or a fold: nnU-Net then makes five folds itself.
    """
    folds: dict[str, dict[str, list[str]]] = {}
    for item in items:
        fold, _, part = (item.own_split or "").rpartition("-")
        if item.split == "Tr":
            folds.setdefault(fold, {}).setdefault("val" if part == "val" else "train", []).append(item.name)
    whole = [fold for _, fold in sorted(folds.items()) if fold.keys() == {"train", "val"}]
    if whole:
        yield json.dumps(whole, ensure_ascii=False, indent=1)

"""labelprep: masks in, training data out.

The names below are loaded when they are first used, so that importing the package costs nothing.

>>> import numpy as np
>>> from labelprep import ClassRow, ClassTable, painted, to_index
>>> table = ClassTable.build([ClassRow("road", ((128, 64, 128),)), ClassRow("void", ((0, 0, 0),), ignore=True)])
>>> ids = to_index(np.array([[[128, 64, 128], [0, 0, 0]]], np.uint8), table)
>>> ids.tolist(), painted(ids, table).tolist()
([[0, 255]], [[[128, 64, 128], [0, 0, 0]]])
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labelprep.class_rows import ClassRow, voc_colormap
    from labelprep.classes import ClassTable
    from labelprep.errors import LabelprepError
    from labelprep.findings import Finding
    from labelprep.formats.class_tables import load_table
    from labelprep.prepared import Prepared
    from labelprep.steps.count import ClassCounts
    from labelprep.steps.index import to_index
    from labelprep.steps.palette import painted, read_ids, save_palette
    from labelprep.weights import ClassWeights, class_weights

__version__ = "0.1.0"

_HOMES = {
    "ClassCounts": "steps.count",
    "ClassRow": "class_rows",
    "ClassTable": "classes",
    "ClassWeights": "weights",
    "Finding": "findings",
    "LabelprepError": "errors",
    "Prepared": "prepared",
    "class_weights": "weights",
    "load_table": "formats.class_tables",
    "painted": "steps.palette",
    "read_ids": "steps.palette",
    "save_palette": "steps.palette",
    "to_index": "steps.index",
    "voc_colormap": "class_rows",
}

__all__ = [
    "ClassCounts",
    "ClassRow",
    "ClassTable",
    "ClassWeights",
    "Finding",
    "LabelprepError",
    "Prepared",
    "class_weights",
    "load_table",
    "painted",
    "read_ids",
    "save_palette",
    "to_index",
    "voc_colormap",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        message = f"module 'labelprep' has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(importlib.import_module(f"labelprep.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])

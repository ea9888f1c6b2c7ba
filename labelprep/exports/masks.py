"""Prepared ids in the form that a layout asks for."""

from __future__ import annotations

import io
from collections import Counter
from typing import Any

import numpy as np
import xxhash
from numpy.typing import NDArray
from PIL import Image

from labelprep.classes import ClassTable
from labelprep.errors import UsageError
from labelprep.exports import nnunet
from labelprep.exports.values import Form, Layout
from labelprep.png import write
from labelprep.prepared import Prepared, Row
from labelprep.steps.palette import encode_mask, painted, read_ids

WIDE = "layouts mirror, pairs, hf, hf-parquet and coco carry 16-bit masks"


def check(layout: Layout, name: str, table: ClassTable) -> None:
    """Refuses a layout that cannot carry the ids of a table.

    Raises:
        UsageError: for ids that do not fit into 8 bits, colours that do not tell the classes apart, or names that the
            layout's readers take for something else.
    """
    classes, form = len(table), layout.form
    if form == "one-more" and classes > 254:
        message = f"layout {name} writes id + 1 in 8 bits, which takes up to 254 classes, not {classes}"
        raise UsageError(message)
    if form in ("kept", "gray") and table.ignore_index > 255 and not layout.wide:
        message = f"layout {name} is read as 8-bit masks, which take up to 255 classes, not {classes}"
        raise UsageError(message, hint=WIDE)
    if form == "background-first":
        nnunet.check(table, name)
    if form == "colours":
        painted_as = Counter([*(c.color for c in table.classes), table.void_color])
        if twice := [color for color, times in painted_as.items() if times > 1]:
            names = [c.name for c in table.classes if c.color == twice[0]]
            names += ["ignored pixels"] * (table.void_color == twice[0])
            message = f"layout {name} is read by colours, but {' and '.join(names)} are all painted {twice[0]}"
            raise UsageError(message, hint="give each class a colour of its own in the class table and convert again")


def mask_bytes(prepared: Prepared, row: Row, form: Form) -> bytes | None:
    """A prepared mask in another form; None where the file itself will do.

    Args:
        prepared: the folder.
        row: the mask's line of the manifest.
        form: the form that is asked for.

    Raises:
        UsageError: where the mask is not the one that the manifest tells of.
    """
    table = prepared.table
    if form == "kept" or (form == "gray" and prepared.info["options"].get("mask_mode") == "index"):
        return None
    ids = checked_ids(prepared, row)
    if form == "gray":
        return encode_mask(ids, table, mask_mode="index")
    if form in ("one-more", "background-first"):
        return write.encode(np.take(_values(table, form), ids), None)
    out = io.BytesIO()
    Image.fromarray(painted(ids, table)).save(out, "PNG", compress_level=1)
    return out.getvalue()


def _values(table: ClassTable, form: Form) -> NDArray[np.uint8]:
    """The value that stands for each of 256 ids."""
    values = np.zeros(256, np.uint8)
    if form == "one-more":
        values[: len(table)] = np.arange(1, len(table) + 1)
        return values
    numbers = nnunet.values_of(table)
    values[: len(table)], values[255] = numbers, 1 + max(numbers)
    return values


def checked_ids(prepared: Prepared, row: Row) -> NDArray[Any]:
    """The ids of a prepared mask, (H, W), held against the manifest.

    Raises:
        UsageError: where they are not those that were written.
    """
    path = prepared.mask_path(row.key)
    ids = read_ids(path)
    plain = np.ascontiguousarray(ids if ids.dtype == np.uint8 else ids.astype("<u2"))
    if xxhash.xxh3_128_hexdigest(plain.data) != row.xxh3:
        message = "the mask's ids are not those that were written"
        raise UsageError(message, path=path, hint="see what else changed: labelprep verify OUT; convert mends it")
    return ids

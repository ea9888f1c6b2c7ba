"""Prepared ids in the form that a layout asks for."""

from __future__ import annotations

import io
from collections import Counter

import numpy as np
from PIL import Image

from labelprep.classes import ClassTable
from labelprep.errors import UsageError
from labelprep.exports.values import Form
from labelprep.png import write
from labelprep.steps.palette import encode_mask, painted, read_ids
from labelprep.storage.place import Place, for_pillow


def check_form(form: Form, table: ClassTable, layout: str) -> None:
    """Refuses a form that cannot carry the ids of a table.

    Raises:
        UsageError: for ids that do not fit into 8 bits, or colours that do not tell the classes apart.
    """
    classes = len(table)
    if form == "one-more" and classes > 254:
        message = f"layout {layout} writes id + 1 in 8 bits, which takes up to 254 classes, not {classes}"
        raise UsageError(message)
    if form in ("kept", "gray") and table.ignore_index > 255:
        message = f"layout {layout} is read as 8-bit masks, which take up to 255 classes, not {classes}"
        raise UsageError(message, hint="layouts mirror and pairs carry 16-bit masks")
    if form == "colours":
        painted_as = Counter([*(c.color for c in table.classes), table.void_color])
        if twice := [color for color, times in painted_as.items() if times > 1]:
            names = [c.name for c in table.classes if c.color == twice[0]]
            names += ["ignored pixels"] * (table.void_color == twice[0])
            message = f"layout {layout} is read by colours, but {' and '.join(names)} are all painted {twice[0]}"
            raise UsageError(message, hint="give each class a colour of its own in the class table and convert again")


def mask_bytes(path: Place, form: Form, table: ClassTable, *, is_gray: bool) -> bytes | None:
    """A prepared mask in another form; None where the file itself will do.

    Args:
        path: the prepared mask.
        form: the form that is asked for.
        table: its class table.
        is_gray: the prepared masks are gray, not palette PNGs.
    """
    if form == "kept" or (form == "gray" and is_gray):
        return None
    ids = read_ids(path)
    if form == "gray":
        return encode_mask(ids, table, mask_mode="index")
    if form == "one-more":
        return write.encode(np.where(ids == table.ignore_index, 0, ids + 1).astype(np.uint8), None)
    out = io.BytesIO()
    Image.fromarray(painted(ids, table)).save(out, "PNG", compress_level=1)
    return out.getvalue()


def as_png(path: Place) -> bytes:
    """An image as RGB PNG: the pixels that a decoder gives, without further loss."""
    out = io.BytesIO()
    with Image.open(for_pillow(path)) as image:
        image.convert("RGB").save(out, "PNG", compress_level=1)
    return out.getvalue()

"""Logits, labels and gradients as they lie in memory, of any strides and type, from and to dense rows."""

from __future__ import annotations

from typing import Any

from numba import int64, types, uint32, uint64
from numba.extending import overload

from labelprep.learning.losses.loops.halves import of_bfloat16, of_float16, to_bfloat16, to_float16
from labelprep.png.compiled import compiled

# A multiplication and an addition may be one instruction; nothing is assumed of NaN, infinity or the order of sums.
EXACT: Any = {"fastmath": {"contract"}, "error_model": "numpy"}
quick: Any = compiled(**EXACT)


# The bodies of these two never run: numba compiles what `overload` gives for the type.
def _widen(value: Any, brain: Any) -> Any:
    """A stored logit as a number to reckon with; two bytes are a bfloat16 where `brain`, else a float16."""
    raise NotImplementedError


def _narrow(value: Any, like: Any, brain: Any) -> Any:
    """The number as it is stored in the array `like`."""
    raise NotImplementedError


@overload(_widen, strict=False)
def _widen_any(value: Any, brain: Any) -> Any:
    if value != types.uint16:
        return lambda value, brain: value
    return lambda value, brain: of_bfloat16(value) if brain else of_float16(value)


@overload(_narrow, strict=False)
def _narrow_any(value: Any, like: Any, brain: Any) -> Any:
    if like.dtype != types.uint16:
        return lambda value, like, brain: value
    return lambda value, like, brain: to_bfloat16(value) if brain else to_float16(value)


@quick
def read_labels(fields: Any, steps: Any, row: Any, column: Any, classes: Any, ignore_index: Any, label: Any) -> Any:
    """Fills `label` (n,) with the class, or `classes` where ignored; returns how many more are out of range.

    Args:
        fields: flat arrays of uint8, int8, int16, int32 and int64, all but one of them empty.
        steps: which field; and in it, of the image, a row, a column.
        row: of the first pixel.
        column: of the first pixel.
        classes: C.
        ignore_index: label of the pixels that stay out.
        label: (n,) uint32.
    """
    which, image, row_step, step = steps
    at = image + row * row_step + column * step
    if which == 0:
        return _read_labels(fields[0], at, step, classes, ignore_index, label)
    if which == 1:
        return _read_labels(fields[1], at, step, classes, ignore_index, label)
    if which == 2:
        return _read_labels(fields[2], at, step, classes, ignore_index, label)
    if which == 3:
        return _read_labels(fields[3], at, step, classes, ignore_index, label)
    return _read_labels(fields[4], at, step, classes, ignore_index, label)


@quick
def _read_labels(field: Any, at: Any, step: Any, classes: Any, ignore_index: Any, label: Any) -> Any:
    strays, start, apart = 0, uint64(at), uint64(step)  # unsigned: a signed index would be asked whether it is negative
    for x in range(label.size):
        value = int64(field[start + uint64(x) * apart])
        inside, kept = (value >= 0) & (value < classes), value != ignore_index
        label[x] = uint32(value) if inside & kept else uint32(classes)
        strays += int64(kept & (not inside))
    return strays


@quick
def read_row(field: Any, at: Any, step: Any, brain: Any, label: Any, classes: Any, row: Any, peak: Any) -> None:
    """Fills `row` with the logits of one class, 0 where ignored: what lies there may be NaN. Raises peak to them."""
    zero, start, apart = row.dtype.type(0), uint64(at), uint64(step)
    for x in range(row.size):
        value = _widen(field[start + uint64(x) * apart], brain) if label[x] < classes else zero
        row[x] = value
        peak[x] = value if value > peak[x] else peak[x]


@quick
def write_row(values: Any, field: Any, at: Any, step: Any, brain: Any) -> None:
    """field[at + x * step] = values[x]."""
    if step == 1:
        dense = field[at : at + values.size]
        for x in range(values.size):
            dense[x] = _narrow(values[x], field, brain)
    else:  # signed indices keep the compiler from a scatter instruction, which takes longer than one by one
        for x in range(values.size):
            field[at + x * step] = _narrow(values[x], field, brain)

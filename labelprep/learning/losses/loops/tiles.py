"""A tile: neighbouring pixels of one image with all their classes, few enough for the cache, dense and wide.

Loops run over the pixels of one class, so that the compiler does 8 or 16 pixels at a time, whatever the layout was. An
ignored pixel has the label C, one more than there are. Its logits are 0, its weight and its probability too, so that
few loops have to ask.

Arrays of n pixels: `power` (C + 1, tile) flat, of which the first n a class are used; `label` (n,) uint32; others (n,).
"""

from __future__ import annotations

from typing import Any

from numba import float64, uint64

from labelprep.learning.losses.loops.exponential import exp, log
from labelprep.learning.losses.loops.stored import quick, read_labels, read_row
from labelprep.png.compiled import compiled

# The sums of many numbers may be taken in another order than they stand: the one that is quickest, always the same.
_sums: Any = compiled(fastmath={"contract", "reassoc", "nsz"})


@_sums
def added(values: Any) -> Any:
    """The sum, in float64."""
    total = 0.0
    for x in range(values.size):
        total += float64(values[x])
    return total


@_sums
def product(values: Any, others: Any) -> Any:
    """The scalar product; with one row of a tile it is short enough for the type of the values."""
    total = values.dtype.type(0)
    for x in range(values.size):
        total += values[x] * others[x]
    return float64(total)


@quick
def soften(z: Any, y: Any, pixel: Any, ignore_index: Any, weights: Any, spread: Any, power: Any, arrays: Any) -> Any:
    """The softmax of a tile.

    Args:
        z: the logits as they are stored, flat; and steps in there: of the image, a class, a row, a column, and `brain`.
        y: the labels, as `read_labels` takes them.
        pixel: row and column of the first pixel.
        ignore_index: label of the pixels that stay out.
        weights: (C + 1,), the last one 0.
        spread: whether the distance is asked for.
        power: filled with e to the logits less the largest, 0 at C.
        arrays: filled: label; largest logit; log of the powers' sum; its inverse, 0 where ignored; nll of the label,
            not 0 where ignored; probability of the label, 0 where ignored.

    Returns:
        How many labels are out of range, and the distance: the sum of w_k (largest logit - logit k).
    """
    (field, (image, class_step, row_step, step, brain)), (fields, steps), (row, column) = z, y, pixel
    label, peak, total, inverse, nll, p = arrays
    n, classes, tile = label.size, weights.size - 1, power.size // weights.size
    strays = read_labels(fields, steps, row, column, classes, ignore_index, label)
    at = image + row * row_step + column * step
    peak[:] = -float("inf")
    for c in range(classes):
        read_row(field, at + c * class_step, step, brain, label, classes, power[c * tile : c * tile + n], peak)
    power[classes * tile :] = 0
    _at_label(power, tile, label, nll)
    distance = _distance(power, tile, weights, peak, total) if spread else 0.0
    total[:] = 0
    for c in range(classes):
        _raise_power(power[c * tile : c * tile + n], peak, total)
    _at_label(power, tile, label, p)
    one, zero = total.dtype.type(1), total.dtype.type(0)
    for x in range(n):
        inverse[x] = one / total[x] if label[x] < classes else zero
        total[x] = log(total[x])
        nll[x] = total[x] - (nll[x] - peak[x])
        p[x] *= inverse[x]
    return strays, distance


@quick
def _at_label(power: Any, tile: Any, label: Any, out: Any) -> None:
    for x in range(label.size):
        out[x] = power[label[x] * uint64(tile) + uint64(x)]


@quick
def _raise_power(row: Any, peak: Any, total: Any) -> None:
    for x in range(row.size):
        row[x] = exp(row[x] - peak[x])
        total[x] += row[x]


@quick
def _distance(power: Any, tile: Any, weights: Any, peak: Any, room: Any) -> Any:
    found = 0.0
    for c in range(weights.size - 1):
        if weights[c] > 0:  # a logit of -inf is no matter where its weight is 0
            row = power[c * tile : c * tile + peak.size]
            for x in range(peak.size):
                room[x] = peak[x] - row[x]
            found += weights[c] * added(room)
    return found


@quick
def log_rest(p: Any, tiny: Any) -> Any:
    """log(1 - p), of no less than the smallest number: a small power of 0 has no derivative."""
    return log(max(type(tiny)(1) - p, tiny))

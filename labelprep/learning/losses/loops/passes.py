"""The two passes over a strip of pixels of one image: what the losses sum, and the gradient of the logits."""

from __future__ import annotations

from typing import Any

from labelprep.learning.losses.loops.exponential import exp
from labelprep.learning.losses.loops.stored import EXACT, quick, write_row
from labelprep.learning.losses.loops.tiles import added, log_rest, product, soften
from labelprep.png.compiled import kernel


@kernel(**EXACT)
def add_up(z: Any, y: Any, strip: Any, weights: Any, words: Any, scratch: Any, sums: Any) -> None:
    """Adds the sums of a strip.

    Args:
        z: the logits, as `soften` takes them.
        y: the labels, likewise.
        strip: width of the rows, and the first pixel and the one after the last, counted through the rows.
        weights: (C + 1,), the last one 0.
        words: ignore_index, gamma, the smallest number, overlap, spread; see `fused.pixel_sums`.
        scratch: power ((C + 1) * tile,), (6, tile) of the same type, (tile,) uint32, (4, 2, C + 1) float64.
        sums: (3, C) hit, predicted, truth; (4,) nll, focal, spread, labels out of range; float64, zero before.
    """
    width, first, last = strip
    ignore_index, gamma, tiny, overlap, spread = words
    power, rooms, labels, marks = scratch
    by_class, by_image = sums
    classes, tile = weights.size - 1, labels.size
    marks[:] = 0
    while first < last:
        row, column = first // width, first % width
        n = min(tile, width - column, last - first)
        first += n
        label, total, inverse, nll, p = labels[:n], rooms[1, :n], rooms[2, :n], rooms[3, :n], rooms[4, :n]
        arrays = (label, rooms[0, :n], total, inverse, nll, p)
        strays, distance = soften(z, y, (row, column), ignore_index, weights, spread, power, arrays)
        by_image[3] += strays
        if spread:
            by_image[2] += distance + added(weights) * _added_valid(total, label, classes)
        _weigh(nll, label, weights)
        by_image[0] += added(nll)
        if gamma >= 0:
            for x in range(n):
                nll[x] *= exp(gamma * log_rest(p[x], tiny))
            by_image[1] += added(nll)
        _mark(label, p, marks)
        if overlap:
            for c in range(classes):
                by_class[1, c] += product(power[c * tile : c * tile + n], inverse)
    for k in range(4):
        for c in range(classes):
            by_class[0, c] += marks[k, 0, c] if overlap else 0.0
            by_class[2, c] += marks[k, 1, c]


@quick
def _added_valid(values: Any, label: Any, classes: Any) -> Any:
    zero = values.dtype.type(0)
    for x in range(values.size):
        values[x] = values[x] if label[x] < classes else zero
    return added(values)


@quick
def _weigh(nll: Any, label: Any, weights: Any) -> None:
    """Times the weight of the label; 0 where the weight is 0 and the nll infinite."""
    zero = nll.dtype.type(0)
    for x in range(nll.size):
        weight = weights[label[x]]
        nll[x] = weight * nll[x] if weight > zero else zero


@quick
def _mark(label: Any, p: Any, marks: Any) -> None:
    """Probability and number of each label. Neighbours, mostly of one label, need not wait for each other's sum."""
    for x in range(label.size):
        marks[x & 3, 0, label[x]] += p[x]
        marks[x & 3, 1, label[x]] += 1


@kernel(**EXACT)
def descend(z: Any, y: Any, strip: Any, weights: Any, words: Any, scratch: Any, slopes: Any, out: Any) -> None:
    """Writes the gradient of a strip.

    With g the derivative by each probability, dL/dz_k = p_k (g_k - sum_j p_j g_j) from the overlap sums, and
    (p_k - [k = y]) times the derivative by the nll of the label from the others.

    Args:
        z: see `add_up`, as the others up to scratch.
        y: labels.
        strip: of pixels.
        weights: of classes.
        words: of the loss.
        scratch: to work with.
        slopes: the derivatives by hit (C + 1,), the last one 0, by predicted (C,), and by nll, focal, spread (3,).
        out: the gradient as it is stored, flat, and its steps, like those of z.
    """
    width, first, last = strip
    ignore_index, gamma, tiny, overlap, spread = words
    power, rooms, labels, _ = scratch
    hit, predicted, by_image = slopes
    classes, tile = weights.size - 1, labels.size
    by_spread = by_image[2] if spread else type(tiny)(0)
    evenly = by_spread * type(tiny)(added(weights))
    while first < last:
        row, column = first // width, first % width
        n = min(tile, width - column, last - first)
        first += n
        label, to_all, inverse, nll, p = labels[:n], rooms[1, :n], rooms[2, :n], rooms[3, :n], rooms[4, :n]
        arrays = (label, rooms[0, :n], to_all, inverse, nll, p)
        soften(z, y, (row, column), ignore_index, weights, False, power, arrays)
        to_label = rooms[5, :n]
        to_label[:] = by_image[0]
        if gamma >= 0:
            _add_focal(p, nll, gamma, tiny, by_image[1], to_label)
        to_all[:] = 0
        if overlap:
            for c in range(classes):
                _add_times(predicted[c], power[c * tile : c * tile + n], to_all)
        for x in range(n):
            by_nll, by_hit = weights[label[x]] * to_label[x], hit[label[x]] * p[x]
            to_label[x] = by_hit - by_nll
            to_all[x] = by_nll + evenly - (to_all[x] * inverse[x] + by_hit)
        field, (image, class_step, row_step, step, brain) = out
        at = image + row * row_step + column * step
        for c in range(classes):
            values, each = power[c * tile : c * tile + n], by_spread * weights[c]
            _slope(values, inverse, predicted[c], to_all, to_label, each, label, c, classes)
            write_row(values, field, at + c * class_step, step, brain)


@quick
def _add_focal(p: Any, nll: Any, gamma: Any, tiny: Any, by: Any, out: Any) -> None:
    """Derivative of (1 - p)^gamma nll by the nll."""
    zero, less = type(tiny)(0), gamma - type(tiny)(1)
    for x in range(p.size):
        rest = log_rest(p[x], tiny)
        inner = p[x] * nll[x] if p[x] > zero else zero
        out[x] += by * (exp(gamma * rest) + gamma * exp(less * rest) * inner)


@quick
def _add_times(factor: Any, row: Any, out: Any) -> None:
    for x in range(row.size):
        out[x] += factor * row[x]


@quick
def _slope(
    row: Any, inverse: Any, own: Any, to_all: Any, to_label: Any, each: Any, label: Any, c: Any, classes: Any
) -> None:
    """Powers of one class to the gradient of its logits."""
    zero = row.dtype.type(0)
    for x in range(row.size):
        value = row[x] * inverse[x] * (own + to_all[x])
        value -= each if label[x] < classes else zero
        row[x] = value + (to_label[x] if label[x] == c else zero)

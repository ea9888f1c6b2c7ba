"""The fused sums on a GPU: Triton kernels that hold all classes of some pixels of one image in registers.

A program of the forward kernel goes over `TILES` or more tiles of pixels and writes one row of partial sums; the rows
are added up in float64 afterwards, in the same order every time: no atomic additions, so the same bits every time. The
grid depends on the shapes alone, not on the GPU. Any strides go, offsets are 64 bits wide. A label out of range makes
the sums of its image NaN.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

TILES = 16  # of pixels, that a program of the forward kernel takes at least
MOST_PROGRAMS = 1 << 14  # of the forward kernel; beyond, each takes more tiles
TILE_ELEMENTS = 2048  # classes (rounded up to a power of 2) times pixels, at least
TILE_PIXELS = 16  # at least: 32 bytes side by side, even in half precision
THREAD_ELEMENTS = 16  # more would not fit in the registers of the forward kernel


@triton.jit
def _pixels(tile, pixels, width, FLAT: tl.constexpr, BLOCK_P: tl.constexpr):
    """Row and column of a tile's pixels as int64, and which of them there are; flat, all lie in one row."""
    at = tile.to(tl.int64) * BLOCK_P + tl.arange(0, BLOCK_P).to(tl.int64)
    row = tl.zeros((BLOCK_P,), tl.int64) if FLAT else at // width
    return row, at - row * width, at < pixels


@triton.jit
def _labels(place, row, column, row_stride, column_stride, inside, ignore_index, classes):
    """Labels as int64, which of them are valid, and which are valid but out of range."""
    label = tl.load(place + row * row_stride + column * column_stride, mask=inside, other=0).to(tl.int64)
    valid = inside & (label != ignore_index)
    return label, valid, valid & ((label < 0) | (label >= classes))


@triton.jit
def _softmax(
    place, row, column, class_stride, row_stride, column_stride, label, inside, valid, bad, classes,
    BLOCK_C: tl.constexpr, WIDE: tl.constexpr,
):  # fmt: skip
    """Softmax (0 where ignored), where class and label meet, probability and nll of the label; NaN for bad labels."""
    c = tl.arange(0, BLOCK_C).to(tl.int64)
    there = (c < classes)[:, None]
    offset = c[:, None] * class_stride + (row * row_stride + column * column_stride)[None, :]
    z = tl.load(place + offset, mask=there & inside[None, :], other=0).to(WIDE)
    z = tl.where(there, tl.where(valid[None, :], z, 0), float("-inf"))  # what an ignored pixel holds may be NaN
    shifted = z - tl.max(z, 0)[None, :]
    power = tl.exp(shifted)
    total = tl.where(bad, float("nan"), tl.sum(power, 0))
    hot = (c[:, None] == label[None, :]) & valid[None, :]
    at_label = tl.sum(tl.where(hot, shifted, 0), 0)
    nll = tl.where(valid, tl.log(total) - at_label, 0)
    p_label = tl.where(valid, tl.exp(at_label) / total, 0)
    return tl.where(valid[None, :], power / total[None, :], 0), hot, p_label, nll, shifted, total


@triton.jit
def _log_rest(p, tiny):
    """Logarithm of 1 - p, which is taken for no less than the smallest number."""
    return tl.log(tl.maximum(1 - p, tiny))


@triton.jit
def _forward(
    logits, labels, weights, by_class, by_image,
    classes, pixels, width, groups, tiles,
    z_image, z_class, z_row, z_column, y_image, y_row, y_column,
    ignore_index, gamma, tiny,
    OVERLAP: tl.constexpr, FOCAL: tl.constexpr, SPREAD: tl.constexpr,
    FLAT: tl.constexpr, BLOCK_C: tl.constexpr, BLOCK_P: tl.constexpr, WIDE: tl.constexpr,
):  # fmt: skip
    program = tl.program_id(0).to(tl.int64)
    image = program // groups
    first = (program - image * groups) * tiles
    c = tl.arange(0, BLOCK_C)
    w = tl.load(weights + c, mask=c < classes, other=0).to(WIDE)
    hit = tl.zeros((BLOCK_C, BLOCK_P), WIDE)
    predicted = tl.zeros((BLOCK_C, BLOCK_P), WIDE)
    truth = tl.zeros((BLOCK_C, BLOCK_P), WIDE)
    nll_sum = tl.zeros((BLOCK_P,), WIDE)
    focal_sum = tl.zeros((BLOCK_P,), WIDE)
    spread_sum = tl.zeros((BLOCK_P,), WIDE)
    for step in range(tiles):
        row, column, inside = _pixels(first + step, pixels, width, FLAT, BLOCK_P)
        label, valid, bad = _labels(
            labels + image * y_image, row, column, y_row, y_column, inside, ignore_index, classes
        )
        p, hot, p_label, nll, shifted, total = _softmax(
            logits + image * z_image,
            row,
            column,
            z_class,
            z_row,
            z_column,
            label,
            inside,
            valid,
            bad,
            classes,
            BLOCK_C,
            WIDE,
        )
        weight = tl.load(weights + label, mask=valid & (bad == 0), other=0).to(WIDE)
        nll = tl.where((weight > 0) | bad, tl.where(bad, 1, weight) * nll, 0)
        nll_sum += nll
        if FOCAL:
            log_rest = _log_rest(p_label, tiny)
            focal_sum += tl.exp(gamma * log_rest) * nll
        if SPREAD:
            each = tl.where((w > 0)[:, None], tl.log(total)[None, :] - shifted, 0)
            spread_sum += tl.where(valid, tl.sum(w[:, None] * each, 0), 0)
        if OVERLAP:
            hit += tl.where(hot, p, 0)
            predicted += p
        truth += tl.where(hot, 1, 0).to(WIDE)
    place = by_class + program * 3 * classes + c
    tl.store(place, tl.sum(hit, 1), mask=c < classes)
    tl.store(place + classes, tl.sum(predicted, 1), mask=c < classes)
    tl.store(place + 2 * classes, tl.sum(truth, 1), mask=c < classes)
    tl.store(by_image + program * 3, tl.sum(nll_sum, 0))
    tl.store(by_image + program * 3 + 1, tl.sum(focal_sum, 0))
    tl.store(by_image + program * 3 + 2, tl.sum(spread_sum, 0))


@triton.jit
def _backward(
    logits, labels, weights, by_class, by_image, gradient,
    classes, pixels, width, groups,
    z_image, z_class, z_row, z_column, y_image, y_row, y_column, g_image, g_class, g_row, g_column,
    ignore_index, gamma, tiny,
    OVERLAP: tl.constexpr, FOCAL: tl.constexpr, SPREAD: tl.constexpr,
    FLAT: tl.constexpr, BLOCK_C: tl.constexpr, BLOCK_P: tl.constexpr, WIDE: tl.constexpr,
):  # fmt: skip
    program = tl.program_id(0).to(tl.int64)
    image = program // groups
    row, column, inside = _pixels(program - image * groups, pixels, width, FLAT, BLOCK_P)
    label, valid, bad = _labels(labels + image * y_image, row, column, y_row, y_column, inside, ignore_index, classes)
    p, hot, p_label, nll, _, _ = _softmax(
        logits + image * z_image,
        row,
        column,
        z_class,
        z_row,
        z_column,
        label,
        inside,
        valid,
        bad,
        classes,
        BLOCK_C,
        WIDE,
    )
    known = valid & (bad == 0)
    weight = tl.load(weights + label, mask=known, other=0).to(WIDE)
    slope = tl.zeros((BLOCK_P,), WIDE) + tl.load(by_image + image * 3)
    if FOCAL:
        log_rest = _log_rest(p_label, tiny)
        change = gamma * tl.exp((gamma - 1) * log_rest) * tl.where(p_label > 0, p_label * nll, 0)
        slope += tl.load(by_image + image * 3 + 1) * (tl.exp(gamma * log_rest) + change)
    slope = tl.where(weight > 0, weight * slope, 0)
    common = slope
    at_label = -slope
    c = tl.arange(0, BLOCK_C)
    out = p
    if SPREAD:
        w = tl.load(weights + c, mask=c < classes, other=0).to(WIDE) * tl.load(by_image + image * 3 + 2)
        common += tl.sum(w, 0)
    if OVERLAP:
        table = by_class + image * 3 * classes
        predicted = tl.load(table + classes + c, mask=c < classes, other=0).to(WIDE)
        p_hit = p_label * tl.load(table + label, mask=known, other=0).to(WIDE)
        mean = tl.sum(p * predicted[:, None], 0) + p_hit
        out = p * (predicted[:, None] + (common - mean)[None, :])
        at_label += p_hit
    else:
        out = p * common[None, :]
    if SPREAD:
        out -= tl.where(valid[None, :], w[:, None], 0)
    out += tl.where(hot, at_label[None, :], 0)
    offset = c.to(tl.int64)[:, None] * g_class + (row * g_row + column * g_column)[None, :]
    tl.store(gradient + image * g_image + offset, out, mask=(c < classes)[:, None] & inside[None, :])


def forward(
    logits: Tensor,
    labels: Tensor,
    weights: Tensor | None,
    ignore_index: int,
    gamma: float,
    overlap: bool,
    spread: bool,
) -> tuple[Tensor, Tensor]:
    """See `fused.pixel_sums`."""
    batch, classes, height, width = logits.shape
    weights = _given(weights, logits)
    shape = _shape(weights, logits, labels)
    tiles_of_image = triton.cdiv(height * width, shape["BLOCK_P"])
    tiles = max(TILES, triton.cdiv(batch * tiles_of_image, MOST_PROGRAMS))
    groups = triton.cdiv(tiles_of_image, tiles)
    by_class = weights.new_zeros(batch, groups, 3, classes)
    by_image = weights.new_zeros(batch, groups, 3)
    if batch * groups:
        _forward[(batch * groups,)](
            logits, labels, weights, by_class, by_image,
            classes, height * width, width, groups, tiles,
            *logits.stride(), *labels.stride(),
            ignore_index, gamma, torch.finfo(weights.dtype).tiny,
            OVERLAP=overlap, FOCAL=gamma >= 0, SPREAD=spread, **shape,
        )  # fmt: skip
    return by_class.sum(1, dtype=torch.float64), by_image.sum(1, dtype=torch.float64)


def backward(
    logits: Tensor,
    labels: Tensor,
    weights: Tensor | None,
    by_class: Tensor,
    by_image: Tensor,
    ignore_index: int,
    gamma: float,
    overlap: bool,
    spread: bool,
) -> Tensor:
    """See `fused.pixel_sums_backward`; the formula stands in `loops.passes.descend`."""
    batch, classes, height, width = logits.shape
    gradient = torch.empty_like(logits)
    weights = _given(weights, logits)
    shape = _shape(weights, logits, labels, gradient)
    groups = triton.cdiv(height * width, shape["BLOCK_P"])
    if batch * groups:
        _backward[(batch * groups,)](
            logits, labels, weights, by_class.to(weights.dtype), by_image.to(weights.dtype), gradient,
            classes, height * width, width, groups,
            *logits.stride(), *labels.stride(), *gradient.stride(),
            ignore_index, gamma, torch.finfo(weights.dtype).tiny,
            OVERLAP=overlap, FOCAL=gamma >= 0, SPREAD=spread, **shape,
        )  # fmt: skip
    return gradient


def _given(weights: Tensor | None, logits: Tensor) -> Tensor:
    wide = torch.promote_types(logits.dtype, torch.float32)
    return logits.new_ones(logits.shape[1], dtype=wide) if weights is None else weights


def _shape(weights: Tensor, *images: Tensor) -> dict[str, Any]:
    """How many classes and pixels a tile has, how many threads work on it, in which type, and how pixels are found."""
    block_c = max(2, triton.next_power_of_2(len(weights)))
    block_p = max(TILE_PIXELS, TILE_ELEMENTS // block_c)
    return {
        "FLAT": all(image.stride(-2) == image.shape[-1] * image.stride(-1) for image in images),
        "BLOCK_C": block_c,
        "BLOCK_P": block_p,
        "WIDE": tl.float64 if weights.dtype == torch.float64 else tl.float32,
        "num_warps": min(16, block_c * block_p // (32 * THREAD_ELEMENTS)),
        "enable_fp_fusion": True,  # versions of Triton differ in what they take for granted
    }

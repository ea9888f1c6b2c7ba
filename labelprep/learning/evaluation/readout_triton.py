"""Evaluation's read of the logits on a GPU: one Triton kernel that holds all classes of some pixels in registers.

Every logit is read once, whatever the strides; what is written is 13 bytes a pixel or, beyond 256 classes, 16.
"""

from __future__ import annotations

import math

import torch
import triton
import triton.language as tl
from torch import Tensor

TILE = 4096  # classes (rounded up to a power of 2) times pixels
LEAST_PIXELS = 16  # of a tile: 32 bytes side by side, even in half precision


@triton.jit
def _read(
    logits, labels, ids, entropy, confidence, nll,
    classes, pixels, width, z_class, z_row, z_column, y_row, y_column, ignore_index, scale,
    BLOCK_C: tl.constexpr, BLOCK_P: tl.constexpr,
):  # fmt: skip
    at = tl.program_id(0).to(tl.int64) * BLOCK_P + tl.arange(0, BLOCK_P).to(tl.int64)
    inside = at < pixels
    row = at // width
    column = at - row * width
    c = tl.arange(0, BLOCK_C).to(tl.int64)
    there = (c < classes)[:, None]
    offset = c[:, None] * z_class + (row * z_row + column * z_column)[None, :]
    z = tl.load(logits + offset, mask=there & inside[None, :], other=0).to(tl.float32)
    z = tl.where(there, z, float("-inf"))
    top = tl.max(z, 0)
    chosen = tl.min(tl.where(z == top[None, :], c[:, None], BLOCK_C), 0)
    below = z - top[None, :]
    power = tl.exp(below)
    total = tl.sum(power, 0)
    spread = tl.log(total)
    unsure = (spread - tl.sum(tl.where(power > 0, power * below, 0), 0) / total) * scale
    unsure = tl.where(unsure < 0, 0, tl.where(unsure > 1, 1, unsure))  # NaN stays, as a minimum would not let it
    label = tl.load(labels + row * y_row + column * y_column, mask=inside, other=0).to(tl.int64)
    label = tl.where(label == ignore_index, 0, label)
    at_label = tl.sum(tl.where(c[:, None] == label[None, :], below, 0), 0)
    tl.store(ids + at, chosen, mask=inside)
    tl.store(entropy + at, unsure, mask=inside)
    tl.store(confidence + at, 1 / total, mask=inside)
    tl.store(nll + at, spread - at_label, mask=inside)


def read_planes(logits: Tensor, labels: Tensor, ignore_index: int) -> tuple[Tensor, ...]:
    """The planes of `readout.read`: ids, entropy, confidence and negative log likelihood, each (H, W)."""
    classes, height, width = logits.shape
    floats = [torch.empty(height, width, dtype=torch.float32, device=logits.device) for _ in range(3)]
    ids = torch.empty(height, width, dtype=torch.uint8 if classes <= 256 else torch.int32, device=logits.device)
    block_c = max(2, triton.next_power_of_2(classes))
    block_p = max(LEAST_PIXELS, TILE // block_c)
    if height * width:
        _read[(triton.cdiv(height * width, block_p),)](
            logits, labels, ids, *floats,
            classes, height * width, width, *logits.stride(), *labels.stride(), ignore_index,
            1 / math.log(classes) if classes > 1 else 0.0,
            BLOCK_C=block_c, BLOCK_P=block_p, num_warps=min(16, max(4, block_c * block_p // 1024)),
        )  # fmt: skip
    return ids, *floats

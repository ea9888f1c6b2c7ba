"""Every sum over pixels that cross entropy, focal, Dice, Jaccard and Tversky need, in one read of the logits.

Two operators of torch's library, so that autograd, autocast and `torch.compile` know them. The forward one reads the
logits and gives a few numbers per class; the losses are small functions of these (`ce_of_sums`, `dice_of_sums`, …),
and autograd takes their derivatives. The backward one reads the logits again and writes their gradient. Nothing is
saved per pixel: 3 passes over the logits in all, two over the labels.

On the CPU `fused_cpu` does the work, on a GPU the Triton kernels of `fused_triton`. Both give the same bits every
time. A second derivative is not there, and asking for one raises.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from labelprep.learning.losses.overlap import Overlap
from labelprep.learning.losses.pixels import check_shapes, widened

MAX_CLASSES = 1024  # of the GPU kernels, which hold all classes of a pixel at once


@dataclass(frozen=True)
class PixelSums:
    """Sums over the valid pixels of each image, float64.

    Attributes:
        overlap: per image and class; `hit` and `predicted` are 0 where they were not asked for.
        nll: (B,) of w_y nll.
        focal: (B,) of w_y (1 - p_y)^gamma nll; 0 where no gamma was given.
        spread: (B,) of w_k (-log p_k) over all classes k; 0 where it was not asked for.
    """

    overlap: Overlap
    nll: Tensor
    focal: Tensor
    spread: Tensor


def can_fuse(device: torch.device, classes: int) -> bool:
    """Whether there is an operator for tensors on this device."""
    if device.type == "cuda":
        return classes <= MAX_CLASSES and find_spec("triton") is not None
    return device.type == "cpu"


def fused_sums(
    logits: Tensor,
    labels: Tensor,
    *,
    weights: Tensor | None = None,
    ignore_index: int = 255,
    gamma: float | None = None,
    overlap: bool = True,
    spread: bool = False,
) -> PixelSums:
    """The sums, differentiable once in the logits.

    Args:
        logits: (B, C, H, W) or (B, C, *), float16, bfloat16, float32 or float64, of any strides; read where it lies.
        labels: (B, H, W) integers 0..C-1 or `ignore_index`, uint8 to int64, of any strides.
        weights: (C,) finite, 0 or more; all 1 by default.
        ignore_index: label of the pixels that stay out; their logits are not looked at.
        gamma: of the focal sum.
        overlap: sum probabilities per class.
        spread: sum the nll of all classes, for label smoothing.

    Raises:
        ValueError: for shapes that do not fit, or labels out of range on the CPU. On a GPU such a label makes its
            sums NaN: to raise would be to wait for the kernel.
    """
    check_shapes(logits, labels, weights)
    batch, classes, *sides = logits.shape
    pixels = logits if logits.ndim == 4 else logits.reshape(batch, classes, 1, math.prod(sides))
    by_class, by_image = pixel_sums(
        pixels,
        labels.reshape(batch, *pixels.shape[2:]),
        None if weights is None else weights.to(widened(logits[:0]).dtype),
        ignore_index,
        -1.0 if gamma is None else gamma,
        overlap,
        spread,
    )
    return PixelSums(Overlap(*by_class.unbind(1)), *by_image.unbind(1))


@torch.library.custom_op("labelprep::pixel_sums", mutates_args=())
def pixel_sums(
    logits: Tensor,
    labels: Tensor,
    weights: Tensor | None,
    ignore_index: int,
    gamma: float,
    overlap: bool,
    spread: bool,
) -> tuple[Tensor, Tensor]:
    """The sums as (B, 3, C): hit, predicted, truth, and (B, 3): nll, focal, spread. A gamma below 0 is none."""
    sums: tuple[Tensor, Tensor] = _kernels(logits).forward(
        logits, labels, weights, ignore_index, gamma, overlap, spread
    )
    return sums


@torch.library.custom_op("labelprep::pixel_sums_backward", mutates_args=())
def pixel_sums_backward(
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
    """The gradient of the logits from those of the sums."""
    gradient: Tensor = _kernels(logits).backward(
        logits, labels, weights, by_class, by_image, ignore_index, gamma, overlap, spread
    )
    return gradient


def _kernels(logits: Tensor) -> Any:
    if logits.is_cuda:
        from labelprep.learning.losses import fused_triton

        return fused_triton
    from labelprep.learning.losses import fused_cpu

    return fused_cpu


@pixel_sums.register_fake
def _(logits: Tensor, *_: Any) -> tuple[Tensor, Tensor]:
    batch, classes = logits.shape[:2]
    return logits.new_empty((batch, 3, classes), dtype=torch.float64), logits.new_empty((batch, 3), dtype=torch.float64)


@pixel_sums_backward.register_fake
def _(logits: Tensor, *_: Any) -> Tensor:
    return torch.empty_like(logits)


def _remember(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    logits, labels, weights, *ctx.words = inputs
    ctx.save_for_backward(logits, labels, weights)


def _gradient(ctx: Any, by_class: Tensor, by_image: Tensor) -> tuple[Tensor | None, ...]:
    if not ctx.needs_input_grad[0]:
        return (None,) * 7
    gradient = pixel_sums_backward(*ctx.saved_tensors, by_class.contiguous(), by_image.contiguous(), *ctx.words)
    return gradient, *(None,) * 6


def _no_second(ctx: Any, *_: Tensor) -> None:
    message = "the fused losses have no second derivative; build the loss with fused=False"
    raise NotImplementedError(message)


pixel_sums.register_autograd(_gradient, setup_context=_remember)
pixel_sums_backward.register_autograd(_no_second)

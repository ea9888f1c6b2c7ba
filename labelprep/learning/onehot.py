"""One-hot labels, and how much predicted probabilities agree with them."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor


def one_hot(
    labels: Tensor,
    classes: int,
    *,
    ignore_index: int = 255,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
    eps: float = 0.0,
) -> Tensor:
    """Labels (B, *) as (B, C, *): 1 at the label's class, 0 elsewhere; ignored pixels are 0 in all classes.

    Args:
        labels: (B, *) integers 0..C-1 or `ignore_index`, uint8 to int64.
        classes: C.
        ignore_index: label of the pixels that stay out.
        dtype: dtype of the result.
        device: device of the result; the labels' own by default.
        eps: added to every entry of the pixels that are not ignored, so that the hot one is 1 + eps (the
            published form has 1e-6). Dice targets want 0: over millions of pixels it gives absent classes mass.

    Raises:
        ValueError: for a label out of range, or an eps that the dtype cannot hold.

    >>> one_hot(torch.tensor([[1, 255, 0]]), 2).tolist()
    [[[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]]
    """
    if eps and not dtype.is_floating_point:
        message = f"eps needs a floating-point dtype, but dtype is {dtype}"
        raise ValueError(message)
    wide = labels.to(device=device, dtype=torch.int64)  # uint8 against an ignore index of -100 would wrap
    valid = wide != ignore_index
    stray = valid & ((wide < 0) | (wide >= classes))
    if bool(stray.any()):
        message = f"labels must lie in 0..{classes - 1} or be {ignore_index}, but {int(stray.sum())} pixels are not"
        raise ValueError(f"{message}; the least is {int(wide[stray].min())}")  # noqa: EM102
    hot = _hot(wide, classes) & valid.unsqueeze(1)
    return hot.to(dtype) + eps * valid.unsqueeze(1).to(dtype) if eps else hot.to(dtype)


def _hot(labels: Tensor, classes: int) -> Tensor:
    """(B, C, *) bool: where the int64 label (B, *) is the class; nowhere for labels out of range."""
    ids = torch.arange(classes, device=labels.device).view(1, classes, *(1,) * (labels.ndim - 1))
    return labels.unsqueeze(1) == ids


def agreement(probabilities: Tensor, onehot: Tensor, reduction: Literal["mean", "sum"] = "mean") -> Tensor:
    """The plain agreement of predictions and one-hot labels: per pixel the sum over classes of p * y.

    Args:
        probabilities: (B, C, *) floating point.
        onehot: (B, C, *) as `one_hot` gives it.
        reduction: `mean` over the pixels that are not ignored (0 where all are) or `sum`.

    Returns:
        A scalar, at least float32.

    Raises:
        ValueError: for shapes that differ or an unknown reduction.
    """
    if probabilities.shape != onehot.shape:
        message = (
            f"onehot must have the shape of probabilities, {tuple(probabilities.shape)}, not {tuple(onehot.shape)}"
        )
        raise ValueError(message)
    if reduction not in ("mean", "sum"):
        message = f"reduction must be mean or sum, but is {reduction!r}"
        raise ValueError(message)
    wide = torch.promote_types(probabilities.dtype, torch.float32)
    total = (probabilities.to(wide) * onehot.to(wide)).sum()
    if reduction == "sum":
        return total
    return total / (onehot != 0).any(1).sum().clamp_min(1)

"""What the losses share: checked shapes and words, wide arithmetic, the negative log likelihood of every pixel."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def check_shapes(logits: Tensor, labels: Tensor, weights: Tensor | None) -> None:
    """Refuses what does not fit together.

    Raises:
        ValueError: naming both shapes.
    """
    if logits.ndim < 2 or not logits.is_floating_point():
        message = f"logits must be floating point (B, C, H, W), but are {logits.dtype} {tuple(logits.shape)}"
        raise ValueError(message)
    wanted = (logits.shape[0], *logits.shape[2:])
    if labels.shape != wanted or labels.is_floating_point():
        message = f"labels must be integers {wanted} for logits {tuple(logits.shape)}, "
        message += f"but are {labels.dtype} {tuple(labels.shape)}"
        raise ValueError(message)
    if weights is not None and weights.shape != logits.shape[1:2]:
        message = f"weights must have shape {tuple(logits.shape[1:2])}, but have {tuple(weights.shape)}"
        raise ValueError(message)


def check_word(option: str, word: str, choices: Sequence[str]) -> None:
    """Refuses a word that is none of the choices.

    Raises:
        ValueError: naming the choices.
    """
    if word not in choices:
        message = f"{option} must be one of {', '.join(choices)}, but is {word!r}"
        raise ValueError(message)


def check_number(option: str, value: float, low: float, high: float, *, open_low: bool = False) -> None:
    """Refuses a number outside low..high (without `low` itself where `open_low`).

    Raises:
        ValueError: naming the range; NaN lies in none.
    """
    if not (low < value if open_low else low <= value) or not value <= high or value == float("inf"):
        least = f"above {low:g}" if open_low else f"{low:g} or more"
        most = "" if high == float("inf") else f" and at most {high:g}"
        message = f"{option} must be {least}{most}, but is {value}"
        raise ValueError(message)


def widened(logits: Tensor) -> Tensor:
    """Half-precision logits as float32, others as they are: sums over pixels overflow or stall in half precision."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def visible(logits: Tensor, valid: Tensor) -> Tensor:
    """Widened logits (B, C, *) with 0 where (B, *) is not valid: what an ignored pixel holds may be NaN."""
    return torch.where(valid.unsqueeze(1), widened(logits), 0)


def widest(device: torch.device) -> torch.dtype:
    """The dtype for sums over many pixels: float64, and float32 where there is none."""
    return torch.float32 if device.type == "mps" else torch.float64


def valid_labels(labels: Tensor, classes: int, ignore_index: int) -> tuple[Tensor, Tensor]:
    """Labels as int64 with 0 in place of the ignore index, and the bool mask of the others.

    Raises:
        ValueError: for labels out of range on the CPU; on a GPU the check would wait for all work before it.
    """
    wide = labels.to(torch.int64)  # uint8 against an ignore index of -100 would wrap
    valid = wide != ignore_index
    safe = wide.masked_fill(~valid, 0)
    if safe.device.type == "cpu" and safe.numel() and not 0 <= int(safe.min()) <= int(safe.max()) < classes:
        strays = int(((safe < 0) | (safe >= classes)).sum())
        message = f"labels must lie in 0..{classes - 1} or be {ignore_index}, but {strays} pixels are not"
        raise ValueError(message)
    return safe, valid


def pixel_nll(
    logits: Tensor, labels: Tensor, weights: Tensor | None, ignore_index: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Negative log likelihood, weight and validity of every pixel, each (B, H, W).

    The weight of an ignored pixel is 0; a pixel of weight 0 has nll 0, even where its probability is 0.

    Raises:
        ValueError: for shapes that do not fit, or labels out of range.
    """
    check_shapes(logits, labels, weights)
    safe, valid = valid_labels(labels, logits.shape[1], ignore_index)
    log_p = torch.log_softmax(visible(logits, valid), 1)
    nll = -log_p.gather(1, safe.unsqueeze(1)).squeeze(1)
    weight = valid.to(nll.dtype) if weights is None else weights.to(nll.dtype)[safe] * valid
    return torch.where(weight > 0, nll, 0), weight, valid


def ratio(part: Tensor, whole: Tensor) -> Tensor:
    """The quotient, element by element; 0 where the whole is 0, and so the part of it."""
    return part / (whole + (whole == 0))

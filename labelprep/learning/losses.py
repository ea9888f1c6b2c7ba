"""Cross entropy and focal loss from logits, and sums of losses read from text. `dice` has its own file.

All are pure functions of logits (B, C, H, W) and labels (B, H, W); ignored pixels enter nothing; half-precision
logits are widened first; nothing is NaN for empty or wholly ignored batches. docs/definitions.md tells how
other libraries' numbers come out of these.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from labelprep.learning.dice import Absent, Reduction, dice
from labelprep.learning.pixels import pixel_nll, ratio

Compat = Literal["none", "keras", "deeplab"]
Weights = Sequence[float] | NDArray[np.floating[Any]] | Tensor

LOSSES = ("ce", "focal", "dice")
DEEPLAB_ALPHA = 0.5


def cross_entropy(
    logits: Tensor,
    labels: Tensor,
    *,
    weights: Tensor | None = None,
    ignore_index: int = 255,
    compat: Literal["none", "deeplab"] = "none",
) -> Tensor:
    """sum(w_y nll) / sum(w_y) over valid pixels; 0 where the denominator is 0.

    Args:
        logits: (B, C, H, W) floating point.
        labels: (B, H, W) integers 0..C-1 or `ignore_index`, uint8 to int64.
        weights: (C,) finite, 0 or more; all 1 by default.
        ignore_index: label of the pixels that stay out.
        compat: `deeplab` divides the mean again by B, as pytorch-deeplab-xception does.

    Returns:
        A scalar, at least float32.

    Raises:
        ValueError: for shapes or labels that do not fit or an unknown `compat`.
    """
    _choose("compat", compat, ("none", "deeplab"))
    nll, weight, _ = pixel_nll(logits, labels, weights, ignore_index)
    mean = ratio((nll * weight).sum(), weight.sum())
    return mean / max(len(logits), 1) if compat == "deeplab" else mean


def focal(
    logits: Tensor,
    labels: Tensor,
    *,
    gamma: float = 2.0,
    alpha: float | None = None,
    weights: Tensor | None = None,
    ignore_index: int = 255,
    compat: Literal["none", "deeplab"] = "none",
) -> Tensor:
    """Focal loss: per pixel alpha (1 - p_t)^gamma times the weighted nll, summed, divided by the valid pixels.

    Lin et al. 2017 (arXiv 1708.02002), with alpha as a plain factor. `compat="deeplab"` is the form of
    pytorch-deeplab-xception: focal of the batch's mean cross entropy, alpha applied after p_t, divided again by B.

    Args:
        logits: (B, C, H, W) floating point.
        labels: (B, H, W) integers 0..C-1 or `ignore_index`, uint8 to int64.
        gamma: 0 or more; 0 gives alpha times the weighted nll.
        alpha: factor; 1 by default, and the published 0.5 under `compat="deeplab"`.
        weights: (C,) finite, 0 or more; all 1 by default.
        ignore_index: label of the pixels that stay out.
        compat: `none` or `deeplab`.

    Returns:
        A scalar, at least float32; 0 where no pixel is valid.

    Raises:
        ValueError: for shapes or labels that do not fit, a negative gamma or an unknown `compat`.
    """
    _choose("compat", compat, ("none", "deeplab"))
    if not 0 <= gamma < math.inf:
        message = f"gamma must be 0 or more, but is {gamma}"
        raise ValueError(message)
    if compat == "deeplab":
        mean = cross_entropy(logits, labels, weights=weights, ignore_index=ignore_index)
        factor = DEEPLAB_ALPHA if alpha is None else alpha
        return factor * _one_minus_p(mean) ** gamma * mean / max(len(logits), 1)
    nll, weight, valid = pixel_nll(logits, labels, weights, ignore_index)
    total = (_one_minus_p(nll) ** gamma * nll * weight).sum()
    return (1.0 if alpha is None else alpha) * ratio(total, valid.sum())


def _one_minus_p(nll: Tensor) -> Tensor:
    """1 - exp(-nll) without cancellation; the floor keeps the gradient of small powers finite at p = 1."""
    return -torch.expm1(-nll).clamp_max(-torch.finfo(nll.dtype).tiny)


@dataclass(frozen=True)
class LossValue:
    """A loss and what it is made of.

    Attributes:
        total: scalar with gradient: the sum of factor times term.
        terms: value of each term by name, without its factor and without gradient.
    """

    total: Tensor
    terms: Mapping[str, Tensor]


def parse_loss(
    text: str,
    *,
    weights: Weights | None = None,
    ignore_index: int = 255,
    dice_beta: float = 1.0,
    dice_reduction: Reduction = "batch",
    dice_absent: Absent = "skip",
    focal_gamma: float = 2.0,
    focal_alpha: float | None = None,
    compat: Compat = "none",
) -> Callable[[Tensor, Tensor], LossValue]:
    """A loss function of (logits, labels) from text such as `ce`, `ce+dice` or `0.5*ce+dice`.

    Args:
        text: names of `LOSSES`, each with a factor before it by choice, joined by `+`.
        weights: (C,) class weights, used as they are by every term.
        ignore_index: label of the pixels that stay out.
        dice_beta: see `dice`.
        dice_reduction: see `dice`.
        dice_absent: see `dice`.
        focal_gamma: see `focal`.
        focal_alpha: see `focal`.
        compat: `keras` concerns dice, `deeplab` ce and focal.

    Raises:
        ValueError: for a loss that there is not, naming the choices, a term named twice, weights that are no
            weights, or a `compat` that concerns none of the terms.
    """
    terms = _parse_terms(text)
    _choose("compat", compat, ("none", "keras", "deeplab"))
    concerned = {"none": set(LOSSES), "keras": {"dice"}, "deeplab": {"ce", "focal"}}[compat]
    if not concerned & set(terms):
        message = f"compat {compat!r} concerns {' and '.join(sorted(concerned))}; the loss {text!r} has neither"
        raise ValueError(message)
    deeplab: Literal["none", "deeplab"] = "deeplab" if compat == "deeplab" else "none"
    keras: Literal["none", "keras"] = "keras" if compat == "keras" else "none"
    functions: dict[str, Callable[..., Tensor]] = {
        "ce": partial(cross_entropy, compat=deeplab),
        "focal": partial(focal, gamma=focal_gamma, alpha=focal_alpha, compat=deeplab),
        "dice": partial(dice, beta=dice_beta, reduction=dice_reduction, absent=dice_absent, compat=keras),
    }
    tensor = None if weights is None else _weights_tensor(weights)

    def loss(logits: Tensor, labels: Tensor) -> LossValue:
        placed = None if tensor is None else tensor.to(logits.device)
        values = {name: functions[name](logits, labels, weights=placed, ignore_index=ignore_index) for name in terms}
        total = torch.stack([factor * values[name] for name, factor in terms.items()]).sum()
        return LossValue(total, {name: value.detach() for name, value in values.items()})

    return loss


def _parse_terms(text: str) -> dict[str, float]:
    terms: dict[str, float] = {}
    for part in text.replace(" ", "").split("+"):
        found = re.fullmatch(r"(?:(\d+\.?\d*|\.\d+)\*)?([a-z_]\w*)", part)
        name, factor = (found[2], float(found[1] or 1)) if found else (part, 0.0)
        if name not in LOSSES or name in terms or factor == 0:
            message = (
                f"loss {text!r}: cannot use {part!r}; expected a sum of {', '.join(LOSSES)}, "
                "each once, with a factor above 0 before it by choice: '0.5*ce+dice'"
            )
            raise ValueError(message)
        terms[name] = factor
    return terms


def _weights_tensor(weights: Weights) -> Tensor:
    tensor = torch.as_tensor(weights, dtype=torch.float32)
    if tensor.ndim != 1 or not len(tensor) or not bool((torch.isfinite(tensor) & (tensor >= 0)).all()):
        message = f"weights must be one finite number of 0 or more per class, but are {tensor.tolist()}"
        raise ValueError(message)
    return tensor


def _choose(option: str, word: str, choices: Sequence[str]) -> None:
    if word not in choices:
        message = f"{option} must be one of {', '.join(choices)}, but is {word!r}"
        raise ValueError(message)

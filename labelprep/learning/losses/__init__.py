"""A loss function from text such as `0.5*ce+dice`: every term from one fused read of the logits where that goes.

The terms themselves are pure functions of logits (B, C, H, W) and labels (B, H, W), each in its own file; ignored
pixels enter nothing; half-precision logits are widened first; nothing is NaN for empty or wholly ignored batches.
docs/definitions.md tells how other libraries' numbers come out of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from labelprep.learning.loss_options import LossOptions
from labelprep.learning.losses.fused import can_fuse, fused_sums
from labelprep.learning.losses.pixels import check_shapes, widened
from labelprep.learning.losses.terms import TERMS, Batch, Settings
from labelprep.loss_terms import check_compat, parse_terms

Weights = Sequence[float] | NDArray[np.floating[Any]] | Tensor


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
    options: LossOptions | None = None,
    *,
    weights: Weights | None = None,
    ignore_index: int = 255,
    names: Sequence[str] = (),
    fused: bool | None = None,
) -> Callable[[Tensor, Tensor], LossValue]:
    """A loss function of (logits, labels) from text such as `ce`, `ce+dice` or `0.5*ce+dice`.

    Args:
        text: names of `loss_terms.LOSSES`, each with a factor before it by choice, joined by `+`.
        options: what the terms can be told.
        weights: (C,) class weights, used as they are by every term.
        ignore_index: label of the pixels that stay out.
        names: of the classes, so that `dice_classes` may name them; ids always go.
        fused: one operator for all terms that are functions of sums over pixels (`fused`); None: where it goes,
            False: the plain functions. Their values agree to rounding.

    Raises:
        ValueError: for a loss that there is not, naming the choices, a term named twice, weights that are no
            weights, options that do not go together, or `fused=True` with a term that cannot be.
    """
    factors = parse_terms(text)
    told = LossOptions() if options is None else options
    check_compat(told.compat, text)
    settings = Settings(told, _ids(told.dice_classes, names), ignore_index)
    for name in factors:
        TERMS[name].check(settings)
    together = [name for name in factors if TERMS[name].of_sums is not None and TERMS[name].fits(settings)]
    if fused and len(together) < len(factors):
        message = f"loss {text!r}: {', '.join(name for name in factors if name not in together)} cannot be fused"
        raise ValueError(message)
    tensor = None if weights is None else _weights_tensor(weights)

    def loss(logits: Tensor, labels: Tensor) -> LossValue:
        placed = None if tensor is None else tensor.to(logits.device)
        check_shapes(logits, labels, placed)
        batch = Batch(logits, labels, placed)
        go = fused is not False and bool(together) and (fused or can_fuse(logits.device, logits.shape[1]))
        values = _fused_values(together, batch, settings) if go else {}
        values = {name: values[name] if name in values else TERMS[name].plain(batch, settings) for name in factors}
        total = torch.stack([factor * values[name] for name, factor in factors.items()]).sum()
        return LossValue(total, {name: value.detach() for name, value in values.items()})

    return loss


def _fused_values(names: Sequence[str], batch: Batch, settings: Settings) -> dict[str, Tensor]:
    told = settings.told
    sums = fused_sums(
        batch.logits,
        batch.labels,
        weights=batch.weights,
        ignore_index=settings.ignore_index,
        gamma=told.focal_gamma if "focal" in names and told.compat != "deeplab" else None,
        overlap=any(TERMS[name].overlap for name in names),
        spread="ce" in names and told.label_smoothing > 0,
    )
    kind = widened(batch.logits[:0]).dtype
    found = {}
    for name in names:
        of_sums = TERMS[name].of_sums
        if of_sums is not None:
            found[name] = of_sums(sums, batch, settings).to(kind)
    return found


def _ids(words: Sequence[str], names: Sequence[str]) -> tuple[int, ...] | None:
    """Ids of classes given by name or id; None where none were given."""
    if not words:
        return None
    unknown = [word for word in words if word not in names and not str(word).isdecimal()]
    if unknown:
        message = f"dice_classes: no class {', '.join(map(repr, unknown))}; there are {', '.join(names) or 'ids alone'}"
        raise ValueError(message)
    ids = tuple(list(names).index(word) if word in names else int(word) for word in words)
    if names and max(ids) >= len(names):
        message = f"dice_classes: ids must lie in 0..{len(names) - 1}, but are {', '.join(map(str, ids))}"
        raise ValueError(message)
    return ids


def _weights_tensor(weights: Weights) -> Tensor:
    tensor = torch.as_tensor(weights, dtype=torch.float32)
    if tensor.ndim != 1 or not len(tensor) or not bool((torch.isfinite(tensor) & (tensor >= 0)).all()):
        message = f"weights must be one finite number of 0 or more per class, but are {tensor.tolist()}"
        raise ValueError(message)
    return tensor

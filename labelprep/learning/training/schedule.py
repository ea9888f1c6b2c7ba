"""How the learning rate goes: a linear warm-up, then constant, poly or cosine down to 0, step by step."""

from __future__ import annotations

import math
from typing import Literal

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

Schedule = Literal["constant", "poly", "cosine"]


def factor(step: int, *, schedule: Schedule, steps: int, warmup: int = 0, power: float = 0.9) -> float:
    """What the learning rate is multiplied with in a step.

    Warm-up: (step + 1) / warmup. Then, with t = (step - warmup) / (steps - warmup): constant 1; poly (1 - t)^power,
    as torch's PolynomialLR; cosine (1 + cos(pi t)) / 2, as torch's CosineAnnealingLR (Loshchilov and Hutter 2017).

    Args:
        step: from 0.
        schedule: `constant`, `poly` or `cosine`.
        steps: steps of the whole training, above 0.
        warmup: steps of the warm-up, below `steps`.
        power: of poly.

    >>> [round(factor(s, schedule="poly", steps=6, warmup=2, power=1), 2) for s in range(6)]
    [0.5, 1.0, 1.0, 0.75, 0.5, 0.25]
    """
    if step < warmup:
        return (step + 1) / warmup
    done = min(1.0, (step - warmup) / max(1, steps - warmup))
    if schedule == "poly":
        return float((1 - done) ** power)
    return (1 + math.cos(math.pi * done)) / 2 if schedule == "cosine" else 1.0


def make_scheduler(
    optimizer: Optimizer, *, schedule: Schedule, steps: int, warmup: int = 0, power: float = 0.9
) -> LambdaLR:
    """`factor` as a scheduler whose only state is the step, so that a resumed rate is bitwise the same."""
    return LambdaLR(optimizer, lambda step: factor(step, schedule=schedule, steps=steps, warmup=warmup, power=power))

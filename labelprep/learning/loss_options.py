"""What losses can be told, beside their names, as a frozen value. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Compat = Literal["none", "deeplab", "keras", "monai", "smp"]


@dataclass(frozen=True)
class LossOptions:
    """The same words and defaults as those of `use: train` in a spec.

    Attributes:
        label_smoothing: share of the target of `ce` that is spread over all classes.
        dice_beta: beta of `dice`.
        dice_reduction: `dice`, `jaccard`, `tversky` and `lovasz` over the `batch` or per `image`.
        dice_absent: what a class absent from the truth does in these four: `skip`, `count` or `zero`.
        dice_classes: names or ids of the classes that count in these four; all where empty.
        dice_squared: p² in the denominator of `dice`.
        dice_smooth: added to numerator and denominator of `dice`, `jaccard` and `tversky`; None: 1e-5, and 0 under
            `compat` smp.
        tversky_alpha: price of false positives in `tversky`.
        tversky_beta: price of false negatives.
        focal_gamma: gamma of `focal`.
        focal_alpha: alpha of `focal`, a plain factor; None: 1, and 0.5 under `compat` deeplab.
        boundary_width: how far from another class is near a boundary, in pixels, in `boundary`.
        boundary_factor: how much more than others pixels near a boundary weigh.
        topk_share: share of the valid pixels that `topk` keeps.
        topk_threshold: `topk` keeps pixels whose true class is less probable as well.
        compat: `none`, or the numbers of `deeplab` (ce, focal), `keras` (dice, jaccard), `monai` or `smp` (dice,
            jaccard, tversky).
    """

    label_smoothing: float = 0.0
    dice_beta: float = 1.0
    dice_reduction: Literal["batch", "image"] = "batch"
    dice_absent: Literal["skip", "count", "zero"] = "skip"
    dice_classes: tuple[str, ...] = ()
    dice_squared: bool = False
    dice_smooth: float | None = None
    tversky_alpha: float = 0.3
    tversky_beta: float = 0.7
    focal_gamma: float = 2.0
    focal_alpha: float | None = None
    boundary_width: int = 2
    boundary_factor: float = 5.0
    topk_share: float = 0.1
    topk_threshold: float | None = None
    compat: Compat = "none"

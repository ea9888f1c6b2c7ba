"""The words of `use: train` that say what is minimised."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from labelprep.loss_terms import COMPATS, LOSSES, check_compat, parse_terms
from labelprep.spec.fields import Count, Flag, Positive, Real, Words, refuse
from labelprep.spec.stage import Stage


def _check_loss(loss: str) -> str:
    try:
        parse_terms(loss)
    except ValueError:
        refuse(f"a sum of {', '.join(LOSSES)} such as 0.5*ce+dice", allowed=(*LOSSES, "ce+dice", "focal+dice"))
    return loss


def _listed(losses: Iterable[str]) -> str:
    return ", ".join(sorted(losses))


Loss = Annotated[str, AfterValidator(_check_loss)]
Share = Annotated[float, Field(gt=0, le=1)]


class LossWords(Stage):
    """A stage that minimises a loss."""

    loss: Loss = Field("ce+dice", description=f"a sum of {', '.join(LOSSES)} such as 0.5*ce+dice")
    label_smoothing: Annotated[float, Field(ge=0, le=1)] = Field(
        0.0, description="share of the target of ce that is spread over all classes"
    )
    dice_beta: Positive = Field(1.0, description="beta of dice: above 1 weighs recall more")
    dice_reduction: Literal["batch", "image"] = Field(
        "batch", description="dice, jaccard, tversky and lovasz over the batch or per image"
    )
    dice_absent: Literal["skip", "count", "zero"] = Field(
        "skip",
        description="a class absent from the batch's truth, in these four: left out, counted, or its loss dropped",
    )
    dice_classes: Words = Field((), description="names or ids of the classes that count in these four; all by default")
    dice_squared: Flag = Field(False, description="squared probabilities in the denominator of dice")
    dice_smooth: Real | None = Field(
        None,
        description="added to numerator and denominator of dice, jaccard and tversky; 1e-5, and 0 under compat smp",
    )
    tversky_alpha: Real = Field(0.3, description="price of false positives in tversky")
    tversky_beta: Real = Field(0.7, description="price of false negatives in tversky")
    focal_gamma: Real = Field(2.0, description="gamma of focal")
    focal_alpha: Positive | None = Field(
        None, description="alpha of focal, a plain factor; 1, and 0.5 under compat deeplab"
    )
    boundary_width: Annotated[Count, Field(le=255)] = Field(
        2, description="how many pixels from another class is near, in boundary"
    )
    boundary_factor: Real = Field(5.0, description="how much more pixels near a boundary weigh, in boundary")
    topk_share: Share = Field(0.1, description="share of the valid pixels, the hardest ones, that topk keeps")
    topk_threshold: Share | None = Field(
        None, description="topk keeps pixels whose true class is less probable than this as well"
    )
    compat: Literal["none", "deeplab", "keras", "monai", "smp"] = Field(
        "none", description="published numbers: deeplab (ce, focal), keras, monai or smp (dice, jaccard, tversky)"
    )

    @field_validator("compat")
    @classmethod
    def _concerns_the_loss(cls, compat: str, info: ValidationInfo) -> str:
        try:
            check_compat(compat, info.data.get("loss", "ce+dice"))
        except ValueError:
            refuse(f"a word that concerns the loss {info.data['loss']!r}; {compat} is for {_listed(COMPATS[compat])}")
        return compat

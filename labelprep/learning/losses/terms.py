"""The terms that a loss can be a sum of: how each is checked, computed plainly, and computed from fused sums."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, cast

from torch import Tensor

from labelprep.learning.loss_options import LossOptions
from labelprep.learning.losses.boundary_ce import boundary_cross_entropy, check_boundary
from labelprep.learning.losses.cross_entropy import CeCompat, ce_of_sums, check_ce, cross_entropy
from labelprep.learning.losses.dice import check_dice, dice, dice_of_sums
from labelprep.learning.losses.focal import FocalCompat, check_focal, deeplab_focal, focal, focal_of_sums
from labelprep.learning.losses.fused import PixelSums
from labelprep.learning.losses.jaccard import jaccard, jaccard_of_sums
from labelprep.learning.losses.lovasz import lovasz
from labelprep.learning.losses.overlap import OverlapCompat, OverlapOptions
from labelprep.learning.losses.pixels import ratio
from labelprep.learning.losses.topk_ce import check_topk, topk_cross_entropy
from labelprep.learning.losses.tversky import check_tversky, tversky, tversky_of_sums
from labelprep.loss_terms import COMPATS


@dataclass(frozen=True)
class Settings:
    """What holds for every batch.

    Attributes:
        told: the options.
        classes: ids of the classes that count in the overlap losses; None: all.
        ignore_index: label of the pixels that stay out.
    """

    told: LossOptions
    classes: tuple[int, ...] | None
    ignore_index: int

    def compat(self, name: str) -> str:
        """The compat word for a term that it concerns, else `none`."""
        return self.told.compat if name in COMPATS.get(self.told.compat, ()) else "none"

    def overlap(self, name: str) -> OverlapOptions:
        """The options of an overlap loss."""
        told = self.told
        compat = cast(OverlapCompat, self.compat(name))
        return OverlapOptions(told.dice_absent, told.dice_reduction, self.classes, told.dice_smooth, compat)

    def words(self, name: str) -> dict[str, Any]:
        """The same as keyword arguments of the plain functions."""
        parts = self.overlap(name)
        return {word: getattr(parts, word) for word in ("absent", "reduction", "classes", "smooth", "compat")}


@dataclass(frozen=True)
class Batch:
    """Logits (B, C, H, W), labels (B, H, W), and weights (C,) or None, on one device."""

    logits: Tensor
    labels: Tensor
    weights: Tensor | None


@dataclass(frozen=True)
class Term:
    """One loss.

    Attributes:
        check: raises ValueError where its options are wrong.
        plain: its value, the reference.
        of_sums: its value from fused sums; None where these do not say enough.
        fits: whether they say enough under these options.
        overlap: whether it needs sums of probabilities per class.
    """

    check: Callable[[Settings], None]
    plain: Callable[[Batch, Settings], Tensor]
    of_sums: Callable[[PixelSums, Batch, Settings], Tensor] | None = None
    fits: Callable[[Settings], bool] = lambda _: True
    overlap: bool = False


def _plain(function: Callable[..., Tensor], words: Callable[[Settings], dict[str, Any]]) -> Callable[..., Tensor]:
    def value(batch: Batch, settings: Settings) -> Tensor:
        shared = {"weights": batch.weights, "ignore_index": settings.ignore_index}
        return function(batch.logits, batch.labels, **shared, **words(settings))

    return value


def _ce_words(settings: Settings) -> dict[str, Any]:
    return {"smoothing": settings.told.label_smoothing, "compat": settings.compat("ce")}


def _focal_words(settings: Settings) -> dict[str, Any]:
    told = settings.told
    return {"gamma": told.focal_gamma, "alpha": told.focal_alpha, "compat": settings.compat("focal")}


def _dice_words(settings: Settings) -> dict[str, Any]:
    return {"beta": settings.told.dice_beta, "squared": settings.told.dice_squared, **settings.words("dice")}


def _tversky_words(settings: Settings) -> dict[str, Any]:
    return {"alpha": settings.told.tversky_alpha, "beta": settings.told.tversky_beta, **settings.words("tversky")}


def _lovasz_words(settings: Settings) -> dict[str, Any]:
    return {name: value for name, value in settings.words("lovasz").items() if name not in ("smooth", "compat")}


def _boundary_words(settings: Settings) -> dict[str, Any]:
    return {"width": settings.told.boundary_width, "factor": settings.told.boundary_factor}


def _topk_words(settings: Settings) -> dict[str, Any]:
    return {"share": settings.told.topk_share, "threshold": settings.told.topk_threshold}


def _label_weight(sums: PixelSums, batch: Batch) -> Tensor:
    """Sum of w_y over the valid pixels of the batch."""
    truth = sums.overlap.truth.sum(0)
    return truth.sum() if batch.weights is None else (batch.weights * truth).sum()


def _ce_of_sums(sums: PixelSums, batch: Batch, settings: Settings) -> Tensor:
    return ce_of_sums(
        sums.nll.sum(),
        sums.spread.sum(),
        _label_weight(sums, batch),
        smoothing=settings.told.label_smoothing,
        compat=cast(CeCompat, settings.compat("ce")),
        batch=len(batch.logits),
        classes=batch.logits.shape[1],
    )


def _focal_of_sums(sums: PixelSums, batch: Batch, settings: Settings) -> Tensor:
    told = settings.told
    if settings.compat("focal") == "deeplab":
        mean = ratio(sums.nll.sum(), _label_weight(sums, batch))
        return deeplab_focal(mean, gamma=told.focal_gamma, alpha=told.focal_alpha, batch=len(batch.logits))
    return focal_of_sums(sums.focal.sum(), sums.overlap.truth.sum(), alpha=told.focal_alpha)


def _dice_of_sums(sums: PixelSums, batch: Batch, settings: Settings) -> Tensor:
    return dice_of_sums(sums.overlap, batch.weights, settings.overlap("dice"), beta=settings.told.dice_beta)


def _jaccard_of_sums(sums: PixelSums, batch: Batch, settings: Settings) -> Tensor:
    return jaccard_of_sums(sums.overlap, batch.weights, settings.overlap("jaccard"))


def _tversky_of_sums(sums: PixelSums, batch: Batch, settings: Settings) -> Tensor:
    told = settings.told
    return tversky_of_sums(
        sums.overlap, batch.weights, settings.overlap("tversky"), alpha=told.tversky_alpha, beta=told.tversky_beta
    )


TERMS: MappingProxyType[str, Term] = MappingProxyType(
    {
        "ce": Term(
            lambda s: check_ce(s.told.label_smoothing, cast(CeCompat, s.compat("ce"))),
            _plain(cross_entropy, _ce_words),
            _ce_of_sums,
        ),
        "focal": Term(
            lambda s: check_focal(s.told.focal_gamma, cast(FocalCompat, s.compat("focal"))),
            _plain(focal, _focal_words),
            _focal_of_sums,
        ),
        "dice": Term(
            lambda s: check_dice(s.told.dice_beta, s.told.dice_squared, s.overlap("dice")),
            _plain(dice, _dice_words),
            _dice_of_sums,
            fits=lambda s: not s.told.dice_squared,
            overlap=True,
        ),
        "jaccard": Term(
            lambda s: s.overlap("jaccard").check(),
            _plain(jaccard, lambda s: s.words("jaccard")),
            _jaccard_of_sums,
            overlap=True,
        ),
        "tversky": Term(
            lambda s: check_tversky(s.told.tversky_alpha, s.told.tversky_beta, s.overlap("tversky")),
            _plain(tversky, _tversky_words),
            _tversky_of_sums,
            overlap=True,
        ),
        "lovasz": Term(lambda s: s.overlap("lovasz").check(), _plain(lovasz, _lovasz_words)),
        "boundary": Term(
            lambda s: check_boundary(s.told.boundary_width, s.told.boundary_factor),
            _plain(boundary_cross_entropy, _boundary_words),
        ),
        "topk": Term(
            lambda s: check_topk(s.told.topk_share, s.told.topk_threshold),
            _plain(topk_cross_entropy, _topk_words),
        ),
    }
)

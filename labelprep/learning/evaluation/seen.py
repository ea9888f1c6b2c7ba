"""One image seen by a model: ids and maps put together from bands, and what is counted on the way."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from labelprep.classes import ClassTable
from labelprep.errors import UsageError
from labelprep.learning.evaluation.panels import thinned
from labelprep.learning.evaluation.readout import Sums, count, read

STEPS = 65535  # of a map: 0 is 0, 65535 is 1


@dataclass(frozen=True)
class Seen:
    """What a model makes of one image.

    Attributes:
        ids: (H, W) predicted ids, of the class table's type.
        sums: counts over the valid pixels.
        confidence: (H, W) uint16 largest probability in `STEPS`.
        likelihood: (H, W) uint16 probability of the label in `STEPS`.
        entropy: (H, W) uint16 normalised entropy in `STEPS`, where asked for.
    """

    ids: NDArray[Any]
    sums: Sums
    confidence: NDArray[np.uint16]
    likelihood: NDArray[np.uint16]
    entropy: NDArray[np.uint16] | None


def see(
    bands: Iterable[tuple[int, Tensor]],
    labels: Tensor,
    table: ClassTable,
    *,
    bins: int,
    doubt: int,
    entropy: bool,
    what: str,
) -> Seen:
    """Reads the logits of one image, each band once.

    Args:
        bands: first row and logits (C, rows, W), from the top to the bottom.
        labels: (H, W) ids or the ignore index.
        table: of the ids.
        bins: of confidence.
        doubt: bins of entropy.
        entropy: keep the map.
        what: the image, for messages.

    Raises:
        UsageError: for logits that are not finite.
    """
    shape = tuple(labels.shape)
    ids = np.empty(shape, table.dtype)
    confidence, likelihood = np.empty(shape, np.uint16), np.empty(shape, np.uint16)
    doubts = np.empty(shape, np.uint16) if entropy else None
    sums = Sums.zero(len(table), bins, doubt)
    for top, logits in bands:
        rows = slice(top, top + logits.shape[1])
        truth = labels[rows].to(logits.device, non_blocking=True)
        try:
            planes = read(logits, truth, ignore_index=table.ignore_index)
        except FloatingPointError as error:
            message = f"{what}: the model gives {error}"
            raise UsageError(
                message, code="non-finite-logits", hint="train it anew, or take an earlier checkpoint"
            ) from error
        sums += count(planes, truth, len(table), ignore_index=table.ignore_index, bins=bins, doubt=doubt)
        ids[rows] = planes.ids.cpu().numpy()
        confidence[rows] = _steps(planes.confidence)
        likelihood[rows] = _steps((-planes.nll).exp())
        if doubts is not None:
            doubts[rows] = _steps(planes.entropy)
    return Seen(ids, sums, confidence, likelihood, doubts)


def image_picture(image: Tensor) -> NDArray[np.uint8]:
    """An image (3, H, W) uint8 as a picture (h, w, 3) for a panel."""
    picture: NDArray[np.uint8] = thinned(image.permute(1, 2, 0).numpy())
    return picture


def _steps(values: Tensor) -> NDArray[np.uint16]:
    steps: NDArray[np.int32] = (values * STEPS).round().to(torch.int32).cpu().numpy()
    return steps.astype(np.uint16)

"""The confusion matrix, counted in int64 where the predictions are."""

from __future__ import annotations

import torch
from torch import Tensor


def confusion_matrix(prediction: Tensor, labels: Tensor, classes: int, *, ignore_index: int = 255) -> Tensor:
    """Pixels by true and predicted class, (C, C) int64, rows truth, columns prediction; sums of them are exact.

    Counted with `bincount`: `histc` and float sums lose counts beyond 2^24 pixels.

    Args:
        prediction: predicted ids 0..C-1, integers of any shape.
        labels: true ids 0..C-1 or `ignore_index`, integers of the same shape.
        classes: C.
        ignore_index: label of the pixels that stay out, whatever is predicted there.

    Returns:
        The matrix, on the device of the labels.

    Raises:
        ValueError: for shapes that differ or ids out of range.

    >>> confusion_matrix(torch.tensor([0, 1, 1, 0]), torch.tensor([0, 1, 0, 255]), 2).tolist()
    [[1, 1], [0, 1]]
    """
    if prediction.shape != labels.shape:
        message = (
            f"prediction and labels must have one shape, but have {tuple(prediction.shape)} and {tuple(labels.shape)}"
        )
        raise ValueError(message)
    truth = labels.to(torch.int64)  # uint8 against an ignore index of -100 would wrap
    valid = truth != ignore_index
    truth, predicted = truth[valid], prediction[valid].to(torch.int64)
    for what, ids in (("labels", truth), ("prediction", predicted)):
        stray = (ids < 0) | (ids >= classes)
        if bool(stray.any()):
            message = f"{what} must lie in 0..{classes - 1} where they are valid, but {int(stray.sum())} pixels do not"
            raise ValueError(message)
    return torch.bincount(truth * classes + predicted, minlength=classes * classes).view(classes, classes)

"""How a trained model sees one image: whole or in windows, once or in several views; logits in bands of rows.

The network is given one image at a time: libraries choose other kernels for larger batches, whose last bits differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from labelprep.learning.checkpoint import Trained
from labelprep.learning.data.train_data import normalized
from labelprep.learning.evaluation.full_size import at_size, bands_at_size
from labelprep.learning.evaluation.windows import PLAIN, Views, bands, probabilities

WHOLE = 2**27  # logits that are resized in one go; more are resized a band of rows at a time
ROWS = 64  # of such a band

Bands = Iterator[tuple[int, Tensor]]


@dataclass(frozen=True)
class Look:
    """A model and the way it looks at images.

    Attributes:
        trained: the model.
        window: side of the sliding windows, or None for the whole image at once.
        stride: from one window to the next.
        views: test-time augmentation.
    """

    trained: Trained
    window: int | None = None
    stride: int | None = None
    views: Views = PLAIN

    @property
    def device(self) -> torch.device:
        """Where the model computes."""
        return next(self.trained.model.parameters()).device

    @torch.inference_mode()
    def logits(self, image: Tensor, size: Sequence[int]) -> Bands:
        """Logits of one image in bands of rows, (first row, (C, rows, W)), from the top to the bottom.

        With windows or several views they are logarithms of mean probabilities, of which softmax gives these back.

        Args:
            image: (3, h, w) uint8, at the size at which the model sees images.
            size: (H, W) of the logits.
        """
        same = list(image.shape[1:]) == list(size)
        if self.window is not None:
            found = bands(self._network, image, self.views, self.window, self.stride or self.window)
            shares = ((top, band.log()) for top, band in found)
            if same:
                yield from shares
                return
            logits = torch.cat([band for _, band in shares], 1)  # of the size that the model was trained at
        elif self.views != PLAIN:
            logits = probabilities(self._network, image, self.views).log()
        else:
            logits = self._network(image)
        if same or len(logits) * size[0] * size[1] <= WHOLE:
            yield 0, at_size(logits[None], size)[0]
        else:
            yield from bands_at_size(logits, size, ROWS)

    def _network(self, image: Tensor) -> Tensor:
        logits: Tensor = self.trained.model(normalized(image[None].to(self.device, non_blocking=True)))[0]
        return logits

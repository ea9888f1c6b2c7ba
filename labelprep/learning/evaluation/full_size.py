"""Between the size at which a model sees an image and the size of its mask."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as v2f


def at_size(logits: Tensor, size: Sequence[int]) -> Tensor:
    """Logits (B, C, h, w) at another size (H, W), bilinear; as they are where the size is right."""
    if logits.shape[-2:] == tuple(size):
        return logits
    return functional.interpolate(logits, size=tuple(size), mode="bilinear", align_corners=False)


def nearest_labels(masks: Sequence[Tensor], size: Sequence[int]) -> Tensor:
    """Masks of any sizes (H, W) as one tensor (B, h, w), nearest as for training masks."""
    wanted = list(size)
    resize = InterpolationMode.NEAREST
    return torch.stack(
        [
            mask if list(mask.shape) == wanted else v2f.resize(mask[None], wanted, interpolation=resize)[0]
            for mask in masks
        ]
    )


def bands_at_size(logits: Tensor, size: Sequence[int], rows: int) -> Iterator[tuple[int, Tensor]]:
    """`at_size` for logits (C, h, w) that would not fit in memory: (first row, (C, at most `rows`, W))."""
    height = logits.shape[1]
    for top in range(0, size[0], rows):
        wanted = torch.arange(top, min(top + rows, size[0]), device=logits.device)
        source = ((wanted + 0.5) * (height / size[0]) - 0.5).clamp_min(0).to(logits.dtype)
        above = source.floor().long().clamp_max(height - 1)
        share = (source - above)[:, None]
        band = logits[:, above] * (1 - share) + logits[:, (above + 1).clamp_max(height - 1)] * share
        yield top, at_size(band[None], (len(wanted), size[1]))[0]

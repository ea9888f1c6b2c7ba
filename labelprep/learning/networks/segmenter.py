"""One face for every network: images in, logits of the same height and width out."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class Segmenter(nn.Module):
    """A network behind one face: images in, logits of the same height and width out.

    Attributes:
        name: its name in `models.MODELS`, `smp:ARCHITECTURE/ENCODER` or `package.module:function`.
        net: the network.
        multiple: height and width are padded at the right and bottom to multiples of it, and logits cut back.
        least_batch: least number of images in a training step that its batch normalisation can take.
    """

    def __init__(self, name: str, net: nn.Module, *, multiple: int = 1, least_batch: int = 1) -> None:
        super().__init__()
        self.name = name
        self.net = net
        self.multiple = multiple
        self.least_batch = least_batch

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, C, H, W) float of normalised RGB images (B, 3, H, W) float."""
        return self.outputs(images)[0]

    def outputs(self, images: Tensor) -> tuple[Tensor, ...]:
        """The logits, and behind them those of the auxiliary head where there is one, all (B, C, H, W)."""
        height, width = images.shape[-2:]
        below, right = -height % self.multiple, -width % self.multiple
        if below or right:
            images = functional.pad(images, (0, right, 0, below), mode="replicate")
        out = self.net(images)
        heads: list[Tensor] = [out[name] for name in ("out", "aux") if name in out] if isinstance(out, dict) else [out]
        return tuple(logits[..., :height, :width] for logits in heads)

    def parameter_count(self) -> int:
        """Number of trainable and frozen parameters."""
        return sum(p.numel() for p in self.parameters())


class AllOutputs(nn.Module):
    """A segmenter whose `forward` gives the logits of all heads, for wrappers that know `forward` alone."""

    def __init__(self, model: Segmenter) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """`Segmenter.outputs`."""
        return self.model.outputs(images)

"""Holds the kernel of `readout_triton`, in Triton's interpreter or on a GPU, against the chunks of `readout`."""

import math
import sys

import torch

from labelprep.learning.evaluation.readout import _read_in_chunks
from labelprep.learning.evaluation.readout_triton import read_planes


def check(device, shape, dtype, *, layout=lambda logits: logits):
    draw = torch.Generator().manual_seed(sum(shape))
    logits = layout((torch.randn(shape, generator=draw) * 4).to(dtype)).to(device)
    labels = torch.randint(0, shape[0], shape[1:], generator=draw).to(torch.uint8 if shape[0] < 255 else torch.int32)
    labels[0, :2] = 255
    if shape[0] > 1:
        logits[0, -1, -1] = -math.inf
    labels = labels.to(device)
    found = read_planes(logits, labels, 255)
    wanted = _read_in_chunks(logits.cpu(), labels.cpu(), 255)
    assert torch.equal(found[0].cpu(), wanted[0]), shape
    assert found[0].dtype == wanted[0].dtype
    for a, b in zip(found[1:], wanted[1:], strict=True):
        torch.testing.assert_close(a.cpu(), b, rtol=1e-5, atol=2e-6)


def main(device):
    for shape in ((2, 3, 5), (1, 4, 4), (5, 17, 33), (23, 8, 16), (300, 2, 9)):
        for dtype in (torch.float32, torch.float16, torch.bfloat16):
            check(device, shape, dtype)
    check(device, (5, 9, 7), torch.float32, layout=lambda z: z[None].to(memory_format=torch.channels_last)[0])
    check(device, (5, 9, 7), torch.float32, layout=lambda z: z.mT.contiguous().mT)
    check(device, (5, 9, 14), torch.float32, layout=lambda z: z.repeat_interleave(2, 2)[:, :, ::2])
    ties = read_planes(
        torch.full((4, 2, 3), 7.5, device=device), torch.zeros(2, 3, device=device, dtype=torch.uint8), 255
    )
    assert ties[0].sum() == 0
    torch.testing.assert_close(ties[1].cpu(), torch.ones(2, 3))
    for bad in (math.nan, math.inf):
        logits = torch.zeros(3, 1, 2, device=device)
        logits[1, 0, 1] = bad
        entropy = read_planes(logits, torch.zeros(1, 2, device=device, dtype=torch.uint8), 255)[1]
        assert entropy.isnan().tolist() == [[False, True]], bad
    nothing = torch.full((3, 1, 1), -math.inf, device=device)
    assert read_planes(nothing, torch.zeros(1, 1, device=device, dtype=torch.uint8), 255)[1].isnan().all()


if __name__ == "__main__":
    main(sys.argv[1])

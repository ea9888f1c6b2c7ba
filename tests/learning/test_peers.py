"""The tables of docs/definitions.md that say how other libraries' losses come out of ours, against their formulas."""

import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional as F  # noqa: E402

from labelprep.learning.losses.cross_entropy import cross_entropy  # noqa: E402
from labelprep.learning.losses.dice import dice  # noqa: E402
from labelprep.learning.losses.focal import focal  # noqa: E402

C = 4
WEIGHTS = torch.tensor([0.5, 2.0, 1.0, 0.25], dtype=torch.float64)


@pytest.fixture
def case():
    """Logits and labels; class 3 is absent from the truth."""
    draw = torch.Generator().manual_seed(7)
    logits = torch.randn(2, C, 5, 6, generator=draw, dtype=torch.float64)
    return logits, torch.randint(0, 3, (2, 5, 6), generator=draw)


def sums(logits, labels, axes):
    p, y = torch.softmax(logits, 1), F.one_hot(labels, C).movedim(-1, 1).double()
    return (p * y).sum(axes), p.sum(axes), y.sum(axes)


@pytest.mark.parametrize(("batch", "axes"), [(False, (2, 3)), (True, (0, 2, 3))])
def test_monai(case, batch, axes):
    hit, predicted, truth = sums(*case, axes)
    f = 1 - (2 * hit + 1e-5) / (truth + predicted + 1e-5)
    found = dice(*case, weights=WEIGHTS, absent="count", reduction="batch" if batch else "image")
    assert found.item() * WEIGHTS.mean().item() == pytest.approx((f * WEIGHTS).mean().item())


def test_smp(case):
    hit, predicted, truth = sums(*case, (0, 2, 3))
    smooth = 5e-6
    scores = (hit + smooth) / (hit + 0.5 * (predicted - hit) + 0.5 * (truth - hit) + smooth)
    loss = (1 - scores) * (truth > 0)
    assert dice(*case, absent="zero").item() == pytest.approx(loss.mean().item())


def test_nnunet_without_background(case):
    hit, predicted, truth = sums(*case, (0, 2, 3))
    dc = (2 * hit + 1e-5) / (truth + predicted + 1e-5)
    found = dice(*case, absent="count", weights=torch.tensor([0.0, 1, 1, 1], dtype=torch.float64)) - 1
    assert found.item() == pytest.approx(-dc[1:].mean().item())


def test_mmsegmentation_cross_entropy_divides_by_all_pixels(case):
    logits, labels = case
    labels[0, :2] = 255
    wanted = F.cross_entropy(logits, labels, WEIGHTS, ignore_index=255, reduction="none").sum() / labels.numel()
    weighed = WEIGHTS[labels[labels != 255]].sum()
    found = cross_entropy(logits, labels, weights=WEIGHTS) * weighed / labels.numel()
    assert found.item() == pytest.approx(wanted.item())


def test_kornia_focal(case):
    logits, labels = case
    alpha = 0.3
    log_p, y = torch.log_softmax(logits, 1), F.one_hot(labels, C).movedim(-1, 1)
    factor = torch.tensor([1 - alpha] + [alpha] * (C - 1), dtype=torch.float64)
    loss = -((1 - log_p.exp()) ** 2) * log_p * y * factor.view(1, C, 1, 1)
    assert focal(logits, labels, weights=factor).item() / C == pytest.approx(loss.mean().item())

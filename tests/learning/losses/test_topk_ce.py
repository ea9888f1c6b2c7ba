import math

import pytest

torch = pytest.importorskip("torch")

from labelprep.learning.losses.cross_entropy import cross_entropy  # noqa: E402
from labelprep.learning.losses.topk_ce import topk_cross_entropy  # noqa: E402
from tests import reference  # noqa: E402

WEIGHTS = [0.5, 2.0, 1.0]


def case(seed=0):
    draw = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(2, 3, 5, 6, generator=draw, dtype=torch.float64)
    labels = torch.randint(0, 3, (2, 5, 6), generator=draw)
    labels[0, 0] = 255  # 54 pixels are valid
    return logits, labels


def hardest(logits, labels, count, weights):
    pixels = [(weights[y] * -math.log(p[y]), weights[y]) for _, p, y in reference.pixels_of(logits, labels)]
    kept = sorted(pixels, reverse=True)[:count]
    return sum(loss for loss, _ in kept) / sum(weight for _, weight in kept)


@pytest.mark.parametrize(("share", "count"), [(0.1, 6), (0.5, 27), (1 / 54, 1), (1e-9, 1), (1.0, 54)])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_is_the_mean_over_the_hardest_pixels(share, count, weights):
    logits, labels = case()
    wanted = hardest(logits.tolist(), labels.tolist(), count, weights or [1.0] * 3)
    given = None if weights is None else torch.tensor(weights, dtype=torch.float64)
    assert topk_cross_entropy(logits, labels, share=share, weights=given).item() == pytest.approx(wanted)


def test_all_pixels_are_cross_entropy():
    assert topk_cross_entropy(*case(), share=1).item() == pytest.approx(cross_entropy(*case()).item())


def test_a_threshold_keeps_all_that_are_less_probable():
    logits, labels = case()
    pixels = [p[y] for _, p, y in reference.pixels_of(logits.tolist(), labels.tolist())]
    kept = [-math.log(p) for p in pixels if p < 0.7]
    assert len(kept) > 6
    found = topk_cross_entropy(logits, labels, share=0.1, threshold=0.7)
    assert found.item() == pytest.approx(sum(kept) / len(kept))
    few = topk_cross_entropy(logits, labels, share=0.1, threshold=1e-9)
    assert few.item() == pytest.approx(hardest(logits.tolist(), labels.tolist(), 6, [1.0] * 3))


def test_the_other_pixels_get_no_gradient():
    logits, labels = case()
    topk_cross_entropy(logits.requires_grad_(), labels, share=0.1).backward()
    assert int((logits.grad.abs().sum(1) > 0).sum()) == 6


@pytest.mark.parametrize("words", [{"share": 0}, {"share": 1.5}, {"threshold": 0}])
def test_what_does_not_go_is_refused(words):
    with pytest.raises(ValueError, match="must be above 0 and at most 1"):
        topk_cross_entropy(*case(), **words)

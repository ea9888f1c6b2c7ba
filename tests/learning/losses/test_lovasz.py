import pytest

torch = pytest.importorskip("torch")

from labelprep.learning.losses.jaccard import jaccard  # noqa: E402
from labelprep.learning.losses.lovasz import lovasz  # noqa: E402
from tests import reference  # noqa: E402

WEIGHTS = [0.5, 2.0, 1.0, 0.25]


def case(seed=0):
    draw = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(2, 4, 3, 5, generator=draw, dtype=torch.float64)
    labels = torch.randint(0, 3, (2, 3, 5), generator=draw)
    labels[torch.rand(labels.shape, generator=draw) < 0.3] = 255
    return logits, labels


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_equals_the_definition_set_by_set(seed, weights):
    logits, labels = case(seed)
    wanted = reference.lovasz(logits.tolist(), labels.tolist(), weights or [1] * 4)
    found = lovasz(logits, labels, weights=None if weights is None else torch.tensor(weights, dtype=torch.float64))
    assert found.item() == pytest.approx(wanted, rel=1e-12)


def test_per_image_is_the_mean_over_images_with_a_valid_pixel():
    logits, labels = case()
    each = [lovasz(logits[b : b + 1], labels[b : b + 1]).item() for b in range(2)]
    assert lovasz(logits, labels, reduction="image").item() == pytest.approx(sum(each) / 2)
    labels[1] = 255
    assert lovasz(logits, labels, reduction="image").item() == pytest.approx(each[0])


def test_of_hard_predictions_it_is_the_jaccard_loss():
    _, labels = case()
    guess = (labels * 2 + 1) % 4
    logits = torch.full((2, 4, 3, 5), -1e4, dtype=torch.float64).scatter(1, guess.unsqueeze(1), 0.0)
    assert lovasz(logits, labels).item() == pytest.approx(jaccard(logits, labels, smooth=0.0).item())


def test_absent_classes_are_left_out_counted_or_zeroed():
    logits, labels = case()
    skip, count, zero = (lovasz(logits, labels, absent=word).item() for word in ("skip", "count", "zero"))
    assert zero == pytest.approx(skip * 3 / 4)
    most = torch.softmax(logits, 1)[:, 3][labels != 255].max().item()
    assert count == pytest.approx((3 * skip + most) / 4)  # as the paper's code has it: the worst error


def test_a_subset_of_the_classes():
    logits, labels = case()
    wanted = lovasz(logits, labels, weights=torch.tensor([0.0, 1, 1, 0], dtype=torch.float64))
    assert lovasz(logits, labels, classes=[1, 2]).item() == pytest.approx(wanted.item())

import math

import pytest

torch = pytest.importorskip("torch")

from labelprep.learning.entropy import entropy, image_entropy  # noqa: E402
from tests import reference  # noqa: E402


def test_equals_the_formula_pixel_by_pixel():
    logits = torch.randn(2, 4, 3, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = entropy(logits)
    assert found.shape == (2, 3, 5)
    pixels = logits.movedim(1, -1).reshape(-1, 4).tolist()
    wanted = [reference.entropy(reference.softmax(pixel)) for pixel in pixels]
    assert found.flatten().tolist() == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("classes", [2, 3, 7, 23, 150])
def test_is_one_for_equal_logits_zero_for_certainty_and_never_beyond(classes):
    level = torch.full((1, classes, 1, 2), 3.3)
    assert entropy(level).tolist() == [[[pytest.approx(1, abs=1e-6)] * 2]]
    assert float(entropy(level).max()) <= 1
    sure = level.clone()
    sure[:, 0] = 1e4
    assert entropy(sure).tolist() == [[[0, 0]]]


def test_without_normalising_it_is_in_nats():
    assert entropy(torch.zeros(1, 4, 1), normalized=False).item() == pytest.approx(math.log(4))


def test_a_logit_of_minus_infinity_rules_a_class_out_without_nan():
    logits = torch.tensor([0.0, 0.0, -math.inf]).view(1, 3, 1, 1)
    assert entropy(logits).item() == pytest.approx(math.log(2) / math.log(3))
    only = torch.tensor([0.0, -math.inf]).view(1, 2, 1, 1)
    assert entropy(only).item() == 0


def test_a_single_class_is_always_certain():
    assert entropy(torch.randn(1, 1, 2, 2)).tolist() == [[[0, 0], [0, 0]]]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_logits_are_widened(dtype):
    logits = torch.randn(1, 5, 4, 4, generator=torch.Generator().manual_seed(1)).to(dtype)
    assert entropy(logits).dtype == torch.float32
    assert torch.equal(entropy(logits), entropy(logits.float()))


def test_image_sum_and_mean_leave_ignored_pixels_out():
    maps = torch.tensor([[[0.5, 0.25], [1.0, 0.75]], [[1.0, 1.0], [1.0, 1.0]]])
    valid = torch.tensor([[[True, True], [False, True]], [[False, False], [False, False]]])
    total, mean = image_entropy(maps, valid)
    assert total.tolist() == [1.5, 0]
    assert mean.tolist() == [0.5, 0]
    total, mean = image_entropy(maps)
    assert total.tolist() == [2.5, 4]
    assert mean.tolist() == [0.625, 1]

import pytest

torch = pytest.importorskip("torch")

from labelprep.learning.losses.boundary_ce import boundary_cross_entropy, near_boundary  # noqa: E402
from labelprep.learning.losses.cross_entropy import cross_entropy  # noqa: E402
from tests import reference  # noqa: E402

WEIGHTS = torch.tensor([0.5, 2.0, 1.0], dtype=torch.float64)


def case(seed=0):
    draw = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, 3, 9, 11, generator=draw, dtype=torch.float64)
    labels = torch.randint(0, 3, (2, 3, 3), generator=draw).repeat_interleave(4, 1).repeat_interleave(4, 2)[:, :9, :11]
    labels = labels.clone()
    labels[torch.rand(labels.shape, generator=draw) < 0.2] = 255
    return logits, labels


@pytest.mark.parametrize("width", [1, 2, 20])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64])
def test_near_is_where_the_square_around_a_pixel_holds_two_classes(width, dtype):
    _, labels = case()
    wanted = [reference.near_boundary(image, width) for image in labels.tolist()]
    assert near_boundary(labels.to(dtype), 3, width, 255).tolist() == wanted


def test_ignored_pixels_make_no_boundary():
    labels = torch.zeros(1, 5, 5, dtype=torch.int64)
    labels[0, 2] = 255
    assert not near_boundary(labels, 2, 2, 255).any()


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_pixels_near_a_boundary_weigh_more(weights):
    logits, labels = case(1)
    part = whole = 0.0
    for b, image in enumerate(labels.tolist()):
        near = reference.near_boundary(image, 1)
        for y, row in enumerate(image):
            for x, label in enumerate(row):
                if label != 255:
                    weight = (3.0 if near[y][x] else 1.0) * (1.0 if weights is None else weights[label].item())
                    part += weight * -torch.log_softmax(logits[b, :, y, x], 0)[label].item()
                    whole += weight
    found = boundary_cross_entropy(logits, labels, width=1, factor=3.0, weights=weights)
    assert found.item() == pytest.approx(part / whole)


def test_a_factor_of_one_is_cross_entropy():
    assert boundary_cross_entropy(*case(), factor=1).item() == pytest.approx(cross_entropy(*case()).item())


def test_what_does_not_go_is_refused():
    logits, labels = case()
    with pytest.raises(ValueError, match="width must be 1 or more and at most 255, but is 0"):
        boundary_cross_entropy(logits, labels, width=0)
    with pytest.raises(ValueError, match="factor must be 0 or more, but is -1"):
        boundary_cross_entropy(logits, labels, factor=-1)
    with pytest.raises(ValueError, match=r"boundaries need labels \(B, H, W\)"):
        boundary_cross_entropy(logits.flatten(2), labels.flatten(1))

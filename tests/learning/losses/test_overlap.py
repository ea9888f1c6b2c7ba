import pytest

torch = pytest.importorskip("torch")

from labelprep.learning.losses.dice import dice  # noqa: E402
from labelprep.learning.losses.jaccard import jaccard  # noqa: E402
from labelprep.learning.losses.overlap import OverlapOptions, overlap  # noqa: E402
from labelprep.learning.losses.tversky import tversky  # noqa: E402
from tests import reference  # noqa: E402

WEIGHTS = [0.5, 2.0, 1.0, 0.25]


@pytest.fixture
def case():
    """Logits and labels; class 3 is absent, some pixels are ignored."""
    draw = torch.Generator().manual_seed(3)
    logits = 2 * torch.randn(2, 4, 3, 5, generator=draw, dtype=torch.float64)
    labels = torch.randint(0, 3, (2, 3, 5), generator=draw)
    labels[torch.rand(labels.shape, generator=draw) < 0.3] = 255
    return logits, labels


def given(weights):
    return None if weights is None else torch.tensor(weights, dtype=torch.float64)


@pytest.mark.parametrize("squared", [False, True])
def test_the_sums_are_those_of_the_pixels(case, squared):
    logits, labels = case
    sums = overlap(logits, labels, 255, squared=squared)
    for image in range(2):
        pixels = list(reference.pixels_of(logits[image : image + 1].tolist(), labels[image : image + 1].tolist()))
        for c, (tp, fp, fn, _) in enumerate(reference.overlap_of_pixels(pixels, 4, squared)):
            found = [part[image, c].item() for part in (sums.hit, sums.predicted, sums.truth)]
            assert found == pytest.approx([tp, tp + fp, tp + fn])


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize(("alpha", "beta"), [(0.3, 0.7), (1.0, 1.0), (0.0, 2.0)])
def test_tversky_equals_the_formula_pixel_by_pixel(case, weights, alpha, beta):
    logits, labels = case
    wanted = reference.tversky(logits.tolist(), labels.tolist(), weights or [1] * 4, alpha, beta)
    assert tversky(*case, alpha=alpha, beta=beta, weights=given(weights)).item() == pytest.approx(wanted, rel=1e-10)


@pytest.mark.parametrize("words", [{}, {"reduction": "image"}, {"absent": "count"}, {"absent": "zero"}])
def test_tversky_holds_dice_and_jaccard(case, words):
    words = words | {"weights": given(WEIGHTS)}
    half = tversky(*case, alpha=0.5, beta=0.5, smooth=5e-6, **words)  # its smooth stands beside TP, not 2 TP
    assert half.item() == pytest.approx(dice(*case, **words).item(), rel=1e-12)
    whole = tversky(*case, alpha=1.0, beta=1.0, **words)
    assert whole.item() == pytest.approx(jaccard(*case, **words).item(), rel=1e-12)


def test_squared_dice_equals_the_formula_pixel_by_pixel(case):
    logits, labels = case
    pixels = list(reference.pixels_of(logits.tolist(), labels.tolist()))
    rows = [row for row in reference.overlap_of_pixels(pixels, 4, squared=True) if row[3]]
    scores = [(2 * tp + 1e-5) / (2 * tp + fp + fn + 1e-5) for tp, fp, fn, _ in rows]
    assert dice(*case, squared=True).item() == pytest.approx(1 - sum(scores) / len(scores), rel=1e-10)


@pytest.mark.parametrize("loss", [dice, jaccard, tversky])
@pytest.mark.parametrize("compat", ["none", "monai", "smp"])
def test_a_subset_of_the_classes_is_all_with_weight_zero_for_the_others(case, loss, compat):
    if compat == "monai":  # divides by the number of classes
        wanted = loss(*case, weights=given([0.0, 2.0, 0.0, 2.0]), compat=compat)
    else:
        wanted = loss(*case, weights=given([0.0, 1.0, 0.0, 1.0]), compat=compat)
    assert loss(*case, classes=[1, 3], compat=compat).item() == pytest.approx(wanted.item())


def test_a_subset_may_leave_nothing(case):
    assert dice(*case, classes=[3]).item() == 0  # absent, and skipped


def test_a_threshold_scores_the_hard_prediction(case):
    logits, labels = case
    found = dice(logits.requires_grad_(), labels, threshold=0.5)
    assert not found.requires_grad
    hard = (torch.softmax(logits.detach(), 1) > 0.5) & (labels != 255).unsqueeze(1)
    scores = []
    for c in range(3):
        hit = int((hard[:, c] & (labels == c)).sum())
        scores.append((2 * hit + 1e-5) / (int(hard[:, c].sum()) + int((labels == c).sum()) + 1e-5))
    assert found.item() == pytest.approx(1 - sum(scores) / 3)


def test_smooth_of_zero_leaves_no_nan_where_nothing_is_hit_and_nothing_is_there():
    logits = torch.tensor([0.0, -torch.inf]).view(1, 2, 1, 1).requires_grad_()
    for loss in (dice, jaccard, tversky):
        found = loss(logits, torch.zeros(1, 1, 1, dtype=torch.int64), smooth=0.0, absent="count")
        assert torch.isfinite(found)
        (gradient,) = torch.autograd.grad(found, logits)
        assert torch.isfinite(gradient).all()


def test_counts_do_not_stall_at_two_to_the_24():
    labels = torch.zeros(1, 1, 2**24 + 8, dtype=torch.uint8)
    assert overlap(torch.zeros(1, 1, 1, 1).expand(1, 1, 1, 2**24 + 8), labels, 255).truth.item() == 2**24 + 8


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda c: dice(*c, classes=[4]), r"classes must lie in 0\.\.3, but are \[4\]"),
        (lambda c: dice(*c, classes=[]), r"classes must be ids, each once, but are \[\]"),
        (lambda c: jaccard(*c, classes=[1, 1]), "each once"),
        (lambda c: dice(*c, smooth=-1), "smooth must be 0 or more, but is -1"),
        (lambda c: dice(*c, threshold=2), "threshold must be 0 or more and at most 1, but is 2"),
        (lambda c: dice(*c, beta=2, compat="smp"), "compat 'smp' has no beta, but beta is 2"),
        (lambda c: dice(*c, squared=True, compat="keras"), "compat 'keras' has no squared form"),
        (lambda c: dice(*c, absent="count", compat="smp"), "compat 'smp' has its own policy, 'zero'"),
        (lambda c: tversky(*c, alpha=-1), "alpha must be 0 or more, but is -1"),
        (lambda c: tversky(*c, compat="keras"), "compat 'keras' has no Tversky loss"),
    ],
)
def test_what_does_not_go_is_refused(case, call, message):
    with pytest.raises(ValueError, match=message):
        call(case)


def test_the_options_say_what_smooth_is():
    assert OverlapOptions().added == 1e-5
    assert OverlapOptions(compat="smp").added == 0
    assert OverlapOptions(compat="smp", smooth=1.0).added == 1

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional as F  # noqa: E402

from labelprep.errors import UsageError  # noqa: E402
from labelprep.learning.loss_options import LossOptions  # noqa: E402
from labelprep.learning.losses import parse_loss  # noqa: E402
from labelprep.learning.losses.boundary_ce import boundary_cross_entropy  # noqa: E402
from labelprep.learning.losses.cross_entropy import cross_entropy  # noqa: E402
from labelprep.learning.losses.dice import dice  # noqa: E402
from labelprep.learning.losses.focal import focal  # noqa: E402
from labelprep.learning.losses.jaccard import jaccard  # noqa: E402
from labelprep.learning.losses.lovasz import lovasz  # noqa: E402
from labelprep.learning.losses.topk_ce import topk_cross_entropy  # noqa: E402
from labelprep.learning.losses.tversky import tversky  # noqa: E402
from labelprep.learning.options import TrainOptions  # noqa: E402
from labelprep.learning.training.trainer import make_loss  # noqa: E402
from tests import reference  # noqa: E402

WEIGHTS = [0.5, 2.0, 1.0, 0.25]


def case(seed=0, *, shape=(2, 4, 3, 5), ignored=True, dtype=torch.float64):
    """Logits and labels without class 3 in the truth, some pixels ignored."""
    draw = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(shape, generator=draw, dtype=dtype)
    labels = torch.randint(0, 3, (shape[0], *shape[2:]), generator=draw)
    if ignored:
        labels[torch.rand(labels.shape, generator=draw) < 0.3] = 255
    return logits, labels


def tensor(values, dtype=torch.float64):
    return torch.tensor(values, dtype=dtype)


class TestCrossEntropy:
    @pytest.mark.parametrize("weights", [None, WEIGHTS])
    @pytest.mark.parametrize("label_dtype", [torch.uint8, torch.int32, torch.int64])
    def test_equals_torch(self, weights, label_dtype):
        logits, labels = case()
        given = None if weights is None else tensor(weights)
        wanted = F.cross_entropy(logits, labels, given, ignore_index=255)
        found = cross_entropy(logits, labels.to(label_dtype), weights=given)
        assert found.item() == pytest.approx(wanted.item(), rel=1e-12)

    def test_equals_the_formula_pixel_by_pixel(self):
        logits, labels = case(1)
        wanted = reference.cross_entropy(logits.tolist(), labels.tolist(), WEIGHTS)
        assert cross_entropy(logits, labels, weights=tensor(WEIGHTS)).item() == pytest.approx(wanted, rel=1e-12)

    def test_is_zero_where_torch_gives_nan(self):
        logits, labels = case()
        nothing = torch.full_like(labels, 255)
        assert math.isnan(F.cross_entropy(logits, nothing, ignore_index=255))
        assert cross_entropy(logits, nothing).item() == 0
        assert cross_entropy(logits, labels, weights=torch.zeros(4, dtype=torch.float64)).item() == 0

    def test_a_weight_of_zero_silences_an_impossible_class(self):
        logits = tensor([0.0, -math.inf]).view(1, 2, 1, 1).repeat(1, 1, 1, 2)
        labels = torch.tensor([[[0, 1]]])
        assert cross_entropy(logits, labels, weights=tensor([1.0, 0.0])).item() == 0

    def test_an_ignore_index_that_is_a_class_leaves_its_pixels_out(self):
        logits, labels = case(ignored=False)
        wanted = F.cross_entropy(logits, labels, ignore_index=0)
        assert cross_entropy(logits, labels, ignore_index=0).item() == pytest.approx(wanted.item(), rel=1e-12)

    @pytest.mark.parametrize("weights", [None, WEIGHTS])
    @pytest.mark.parametrize("smoothing", [0.1, 1.0])
    def test_smoothing_equals_torch(self, weights, smoothing):
        logits, labels = case()
        given = None if weights is None else tensor(weights)
        wanted = F.cross_entropy(logits, labels, given, ignore_index=255, label_smoothing=smoothing)
        found = cross_entropy(logits, labels, weights=given, smoothing=smoothing)
        assert found.item() == pytest.approx(wanted.item(), rel=1e-12)

    def test_smoothing_beyond_one_is_refused(self):
        with pytest.raises(ValueError, match="smoothing must be 0 or more and at most 1"):
            cross_entropy(*case(), smoothing=1.5)

    def test_deeplab_divides_the_mean_again_by_the_batch(self):
        logits, labels = case()
        plain = cross_entropy(logits, labels)
        assert cross_entropy(logits, labels, compat="deeplab").item() == pytest.approx(plain.item() / 2)


class TestFocal:
    @pytest.mark.parametrize("gamma", [0, 0.5, 2])
    @pytest.mark.parametrize("weights", [None, WEIGHTS])
    def test_equals_the_formula_pixel_by_pixel(self, gamma, weights):
        logits, labels = case(2)
        given = None if weights is None else tensor(weights)
        wanted = reference.focal(logits.tolist(), labels.tolist(), weights or [1] * 4, gamma, 0.25)
        found = focal(logits, labels, gamma=gamma, alpha=0.25, weights=given)
        assert found.item() == pytest.approx(wanted, rel=1e-12)

    def test_gamma_zero_is_cross_entropy(self):
        logits, labels = case()
        assert focal(logits, labels, gamma=0).item() == pytest.approx(cross_entropy(logits, labels).item(), rel=1e-12)

    @pytest.mark.parametrize("weights", [None, WEIGHTS])
    def test_deeplab_is_the_published_code(self, weights):
        logits, labels = case()
        given = None if weights is None else tensor(weights)
        # pytorch-deeplab-xception, utils/loss.py, FocalLoss with batch_average
        logpt = -F.cross_entropy(logits, labels, given, ignore_index=255, reduction="mean")
        pt = torch.exp(logpt)
        logpt = logpt * 0.5
        wanted = -((1 - pt) ** 2) * logpt / 2
        found = focal(logits, labels, weights=given, compat="deeplab")
        assert found.item() == pytest.approx(wanted.item(), rel=1e-12)

    @pytest.mark.parametrize("gamma", [0.0, 0.1, 0.5, 1.0, 2.0])
    @pytest.mark.parametrize("compat", ["none", "deeplab"])
    def test_gradients_are_finite_where_the_prediction_is_certain(self, gamma, compat):
        logits = torch.tensor([200.0, 0.0]).view(1, 2, 1, 1).requires_grad_()
        focal(logits, torch.zeros(1, 1, 1, dtype=torch.int64), gamma=gamma, compat=compat).backward()
        assert torch.isfinite(logits.grad).all()

    def test_nothing_valid_gives_zero(self):
        logits, labels = case()
        assert focal(logits, torch.full_like(labels, 255)).item() == 0
        assert focal(logits, torch.full_like(labels, 255), compat="deeplab").item() == 0

    def test_a_negative_gamma_is_refused(self):
        with pytest.raises(ValueError, match="gamma must be 0 or more, but is -1"):
            focal(*case(), gamma=-1)


class TestDice:
    @pytest.mark.parametrize("reduction", ["batch", "image"])
    @pytest.mark.parametrize("absent", ["skip", "count", "zero"])
    @pytest.mark.parametrize("weights", [None, WEIGHTS])
    @pytest.mark.parametrize("beta", [1.0, 2.0])
    def test_equals_the_formula_pixel_by_pixel(self, reduction, absent, weights, beta):
        logits, labels = case(3)
        labels[1][labels[1] == 0] = 1  # class 0 is absent from one image alone
        given = None if weights is None else tensor(weights)
        wanted = reference.dice(logits.tolist(), labels.tolist(), weights or [1] * 4, beta, absent, reduction)
        found = dice(logits, labels, beta=beta, weights=given, absent=absent, reduction=reduction)
        assert found.item() == pytest.approx(wanted, rel=1e-10)

    def test_a_case_worked_out_by_hand(self):
        # two pixels of class 0 and 1, probabilities (0.75, 0.25) and (0.5, 0.5)
        logits = torch.log(tensor([[[[0.75, 0.5]], [[0.25, 0.5]]]]))
        labels = torch.tensor([[[0, 1]]])
        first = (2 * 0.75 + 1e-5) / (1 + 1.25 + 1e-5)
        second = (2 * 0.5 + 1e-5) / (1 + 0.75 + 1e-5)
        assert dice(logits, labels).item() == pytest.approx(1 - (first + second) / 2, rel=1e-12)

    @pytest.mark.parametrize("per_image", [False, True])
    @pytest.mark.parametrize("weights", [None, WEIGHTS])
    def test_keras_is_the_published_code(self, per_image, weights):
        logits, labels = case(4, ignored=False)
        # segmentation_models for Keras, base/functional.py f_score and losses.py DiceLoss, NHWC
        gt = F.one_hot(labels, 4).double().numpy()
        pr = torch.softmax(logits, 1).movedim(1, -1).numpy()
        axes = (1, 2) if per_image else (0, 1, 2)
        tp = np.sum(gt * pr, axis=axes)
        fp = np.sum(pr, axis=axes) - tp
        fn = np.sum(gt, axis=axes) - tp
        score = (5 * tp + 1e-5) / (5 * tp + 4 * fn + fp + 1e-5)
        score = np.mean(score, axis=0) if per_image else score
        wanted = 1 - np.mean(score if weights is None else score * np.array(weights))
        found = dice(
            logits,
            labels,
            beta=2,
            weights=None if weights is None else tensor(weights),
            reduction="image" if per_image else "batch",
            compat="keras",
        )
        assert found.item() == pytest.approx(wanted, rel=1e-10)

    def test_scaling_all_weights_changes_nothing_but_the_keras_form(self):
        logits, labels = case()
        one, ten = tensor(WEIGHTS), 10 * tensor(WEIGHTS)
        assert dice(logits, labels, weights=one).item() == pytest.approx(dice(logits, labels, weights=ten).item())
        assert dice(logits, labels, weights=ten, compat="keras").item() < 0

    def test_absent_classes_are_left_out_counted_or_zeroed(self):
        logits, labels = case(ignored=False)  # class 3 is absent
        skip, count, zero = (dice(logits, labels, absent=absent).item() for absent in ("skip", "count", "zero"))
        assert zero == pytest.approx(skip * 3 / 4)
        assert count > skip  # its score is near 0, its loss near 1
        assert count == pytest.approx((3 * skip + 1) / 4, abs=1e-4)

    def test_ignored_pixels_leave_every_sum(self):
        logits, labels = case()
        changed = torch.where((labels == 255).unsqueeze(1), torch.full_like(logits, math.nan), logits)
        assert dice(changed, labels).item() == dice(logits, labels).item()

    @pytest.mark.parametrize("absent", ["skip", "count", "zero"])
    @pytest.mark.parametrize("reduction", ["batch", "image"])
    def test_nothing_valid_gives_zero_and_an_ignored_image_does_not_dilute_the_mean(self, absent, reduction):
        logits, labels = case()
        assert dice(logits, torch.full_like(labels, 255), absent=absent, reduction=reduction).item() == 0
        labels[1] = 255
        both = dice(logits, labels, absent=absent, reduction=reduction)
        assert both.item() == pytest.approx(dice(logits[:1], labels[:1], absent=absent, reduction=reduction).item())

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"absent": "keep"}, "absent must be one of skip, count, zero, but is 'keep'"),
            ({"reduction": "mean"}, "reduction must be one of batch, image, but is 'mean'"),
            ({"compat": "deeplab"}, "compat must be one of none, keras, monai, smp, but is 'deeplab'"),
            ({"compat": "keras", "absent": "zero"}, "does not go with it"),
            ({"beta": 0}, "beta must be above 0, but is 0"),
        ],
    )
    def test_unknown_words_are_refused(self, options, message):
        with pytest.raises(ValueError, match=message):
            dice(*case(), **options)


def fused_all(logits, labels, weights=None, ignore_index=255, **words):
    options = LossOptions(label_smoothing=0.1, **words)
    loss = parse_loss("ce+focal+dice+jaccard", options, weights=weights, ignore_index=ignore_index, fused=True)
    return loss(logits, labels).total


LOSSES = {
    "ce": cross_entropy,
    "ce-deeplab": lambda *a, **k: cross_entropy(*a, compat="deeplab", **k),
    "focal": focal,
    "focal-half": lambda *a, **k: focal(*a, gamma=0.5, **k),
    "focal-deeplab": lambda *a, **k: focal(*a, compat="deeplab", **k),
    "dice": dice,
    "dice-image-count": lambda *a, **k: dice(*a, reduction="image", absent="count", **k),
    "dice-zero-beta": lambda *a, **k: dice(*a, absent="zero", beta=2.0, **k),
    "dice-keras": lambda *a, **k: dice(*a, compat="keras", **k),
    "dice-monai": lambda *a, **k: dice(*a, compat="monai", reduction="image", squared=True, **k),
    "dice-smp": lambda *a, **k: dice(*a, compat="smp", **k),
    "jaccard": jaccard,
    "tversky": tversky,
    "lovasz": lovasz,
    "lovasz-image": lambda *a, **k: lovasz(*a, reduction="image", **k),
    "boundary": boundary_cross_entropy,
    "topk": lambda *a, **k: topk_cross_entropy(*a, share=0.4, **k),
    "ce-smooth": lambda *a, **k: cross_entropy(*a, smoothing=0.1, **k),
    "fused": lambda *a, **k: fused_all(*a, **k),
    "fused-image": lambda *a, **k: fused_all(*a, dice_reduction="image", focal_gamma=0.5, **k),
}


@pytest.mark.parametrize("name", LOSSES)
class TestEveryLoss:
    def test_gradients_equal_finite_differences(self, name):
        logits, labels = case(5, shape=(2, 3, 2, 2))
        weights = tensor(WEIGHTS[:3])
        logits.requires_grad_()
        assert torch.autograd.gradcheck(lambda x: LOSSES[name](x, labels, weights=weights), [logits])

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
    def test_half_precision_is_widened_and_does_not_overflow(self, name, dtype):
        logits = torch.zeros(1, 2, 320, 320, dtype=dtype)  # 102400 pixels, beyond float16
        labels = torch.zeros(1, 320, 320, dtype=torch.uint8)
        found = LOSSES[name](logits, labels)
        assert found.dtype == torch.float32
        assert found.item() == pytest.approx(LOSSES[name](logits.double(), labels).item(), rel=1e-5)

    def test_an_empty_or_ignored_batch_gives_no_nan_and_no_gradient(self, name):
        for shape in ((0, 3, 2, 2), (2, 3, 2, 2), (1, 3, 0, 4)):
            logits = torch.randn(shape, requires_grad=True)
            loss = LOSSES[name](logits, torch.full((shape[0], *shape[2:]), 255))
            assert torch.isfinite(loss)
            loss.backward()
            assert (logits.grad == 0).all()

    @pytest.mark.parametrize("size", [1e4, 1e30])
    def test_huge_logits_give_no_nan(self, name, size):
        _, labels = case()
        sign = torch.randint(0, 2, (2, 4, 3, 5), generator=torch.Generator().manual_seed(1)) * 2 - 1
        logits = (sign * torch.tensor(size)).requires_grad_()
        loss = LOSSES[name](logits, labels)
        assert not torch.isnan(loss)
        loss.backward()
        assert torch.isfinite(logits.grad).all()

    def test_a_class_that_is_ruled_out_gives_no_nan(self, name):
        logits, labels = case()
        logits[:, 3] = -math.inf  # class 3 is nowhere the truth
        logits.requires_grad_()
        loss = LOSSES[name](logits, labels)
        assert not torch.isnan(loss)  # smoothing wants some probability for it, and says inf
        if "smooth" not in name and "fused" not in name:
            loss.backward()
            assert torch.isfinite(loss)
            assert torch.isfinite(logits.grad).all()

    def test_one_class_is_always_right(self, name):
        logits = torch.randn(2, 1, 3, 5, requires_grad=True)
        labels = torch.zeros(2, 3, 5, dtype=torch.int64)
        labels[0, 0] = 255
        loss = LOSSES[name](logits, labels)
        assert loss.item() == pytest.approx(0, abs=1e-6)
        loss.backward()
        assert logits.grad.abs().max() < 1e-7

    def test_what_ignored_pixels_hold_does_not_matter(self, name):
        logits, labels = case()
        ignored = (labels == 255).unsqueeze(1)
        values = []
        for hold in (0.0, math.nan, math.inf):
            held = torch.where(ignored, hold, logits).requires_grad_()
            loss = LOSSES[name](held, labels)
            loss.backward()
            values.append((loss.item(), held.grad))
            assert (held.grad[ignored.expand_as(logits)] == 0).all()
        assert all(value == values[0][0] and torch.equal(grad, values[0][1]) for value, grad in values)

    @pytest.mark.parametrize("layout", ["channels_last", "sliced", "turned"])
    def test_any_memory_format_and_label_dtype(self, name, layout):
        logits, labels = case()
        if layout == "channels_last":
            laid = logits.to(memory_format=torch.channels_last)
        elif layout == "sliced":
            laid = torch.zeros(2, 4, 5, 9, dtype=torch.float64)[:, :, 1:4, 2:7].copy_(logits)
        else:
            laid = logits.permute(3, 2, 0, 1).contiguous().permute(2, 3, 1, 0)
        wanted = LOSSES[name](logits, labels).item()
        for dtype in (torch.uint8, torch.int16, torch.int32):
            assert LOSSES[name](laid, labels.to(dtype)).item() == pytest.approx(wanted, rel=1e-12)

    def test_arguments_are_left_as_they_were(self, name):
        logits, labels = case()
        weights = tensor(WEIGHTS)
        before = [x.clone() for x in (logits, labels, weights)]
        LOSSES[name](logits, labels, weights=weights)
        assert all(torch.equal(a, b) for a, b in zip(before, (logits, labels, weights), strict=True))

    def test_a_label_out_of_range_is_refused(self, name):
        logits, labels = case()
        labels[0, 0, :2] = 4
        with pytest.raises(ValueError, match=r"labels must lie in 0\.\.3 or be 255, but 2 pixels are not"):
            LOSSES[name](logits, labels)

    def test_shapes_that_do_not_fit_are_named(self, name):
        logits, labels = case()
        with pytest.raises(ValueError, match=r"labels must be integers \(2, 3, 5\)"):
            LOSSES[name](logits, labels[:, :2])
        with pytest.raises(ValueError, match="labels must be integers"):
            LOSSES[name](logits, labels.float())
        with pytest.raises(ValueError, match=r"weights must have shape \(4,\), but have \(3,\)"):
            LOSSES[name](logits, labels, weights=tensor(WEIGHTS[:3]))
        with pytest.raises(ValueError, match="logits must be floating point"):
            LOSSES[name](logits.long(), labels)


class TestParseLoss:
    def test_a_sum_adds_factor_times_term_and_names_each(self):
        logits, labels = case()
        weights = np.array(WEIGHTS)
        value = parse_loss("0.5*ce + dice+2*focal", weights=weights)(logits, labels)
        given = tensor(WEIGHTS)
        ce, d, f = (loss(logits, labels, weights=given).item() for loss in (cross_entropy, dice, focal))
        assert value.total.item() == pytest.approx(0.5 * ce + d + 2 * f)
        assert {name: term.item() for name, term in value.terms.items()} == pytest.approx(
            {"ce": ce, "dice": d, "focal": f}
        )

    def test_the_total_has_a_gradient_and_the_terms_have_none(self):
        logits, labels = case()
        value = parse_loss("ce+dice")(logits.requires_grad_(), labels)
        value.total.backward()
        assert float(logits.grad.abs().sum()) > 0
        assert not any(term.requires_grad for term in value.terms.values())

    def test_options_reach_their_loss(self):
        logits, labels = case()
        options = {"dice_beta": 2.0, "dice_reduction": "image", "dice_absent": "count"}
        wanted = dice(logits, labels, beta=2.0, reduction="image", absent="count")
        assert parse_loss("dice", LossOptions(**options))(logits, labels).total.item() == wanted.item()
        labels[labels == 255] = 0
        wanted = focal(logits, labels, gamma=1.0, alpha=0.3, ignore_index=0)
        found = parse_loss("focal", LossOptions(focal_gamma=1.0, focal_alpha=0.3), ignore_index=0)(logits, labels)
        assert found.total.item() == pytest.approx(wanted.item(), rel=1e-14)

    @pytest.mark.parametrize("fused", [False, None])
    @pytest.mark.parametrize(
        ("text", "options", "wanted"),
        [
            ("ce", {"label_smoothing": 0.2}, lambda *a: cross_entropy(*a, smoothing=0.2)),
            ("dice", {"dice_classes": ("sky", "0")}, lambda *a: dice(*a, classes=[2, 0])),
            ("dice", {"dice_squared": True, "dice_smooth": 1.0}, lambda *a: dice(*a, squared=True, smooth=1.0)),
            ("jaccard", {"dice_absent": "zero"}, lambda *a: jaccard(*a, absent="zero")),
            ("tversky", {"tversky_alpha": 0.1, "tversky_beta": 2.0}, lambda *a: tversky(*a, alpha=0.1, beta=2.0)),
            ("lovasz", {"dice_reduction": "image"}, lambda *a: lovasz(*a, reduction="image")),
            (
                "boundary",
                {"boundary_width": 1, "boundary_factor": 9.0},
                lambda *a: boundary_cross_entropy(*a, width=1, factor=9.0),
            ),
            (
                "topk",
                {"topk_share": 0.3, "topk_threshold": 0.2},
                lambda *a: topk_cross_entropy(*a, share=0.3, threshold=0.2),
            ),
            ("focal", {"focal_gamma": 0.5, "focal_alpha": 2.0}, lambda *a: focal(*a, gamma=0.5, alpha=2.0)),
            ("focal", {"compat": "deeplab"}, lambda *a: focal(*a, compat="deeplab")),
        ],
    )
    def test_every_option_reaches_its_loss(self, text, options, wanted, fused):
        loss = parse_loss(text, LossOptions(**options), names=("road", "grass", "sky", "car"), fused=fused)
        assert loss(*case()).total.item() == pytest.approx(wanted(*case()).item(), rel=1e-12)
        assert loss(*case()).total.item() != pytest.approx(parse_loss(text)(*case()).total.item(), rel=1e-3)

    def test_classes_that_there_are_not_are_refused(self):
        with pytest.raises(ValueError, match="dice_classes: no class 'sea'; there are road, sky"):
            parse_loss("dice", LossOptions(dice_classes=("sea",)), names=("road", "sky"))
        with pytest.raises(ValueError, match=r"ids must lie in 0\.\.1, but are 2"):
            parse_loss("dice", LossOptions(dice_classes=("2",)), names=("road", "sky"))

    @pytest.mark.parametrize("text", ["lovasz", "ce+topk", "dice+boundary"])
    def test_what_cannot_be_fused_says_so(self, text):
        with pytest.raises(ValueError, match="cannot be fused"):
            parse_loss(text, fused=True)
        assert parse_loss(text)(*case()).total.item() == parse_loss(text, fused=None)(*case()).total.item()

    def test_compat_reaches_the_losses_it_concerns(self):
        logits, labels = case()
        keras = parse_loss("ce+dice", LossOptions(compat="keras"))(logits, labels)
        assert keras.terms["dice"].item() == dice(logits, labels, compat="keras").item()
        assert keras.terms["ce"].item() == cross_entropy(logits, labels).item()
        deeplab = parse_loss("focal+dice", LossOptions(compat="deeplab"))(logits, labels)
        assert deeplab.terms["focal"].item() == focal(logits, labels, compat="deeplab").item()
        assert deeplab.terms["dice"].item() == dice(logits, labels).item()

    @pytest.mark.parametrize("text", ["", "bce", "ce+", "0*ce", "ce*0.5", "ce+ce", "-1*ce", "dice-ce", "nan*ce"])
    def test_what_is_no_loss_is_refused_with_the_choices(self, text):
        with pytest.raises(ValueError, match="expected a sum of ce, focal, dice"):
            parse_loss(text)

    def test_the_trainer_hands_all_words_on(self):
        logits, labels = case()
        options = TrainOptions(loss="tversky", tversky_alpha=0.0, dice_classes=("grass",), dice_reduction="image")
        found = make_loss(options, np.array(WEIGHTS), 255, ("road", "grass", "sky", "car"))(logits, labels).total
        wanted = tversky(logits, labels, alpha=0.0, classes=[1], reduction="image", weights=tensor(WEIGHTS))
        assert found.item() == pytest.approx(wanted.item(), rel=1e-12)
        with pytest.raises(UsageError, match="no class 'sea'"):
            make_loss(TrainOptions(dice_classes=("sea",)), None, 255, ("road", "grass"))

    def test_options_are_checked_before_any_batch(self):
        for text, words in (
            ("ce", {"label_smoothing": 2.0}),
            ("topk", {"topk_share": 0.0}),
            ("dice", {"dice_beta": 0}),
        ):
            with pytest.raises(ValueError, match="must be"):
                parse_loss(text, LossOptions(**words))

    def test_a_compat_that_concerns_no_term_is_refused(self):
        with pytest.raises(ValueError, match="compat 'keras' concerns dice, jaccard; the loss 'ce' has none of them"):
            parse_loss("ce", LossOptions(compat="keras"))
        with pytest.raises(ValueError, match="compat must be one of none, deeplab, keras, monai, smp"):
            parse_loss("ce", LossOptions(compat="mmseg"))

    @pytest.mark.parametrize("weights", [[1.0, math.nan], [1.0, -1.0], [], [[1.0]]])
    def test_weights_that_are_none_are_refused(self, weights):
        with pytest.raises(ValueError, match="one finite number of 0 or more per class"):
            parse_loss("ce", weights=weights)

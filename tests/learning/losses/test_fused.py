import math
from itertools import product

import pytest

torch = pytest.importorskip("torch")

from labelprep.learning.loss_options import LossOptions  # noqa: E402
from labelprep.learning.losses import fused, fused_cpu, parse_loss  # noqa: E402

LAYOUTS = ("plain", "channels_last", "sliced", "turned")
EVERY = ("ce", "focal", "dice", "jaccard", "tversky")


def case(*, shape=(2, 5, 7, 9), dtype=torch.float32, layout="plain", labels=torch.int64, seed=0, device="cpu"):
    """Logits of any strides and labels without the last class, a fifth of them ignored."""
    draw = torch.Generator().manual_seed(seed)
    logits = (3 * torch.randn(shape, generator=draw)).to(dtype)
    batch, classes, height, width = shape
    truth = torch.randint(0, max(classes - 1, 1), (batch, height, width), generator=draw).to(labels)
    truth[torch.rand(truth.shape, generator=draw) < 0.2] = 255 if labels != torch.int8 else 100
    logits, truth = logits.to(device), truth.to(device)
    if layout == "channels_last":
        logits = logits.to(memory_format=torch.channels_last)
    elif layout == "sliced":
        logits = torch.zeros(batch, classes, height + 3, width + 2, dtype=dtype, device=device)[:, :, 1:-2, 1:-1].copy_(
            logits
        )
        truth = torch.zeros(batch, height, width + 4, dtype=labels, device=device)[:, :, 2:-2].copy_(truth)
    elif layout == "turned":
        logits = logits.permute(3, 2, 0, 1).contiguous().permute(2, 3, 1, 0)
        truth = truth.permute(2, 1, 0).contiguous().permute(2, 1, 0)
    return logits, truth


def weights_of(classes, device="cpu"):
    weights = torch.linspace(0.25, 2, classes)
    weights[0] = 0
    return weights.to(device)


def both(text, logits, labels, **words):
    """(value, gradient) from the plain functions and from the fused operator."""
    found = []
    weights, options, index = words.pop("weights", None), words.pop("options", LossOptions()), words.pop("index", 255)
    for go in (False, True):
        given = logits.detach().clone(memory_format=torch.preserve_format).requires_grad_()
        value = parse_loss(text, options, weights=weights, ignore_index=index, fused=go)(given, labels).total
        value.backward()
        found.append((value.item(), given.grad))
    return found


def agree(plain, operator, rel):
    assert operator[0] == pytest.approx(plain[0], rel=rel)
    assert operator[1].dtype == plain[1].dtype
    largest = plain[1].abs().max().item()
    assert (operator[1].double() - plain[1].double()).abs().max().item() <= rel * 10 * largest


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("words", [{}, {"dice_reduction": "image", "focal_gamma": 0.5, "label_smoothing": 0.2}])
@pytest.mark.parametrize("weighed", [False, True])
def test_equals_the_plain_functions(layout, words, weighed):
    logits, labels = case(dtype=torch.float64, layout=layout)
    weights = weights_of(5) if weighed else None
    for text in (*EVERY, "0.5*ce+dice+2*focal", "dice+jaccard+tversky"):
        agree(*both(text, logits, labels, weights=weights, options=LossOptions(**words)), rel=1e-12)


@pytest.mark.parametrize(
    "words",
    [{"compat": "keras"}, {"compat": "monai"}, {"compat": "smp"}, {"dice_absent": "count"}, {"dice_classes": ("1",)}],
)
def test_policies_are_functions_of_the_sums(words):
    agree(*both("dice+ce", *case(dtype=torch.float64), weights=weights_of(5), options=LossOptions(**words)), rel=1e-12)


@pytest.mark.parametrize("compat", ["none", "deeplab"])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_focal_of_any_gamma(gamma, compat):
    options = LossOptions(focal_gamma=gamma, compat=compat)
    agree(*both("focal", *case(dtype=torch.float64), options=options), rel=1e-12)


@pytest.mark.parametrize("labels", [torch.uint8, torch.int8, torch.int16, torch.int32])
def test_labels_of_any_integer_type(labels):
    index = 100 if labels == torch.int8 else 255
    agree(*both("ce+dice", *case(dtype=torch.float64, labels=labels), index=index), rel=1e-12)


@pytest.mark.parametrize("shape", [(1, 1, 3, 3), (1, 2, 1, 1), (3, 23, 5, 1), (2, 150, 4, 3)])
def test_any_number_of_classes_and_pixels(shape):
    agree(*both("ce+dice+focal", *case(shape=shape, dtype=torch.float64)), rel=1e-12)


@pytest.mark.parametrize("labels", [torch.bool, torch.uint16, torch.uint32, torch.uint64])
def test_labels_of_types_that_torch_hardly_knows(labels):
    logits, truth = case(shape=(2, 3, 7, 9), labels=torch.int64)
    truth = truth.clamp(max=1)
    wanted, found = (fused.fused_sums(logits, one, weights=weights_of(3)) for one in (truth, truth.to(labels)))
    assert torch.equal(found.nll, wanted.nll)
    assert torch.equal(found.overlap.hit, wanted.overlap.hit)


def test_an_ignore_index_that_is_a_class():
    logits, labels = case(dtype=torch.float64)
    agree(*both("ce+dice", logits, labels.where(labels != 255, 0), index=0), rel=1e-12)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_short_strips_and_tiles_give_the_same(monkeypatch, layout):
    logits, labels = case(dtype=torch.float64, shape=(2, 5, 40, 19), layout=layout)
    plain, whole = both("ce+dice+focal", logits, labels)
    monkeypatch.setattr(fused_cpu, "STRIP_PIXELS", (50, 50))
    monkeypatch.setattr(fused_cpu, "TILE_PIXELS", 16)
    short = both("ce+dice+focal", logits, labels)[1]
    agree(plain, short, rel=1e-12)
    agree(whole, short, rel=1e-12)


def test_any_number_of_threads_gives_the_same_bits(monkeypatch):
    monkeypatch.setattr(fused_cpu, "STRIP_PIXELS", (50, 50))
    logits, labels = case(shape=(2, 5, 40, 19), layout="channels_last")
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            found.append(both("ce+dice+focal", logits, labels, options=LossOptions(label_smoothing=0.1))[1])
    finally:
        torch.set_num_threads(before)
    assert len({value for value, _ in found}) == 1
    assert all(torch.equal(gradient, found[0][1]) for _, gradient in found)


@pytest.mark.parametrize("held", [math.nan, math.inf, -math.inf, 3e38])
def test_what_ignored_pixels_hold_is_no_matter(held):
    logits, labels = case()
    wanted = both("ce+dice+focal", logits, labels)[1]
    there = torch.where((labels == 255).unsqueeze(1), torch.tensor(held), logits)
    found = both("ce+dice+focal", there, labels)[1]
    assert found[0] == wanted[0]
    assert torch.equal(found[1], wanted[1])


@pytest.mark.parametrize("size", [0.0, 1e2, 1e4, 1e35])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_extreme_logits_are_as_in_the_plain_functions(size, dtype):
    logits, labels = case(dtype=dtype)
    plain, found = both("dice+0.5*focal", size * logits, labels, weights=weights_of(5))
    assert math.isfinite(found[0])
    assert found[0] == pytest.approx(plain[0], rel=1e-5)
    assert torch.isfinite(found[1]).all()
    assert torch.allclose(found[1], plain[1], rtol=1e-4, atol=1e-6)


def test_logits_farther_apart_than_a_number_can_say_have_a_gradient():
    logits, labels = case()
    _, gradient = both("ce+dice+focal", 3e38 * logits.sign(), labels)[1]
    assert torch.isfinite(gradient).all()
    assert gradient.any()


def test_a_class_that_is_ruled_out():
    logits, labels = case(dtype=torch.float64)
    logits[:, 4] = -math.inf  # nowhere the truth
    plain, found = both("ce+dice+focal", logits, labels)
    agree(plain, found, rel=1e-12)
    assert torch.isfinite(found[1]).all()


def test_a_pixel_whose_class_is_ruled_out():
    logits = torch.tensor([0.0, -math.inf, 1.0]).view(1, 3, 1, 1)
    plain, found = both("ce", logits, torch.ones(1, 1, 1, dtype=torch.int64))
    assert plain[0] == found[0] == math.inf
    assert torch.equal(found[1], plain[1])


@pytest.mark.parametrize("shape", [(0, 3, 4, 4), (2, 3, 0, 4), (2, 3, 4, 0), (2, 3, 4, 4)])
def test_nothing_to_sum_is_zero(shape):
    logits = torch.randn(shape)
    labels = torch.full((shape[0], *shape[2:]), 255, dtype=torch.uint8)
    value, gradient = both("ce+dice+focal", logits, labels)[1]
    assert value == 0
    assert gradient.shape == shape
    assert not gradient.any()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_summed_in_float32(dtype, layout):
    logits, labels = case(dtype=dtype, shape=(1, 5, 120, 121), layout=layout)
    value, gradient = both("ce+dice", logits, labels)[1]
    wanted, exact = both("ce+dice", logits.double(), labels)[0]
    assert value == pytest.approx(wanted, rel=1e-5)
    assert gradient.dtype == dtype
    assert (gradient.double() - exact).abs().max().item() <= 1e-2 * exact.abs().max().item() + 6e-8


def test_gradients_equal_finite_differences():
    logits, labels = case(shape=(2, 3, 2, 3), dtype=torch.float64)
    for words in ({}, {"dice_reduction": "image", "focal_gamma": 0.5, "label_smoothing": 0.2}):
        loss = parse_loss("ce+focal+dice+jaccard+tversky", LossOptions(**words), weights=[0.5, 2, 0], fused=True)
        assert torch.autograd.gradcheck(lambda x, f=loss: f(x, labels).total, [logits.clone().requires_grad_()])


def test_the_same_bits_every_time():
    logits, labels = case(shape=(2, 23, 64, 65))
    first, second = (both("ce+dice+focal", logits, labels)[1] for _ in range(2))
    assert first[0] == second[0]
    assert torch.equal(first[1], second[1])


def test_the_gradient_keeps_the_layout_and_nothing_but_the_inputs_is_saved():
    logits, labels = case(layout="channels_last")
    logits.requires_grad_()
    saved = []
    with torch.autograd.graph.saved_tensors_hooks(lambda x: saved.append(x) or x, lambda x: x):
        value = parse_loss("ce+dice+focal", fused=True)(logits, labels).total
    pixels = labels.numel()
    large = {x.data_ptr() for x in saved if x.numel() >= pixels}
    assert large == {logits.data_ptr(), labels.data_ptr()}
    value.backward()
    assert logits.grad.is_contiguous(memory_format=torch.channels_last)


def test_a_second_derivative_is_refused_in_words():
    logits, labels = case()
    value = parse_loss("ce+dice", fused=True)(logits.requires_grad_(), labels).total
    (gradient,) = torch.autograd.grad(value, logits, create_graph=True)
    with pytest.raises(NotImplementedError, match="no second derivative; build the loss with fused=False"):
        gradient.sum().backward()


def test_labels_out_of_range_are_counted_over_the_whole_batch():
    logits, labels = case(shape=(2, 5, 40, 9))
    labels[0, 0, 0], labels[1, 39, 8] = 5, 7
    with pytest.raises(ValueError, match=r"labels must lie in 0\.\.4 or be 255, but 2 pixels are not"):
        parse_loss("ce", fused=True)(logits, labels)


def test_autocast_and_inference_mode_change_nothing():
    logits, labels = case(dtype=torch.bfloat16)
    loss = parse_loss("ce+dice", fused=True)
    plain = loss(logits, labels).total
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(loss(logits, labels).total, plain)
    with torch.inference_mode():
        assert torch.equal(loss(logits, labels).total, plain)


def test_logits_without_rows_and_columns_or_with_depth():
    logits, labels = case(dtype=torch.float64)
    wanted = both("ce+dice", logits, labels)[0][0]
    assert both("ce+dice", logits.flatten(2), labels.flatten(1))[1][0] == pytest.approx(wanted)
    assert both("ce+dice", logits.unsqueeze(2), labels.unsqueeze(1))[1][0] == pytest.approx(wanted)
    rows = logits.movedim(1, -1).flatten(0, 2)
    assert both("ce", rows, labels.flatten())[1][0] == pytest.approx(both("ce", logits, labels)[0][0])


@pytest.mark.filterwarnings("ignore:The .grad attribute")  # torch's own check reads it
@pytest.mark.parametrize("grad", [False, True])
def test_torch_knows_the_operator(grad):
    logits, labels = case(shape=(1, 3, 4, 5))
    checks = ("test_schema", "test_autograd_registration", "test_faketensor", "test_aot_dispatch_static")
    arguments = (logits.requires_grad_(grad), labels, torch.ones(3) if grad else None, 255, 2.0, True, True)
    torch.library.opcheck(fused.pixel_sums, arguments, test_utils=checks)


def test_torch_compile_takes_it_whole():
    logits, labels = case()
    loss = parse_loss("ce+dice+focal", weights=[1.0, 2, 3, 4, 5])
    compiled = torch.compile(lambda x, y: loss(x, y).total, backend="aot_eager", fullgraph=True)
    found = []
    for function in (compiled, lambda x, y: loss(x, y).total):
        given = logits.clone().requires_grad_()
        value = function(given, labels)
        value.backward()
        found.append((value.item(), given.grad))
    assert found[0][0] == found[1][0]
    assert torch.equal(found[0][1], found[1][1])


def test_where_there_is_an_operator():
    assert fused.can_fuse(torch.device("cpu"), 10**6)
    assert not fused.can_fuse(torch.device("mps"), 5)
    assert not fused.can_fuse(torch.device("cuda"), fused.MAX_CLASSES + 1)


@pytest.mark.gpu
class TestOnAGpu:
    """The kernels themselves; tests/learning/losses/test_fused_triton.py runs them in Triton's interpreter."""

    @pytest.fixture(autouse=True)
    def device(self):
        if not torch.cuda.is_available():
            pytest.skip("no CUDA device")
        return "cuda"

    @pytest.mark.parametrize("layout", LAYOUTS)
    @pytest.mark.parametrize(("dtype", "rel"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
    def test_equals_the_plain_functions(self, layout, dtype, rel):
        for classes, weighed in product((1, 2, 23, 150), (False, True)):
            logits, labels = case(shape=(2, classes, 33, 65), dtype=dtype, layout=layout, device="cuda")
            weights = weights_of(classes, "cuda") if weighed and classes > 1 else None
            options = LossOptions(label_smoothing=0.1)
            agree(*both("ce+dice+focal", logits, labels, weights=weights, options=options), rel=rel)

    def test_the_same_bits_every_time(self):
        logits, labels = case(shape=(4, 23, 256, 257), dtype=torch.bfloat16, device="cuda")
        first, second = (both("ce+dice+focal", logits, labels)[1] for _ in range(2))
        assert first[0] == second[0]
        assert torch.equal(first[1], second[1])

    def test_more_than_two_to_the_31_logits(self):
        logits = torch.zeros(1, 17, 11600, 11600, dtype=torch.bfloat16, device="cuda")  # 2.3e9
        labels = torch.full((1, 11600, 11600), 16, dtype=torch.uint8, device="cuda")
        logits[:, 16, -1, -1] = 20
        logits.requires_grad_()
        value = parse_loss("ce", fused=True)(logits, labels).total
        value.backward()
        assert value.item() == pytest.approx(torch.tensor(17.0).log().item(), rel=1e-5)
        assert logits.grad[0, 16, -1, -1].abs().item() < 1e-12
        assert logits.grad[0, 16, -1, -2].item() == pytest.approx(-16 / 17 / 11600**2, rel=1e-2)

    def test_torch_compile(self):
        logits, labels = case(shape=(2, 5, 32, 32), device="cuda")
        loss = parse_loss("ce+dice")
        value = torch.compile(lambda x, y: loss(x, y).total, fullgraph=True)(logits.requires_grad_(), labels)
        assert value.item() == pytest.approx(loss(logits, labels).total.item(), rel=1e-6)

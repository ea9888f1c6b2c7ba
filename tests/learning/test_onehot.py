import pytest

torch = pytest.importorskip("torch")

from labelprep.learning.onehot import agreement, one_hot  # noqa: E402


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32, torch.int64])
def test_equals_torchs_own_one_hot_with_classes_moved_to_the_front(dtype):
    labels = torch.randint(0, 5, (2, 3, 4), generator=torch.Generator().manual_seed(0))
    wanted = torch.nn.functional.one_hot(labels, 5).movedim(-1, 1)
    found = one_hot(labels.to(dtype), 5)
    assert found.shape == (2, 5, 3, 4)
    assert found.dtype == torch.float32
    assert torch.equal(found, wanted.float())


@pytest.mark.parametrize("shape", [(3,), (2, 5), (2, 3, 4), (2, 2, 2, 2)])
def test_takes_labels_of_any_shape(shape):
    assert one_hot(torch.zeros(shape, dtype=torch.uint8), 4).shape == (shape[0], 4, *shape[1:])


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16, torch.bool, torch.int64])
def test_gives_the_dtype_asked_for(dtype):
    found = one_hot(torch.tensor([[1, 0]]), 2, dtype=dtype)
    assert found.dtype == dtype
    assert found.to(torch.int64).tolist() == [[[0, 1], [1, 0]]]


def test_gives_the_device_asked_for():
    assert one_hot(torch.tensor([[1, 0]]), 2, device="cpu").device.type == "cpu"


def test_eps_is_added_to_every_entry_so_that_the_hot_one_is_one_plus_eps():
    found = one_hot(torch.tensor([[1]]), 3, eps=1e-6, dtype=torch.float64)
    assert found.flatten().tolist() == [1e-6, 1 + 1e-6, 1e-6]


@pytest.mark.parametrize("eps", [0.0, 1e-6])
@pytest.mark.parametrize("ignore_index", [255, 0, -100])
def test_ignored_pixels_are_zero_in_all_classes_eps_or_not(eps, ignore_index):
    found = one_hot(torch.tensor([[1, ignore_index]]), 2, eps=eps, ignore_index=ignore_index)
    assert found[0, :, 1].tolist() == [0, 0]
    assert found[0, 1, 0] == pytest.approx(1 + eps)


def test_an_ignore_index_of_minus_100_does_not_catch_the_uint8_id_156():
    found = one_hot(torch.tensor([[156]], dtype=torch.uint8), 157, ignore_index=-100)
    assert found.sum() == 1


def test_labels_out_of_range_are_refused_with_their_number():
    with pytest.raises(ValueError, match=r"0\.\.2 or be 255, but 2 pixels are not; the least is -1"):
        one_hot(torch.tensor([[3, -1, 2, 255]]), 3)


def test_eps_in_an_integer_dtype_is_refused():
    with pytest.raises(ValueError, match="eps needs a floating-point dtype"):
        one_hot(torch.tensor([[0]]), 2, dtype=torch.int64, eps=1e-6)


def test_agreement_is_the_probability_of_the_true_class():
    p = torch.tensor([[[[0.2, 0.5]], [[0.8, 0.5]]]])
    y = one_hot(torch.tensor([[[1, 0]]]), 2)
    assert agreement(p, y, "sum").item() == pytest.approx(1.3)
    assert agreement(p, y).item() == pytest.approx(0.65)


def test_agreement_leaves_ignored_pixels_out_of_sum_and_mean():
    p = torch.full((1, 2, 1, 3), 0.5)
    y = one_hot(torch.tensor([[[1, 255, 0]]]), 2)
    assert agreement(p, y, "sum").item() == 1
    assert agreement(p, y).item() == 0.5
    assert agreement(p, torch.zeros_like(y)).item() == 0


def test_agreement_of_half_precision_is_summed_in_float32():
    p = torch.full((1, 1, 256, 512), 0.5, dtype=torch.float16)
    assert agreement(p, torch.ones_like(p), "sum").item() == 65536  # beyond the range of float16


def test_agreement_refuses_other_shapes_and_words():
    p = torch.zeros(1, 2, 3)
    with pytest.raises(ValueError, match="the shape of probabilities"):
        agreement(p, torch.zeros(1, 3, 2))
    with pytest.raises(ValueError, match="mean or sum, but is 'none'"):
        agreement(p, p, "none")

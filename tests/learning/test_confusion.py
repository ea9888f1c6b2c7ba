import pytest

torch = pytest.importorskip("torch")

from labelprep.learning.confusion import confusion_matrix  # noqa: E402
from tests import reference  # noqa: E402


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.int64])
@pytest.mark.parametrize("ignore_index", [255, 0, 2])
def test_equals_the_count_pixel_by_pixel(dtype, ignore_index):
    draw = torch.Generator().manual_seed(0)
    prediction = torch.randint(0, 4, (2, 5, 6), generator=draw)
    labels = torch.randint(0, 4, (2, 5, 6), generator=draw)
    labels[0, 0] = ignore_index
    found = confusion_matrix(prediction.to(dtype), labels.to(dtype), 4, ignore_index=ignore_index)
    assert found.dtype == torch.int64
    wanted = reference.confusion(prediction.flatten().tolist(), labels.flatten().tolist(), 4, ignore_index)
    assert found.tolist() == wanted


def test_rows_are_the_truth():
    assert confusion_matrix(torch.tensor([1]), torch.tensor([0]), 2).tolist() == [[0, 1], [0, 0]]


def test_more_than_two_to_the_24_pixels_are_counted_exactly():
    pixels = 2**24 + 3
    labels = torch.zeros(pixels, dtype=torch.uint8)
    assert confusion_matrix(labels, labels, 2).tolist() == [[pixels, 0], [0, 0]]


def test_parts_add_up_to_the_whole():
    draw = torch.Generator().manual_seed(2)
    prediction, labels = torch.randint(0, 3, (2, 4, 9), generator=draw)
    whole = confusion_matrix(prediction, labels, 3)
    parts = sum(confusion_matrix(p, t, 3) for p, t in zip(prediction, labels, strict=True))
    assert torch.equal(whole, parts)


def test_nothing_valid_gives_zeros():
    labels = torch.full((2, 2), 255)
    assert confusion_matrix(labels, labels, 2).tolist() == [[0, 0], [0, 0]]


def test_what_is_predicted_at_ignored_pixels_does_not_matter():
    assert confusion_matrix(torch.tensor([99, 1]), torch.tensor([255, 1]), 2).tolist() == [[0, 0], [0, 1]]


def test_ids_out_of_range_are_refused_and_never_land_in_another_cell():
    with pytest.raises(ValueError, match=r"labels must lie in 0\.\.1 where they are valid, but 1 pixels"):
        confusion_matrix(torch.tensor([0, 0]), torch.tensor([2, 0]), 2)
    with pytest.raises(ValueError, match=r"prediction must lie in 0\.\.1"):
        confusion_matrix(torch.tensor([2, 0]), torch.tensor([0, 0]), 2)
    with pytest.raises(ValueError, match="one shape"):
        confusion_matrix(torch.tensor([0]), torch.tensor([0, 0]), 2)

import math
from collections import Counter

import numpy as np
import pytest
import torch

from labelprep.learning.data.batches import Draws
from labelprep.learning.data.reading import pairs
from labelprep.learning.data.sampling import RareCrop, class_factors, image_factors
from labelprep.learning.data.train_data import TrainData, augmentation

PIXELS = np.array([9000, 900, 99, 1, 0])


def test_the_factor_is_the_root_of_how_much_rarer_a_class_is_than_the_share():
    wanted = [1, 1, math.sqrt(0.01 / 0.0099), 10, 1]
    np.testing.assert_allclose(class_factors(PIXELS, 0.01), wanted)
    np.testing.assert_allclose(class_factors(PIXELS * 10**12, 0.01), wanted)


def test_an_image_counts_as_much_as_its_rarest_class():
    factors = image_factors([(5, 0, 0, 1, 0), (5, 5, 0, 0, 0), (0, 0, 0, 0, 9), (0,) * 5], class_factors(PIXELS, 0.01))
    assert factors.tolist() == [10, 1, 1, 1]


def test_images_are_drawn_in_proportion_to_their_factors():
    draws = Draws(50, batch_size=4, seed=1, factors=torch.tensor([8.0] + [1.0] * 49))
    seen = Counter()
    for epoch in range(200):
        draws.epoch = epoch
        seen.update(index for _, index in draws)
    drawn = 200 * len(draws)
    share, spread = 8 / 57, math.sqrt(drawn * 8 / 57 * 49 / 57)
    assert abs(seen[0] - drawn * share) < 5 * spread
    assert len(seen) == 50


def test_a_crop_lies_around_the_class_that_was_drawn_and_inside_the_image():
    mask = torch.zeros(40, 60, dtype=torch.uint8)
    mask[3, 55] = 1
    mask[20:, :10] = 255
    image = torch.stack([torch.arange(40)[:, None].expand(40, 60), torch.arange(60).expand(40, 60)]).to(torch.uint8)
    crop = RareCrop((16, 100), (1e-9, 1.0))
    tops = set()
    torch.manual_seed(0)
    for _ in range(100):
        part, labels = crop(image, mask)
        assert labels.shape == (16, 60)
        assert (labels == 1).sum() == 1
        top = int(part[0, 0, 0])
        tops.add(top)
        assert torch.equal(labels, mask[top : top + 16])
    assert tops == {0, 1, 2, 3}


def test_a_mask_without_a_valid_pixel_is_left_to_the_plain_crop():
    mask = torch.full((8, 8), 255, dtype=torch.uint8)
    image = torch.zeros(3, 8, 8, dtype=torch.uint8)
    assert RareCrop((4, 4), (1.0, 1.0))(image, mask)[1] is mask


@pytest.mark.parametrize("size", [(16, 16), (48, 20)])
def test_drawn_crops_have_the_size_that_was_asked_for(street, size):
    augment = augmentation(resize=None, crop=size, flip=True, ignore_index=255)
    data = TrainData(pairs(street.prepared, "train"), augment, seed=0, towards=RareCrop(size, (1.0, 5.0, 1.0)))
    for index in range(8):
        image, mask, _ = data[1, index]
        assert image.shape[1:] == mask.shape == size
        again = data[1, index]
        assert torch.equal(image, again[0])

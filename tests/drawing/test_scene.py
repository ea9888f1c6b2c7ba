import numpy as np
import pytest

from labelprep.drawing import CLASSES, draw_scene
from labelprep.drawing.classes import ID


def scenes(count, size=(96, 128)):
    return [draw_scene(np.random.default_rng([1, i]), size) for i in range(count)]


def test_a_scene_is_an_rgb_image_and_ids_of_the_same_size():
    image, ids = draw_scene(np.random.default_rng(0), (96, 128))
    assert image.shape == (96, 128, 3)
    assert ids.shape == (96, 128)
    assert image.dtype == ids.dtype == np.uint8
    assert ids.max() < len(CLASSES)


def test_the_same_seed_draws_the_same_scene():
    first, second = (draw_scene(np.random.default_rng(3), (48, 64)) for _ in range(2))
    assert np.array_equal(first[0], second[0])
    assert np.array_equal(first[1], second[1])


def test_every_class_occurs_and_some_are_rare():
    pixels = sum(np.bincount(ids.ravel(), minlength=len(CLASSES)) for _, ids in scenes(30))
    share = pixels / pixels.sum()
    assert (share > 0).all()
    for rare in ("person", "traffic-light", "sign", "bicycle"):
        assert share[ID[rare]] < 0.02
    assert share[ID["road"]] > 0.15


def test_colour_alone_does_not_tell_the_classes_apart():
    """The best guess from a coarse colour is right more often than the commonest class, but far from always."""
    images, ids = (np.concatenate([s[i].reshape(-1, *s[i].shape[2:]) for s in scenes(30)]) for i in (0, 1))
    cell = (images // 32).astype(int) @ [64, 8, 1]
    table = np.zeros((512, len(CLASSES)), int)
    np.add.at(table, (cell, ids), 1)
    by_color = table.max(1).sum() / ids.size
    majority = table.sum(0).max() / ids.size
    assert majority + 0.1 < by_color < 0.8


@pytest.mark.parametrize("size", [(24, 32), (33, 47), (144, 192)])
def test_any_size_can_be_drawn(size):
    image, ids = draw_scene(np.random.default_rng(0), size)
    assert image.shape[:2] == ids.shape == size
    assert len(np.unique(ids)) > 4

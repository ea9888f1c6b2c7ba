import io

import numpy as np
import pytest
from PIL import Image

from labelprep.report import plots
from labelprep.report.panel import Picture, panel


def opened(drawn):
    image = Image.open(io.BytesIO(getattr(drawn, "png", drawn)))
    image.load()
    return image.convert("RGB")


def has_color(image, color, least=20):
    return (np.asarray(image) == color).all(-1).sum() >= least


def margins_are_white(image):
    pixels = np.asarray(image)
    return all((edge == 255).all() for edge in (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]))


def many(classes):
    rng = np.random.default_rng(classes)
    names = [f"a rather long class name, number {i}" if i % 5 == 0 else f"$class_{i}$" for i in range(classes)]
    colors = rng.integers(20, 230, (classes, 3)).astype(np.uint8)
    return rng, names, colors


@pytest.mark.parametrize("classes", [1, 3, 30, 150])
def test_any_number_of_classes_is_drawn_within_the_margins(classes):
    rng, names, colors = many(classes)
    pixels = (10 ** rng.uniform(0, 9, classes)).astype(np.int64)
    balance = opened(plots.class_balance(names, colors, pixels, 1 / pixels))
    confusion = opened(plots.confusion(names, rng.integers(0, 99, (classes, classes))))
    for image in (balance, confusion):
        assert max(image.size) < 5000
        assert margins_are_white(image)
    assert has_color(balance, colors[int(pixels.argmax())])


def test_an_empty_set_still_has_its_plots():
    _, names, colors = many(4)
    zero = np.zeros(4, np.int64)
    assert margins_are_white(opened(plots.class_balance(names, colors, zero, zero.astype(float))))
    assert margins_are_white(opened(plots.confusion(names, np.zeros((4, 4), np.int64))))


def test_rows_without_truth_are_not_drawn_as_zero():
    image = opened(plots.confusion(["a", "b"], np.array([[5, 1], [0, 0]])))
    assert has_color(image, (0xF1, 0xEE, 0xE8), 500)


@pytest.mark.parametrize("epochs", [1, 2, 60])
def test_curves_take_any_number_of_epochs_and_gaps(epochs):
    history = [
        {"epoch": e + 1, "train_loss": 1 / (e + 1), "val_loss": None, "val_miou": 0.1 if e else None}
        for e in range(epochs)
    ]
    assert margins_are_white(opened(plots.curves(history)))


def test_the_panel_paints_ids_in_the_classes_colours_and_entropy_on_a_fixed_scale():
    colors = np.zeros((256, 3), np.uint8)
    colors[:2], colors[255] = ((200, 10, 30), (10, 200, 90)), (1, 2, 3)
    truth = np.repeat(np.array([[0, 1, 255]], np.uint8), 30, 0).repeat(20, 1)
    low = np.full(truth.shape, 0.25)
    picture = Picture("val/a", np.full((*truth.shape, 3), 77, np.uint8), truth, truth % 2, low)
    image = opened(panel([picture, Picture("b", None, truth)], ["one", "two"], colors, 255))
    for color in ((200, 10, 30), (10, 200, 90), (1, 2, 3), (77, 77, 77)):
        assert has_color(image, color, 200)
    assert has_color(image, (87, 15, 109), 200)  # inferno at 0.25, whatever the largest value


def test_the_same_values_give_the_same_bytes():
    _, names, colors = many(5)
    pixels = np.arange(1, 6)
    one, other = (plots.class_balance(names, colors, pixels) for _ in range(2))
    assert one.png == other.png
    assert one.svg() == other.svg()
    assert b"<svg" in one.svg()

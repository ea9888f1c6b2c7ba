import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

from labelprep.learning.checkpoint import load_trained
from labelprep.learning.data.train_data import Fit
from labelprep.learning.evaluate import evaluate
from labelprep.learning.evaluation import look as look_module
from labelprep.learning.evaluation.full_size import at_size, bands_at_size
from labelprep.learning.evaluation.look import Look
from labelprep.learning.evaluation.panels import GAP, ramp
from labelprep.learning.evaluation.windows import PLAIN, Views, bands, blending, places, probabilities
from labelprep.learning.options import EvalOptions, PredictOptions
from labelprep.learning.predict import predict
from labelprep.steps.palette import read_ids
from tests.dataset import labelprep

CLASSES = 3
KERNEL = torch.randn(CLASSES, 3, 1, 1, generator=torch.Generator().manual_seed(0)) / 40


def pixelwise(image):
    """A network that looks at each pixel alone."""
    return functional.conv2d(image[None].float(), KERNEL)[0]


def picture(height, width, seed=0):
    return torch.randint(0, 256, (3, height, width), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


def joined(found):
    """The bands one below the other; each begins where the one before ended."""
    parts, row = [], 0
    for top, band in found:
        assert top == row
        parts.append(band)
        row += band.shape[1]
    return torch.cat(parts, 1)


@pytest.mark.parametrize(("window", "stride"), [(8, 8), (8, 4), (8, 3), (16, 1), (100, 50), (7, 7)])
@pytest.mark.parametrize("size", [(23, 31), (8, 8), (5, 40), (40, 5)])
def test_windows_of_a_pixelwise_network_give_the_whole_image(window, stride, size):
    image = picture(*size)
    whole = torch.softmax(pixelwise(image), 0)
    torch.testing.assert_close(joined(bands(pixelwise, image, PLAIN, window, stride)), whole, rtol=0, atol=2e-6)


def test_every_pixel_is_the_mean_of_its_windows_weighted_by_the_distance_from_their_middles():
    image = picture(12, 17)

    def biased(crop):  # tells windows apart by their content
        logits = pixelwise(crop)
        logits[0] += crop.float().mean() / 9
        return logits

    total, weight = torch.zeros(CLASSES, 12, 17), torch.zeros(12, 17)
    sigma = 8 / 8
    for top in (0, 3, 4):
        for left in (0, 3, 6, 9):
            one = torch.softmax(biased(image[:, top : top + 8, left : left + 8]), 0)
            for y in range(8):
                for x in range(8):
                    w = np.exp(-((y - 3.5) ** 2 + (x - 3.5) ** 2) / (2 * sigma**2))
                    total[:, top + y, left + x] += w * one[:, y, x]
                    weight[top + y, left + x] += w
    assert places(12, 8, 3) == (0, 3, 4)
    torch.testing.assert_close(joined(bands(biased, image, PLAIN, 8, 3)), total / weight, rtol=1e-4, atol=1e-6)


def test_no_more_than_a_row_of_windows_is_held():
    image = picture(200, 16)
    for top, band in bands(pixelwise, image, PLAIN, 16, 4):
        assert band.shape[1] <= 16
        assert top % 4 == 0


def test_weights_are_positive_symmetric_and_largest_in_the_middle():
    for length in (1, 2, 7, 64, 513):
        weights = blending(length)
        assert (weights > 0).all()
        torch.testing.assert_close(weights, weights.flip(0))
        assert weights.argmax() in ((length - 1) // 2, length // 2)


def test_a_stride_that_leaves_gaps_is_refused():
    with pytest.raises(ValueError, match=r"stride must lie in 1\.\.8"):
        next(bands(pixelwise, picture(9, 9), PLAIN, 8, 9))


def test_views_are_averaged_as_probabilities():
    image = picture(6, 10)

    def sided(crop):  # not the same mirrored
        return pixelwise(crop) * torch.linspace(0, 1, crop.shape[-1])

    plain = torch.softmax(sided(image), 0)
    mirrored = torch.softmax(sided(image.flip(-1)), 0).flip(-1)
    found = probabilities(sided, image, Views(flip=True))
    torch.testing.assert_close(found, (plain + mirrored) / 2)
    assert not torch.allclose(found, plain, atol=1e-3)
    torch.testing.assert_close(probabilities(pixelwise, image, Views(flip=True)), torch.softmax(pixelwise(image), 0))


def test_scales_are_seen_at_their_size_and_brought_back():
    seen = []

    def noting(crop):
        seen.append(tuple(crop.shape[1:]))
        return pixelwise(crop)

    flat = torch.full((3, 10, 20), 90, dtype=torch.uint8)
    found = probabilities(noting, flat, Views.of(["0.5", "flip", "1.25"]))
    assert seen == [(10, 20)] * 2 + [(5, 10)] * 2 + [(12, 25)] * 2
    torch.testing.assert_close(found, torch.softmax(pixelwise(flat), 0))
    torch.testing.assert_close(found.sum(0), torch.ones(10, 20))


@pytest.mark.parametrize(
    ("small", "size"), [((5, 7), (13, 29)), ((13, 29), (5, 7)), ((6, 6), (6, 6)), ((1, 3), (9, 2))]
)
@pytest.mark.parametrize("rows", [1, 4, 100])
def test_resizing_in_bands_is_resizing_at_once(small, size, rows):
    logits = torch.randn(CLASSES, *small, generator=torch.Generator().manual_seed(1))
    found = joined(bands_at_size(logits, size, rows))
    torch.testing.assert_close(found, at_size(logits[None], size)[0], rtol=1e-5, atol=1e-6)


def test_logits_too_large_for_memory_come_in_bands(monkeypatch):
    torch.manual_seed(0)
    look = Look(SimpleNamespace(model=torch.nn.Conv2d(3, CLASSES, 1)))
    image = picture(8, 6)
    ((_, whole),) = look.logits(image, (300, 50))
    monkeypatch.setattr(look_module, "WHOLE", 1000)
    torch.testing.assert_close(joined(look.logits(image, (300, 50))), whole, rtol=1e-5, atol=1e-5)


CPU = torch.device("cpu")


def test_evaluating_in_windows_sees_every_pixel_once(trained_run, street, tmp_path):
    trained = load_trained(trained_run.folder, CPU)
    plain = evaluate(trained, street.prepared, tmp_path / "plain", EvalOptions())
    for n, more in enumerate(({"window": 12}, {"window": 64, "tta": ("flip",)}, {"tta": ("0.75", "1.25", "flip")})):
        found = evaluate(trained, street.prepared, tmp_path / str(n), EvalOptions(**more))
        assert found.confusion.sum() == plain.confusion.sum()
        assert found.metrics["mean_iou"] == pytest.approx(plain.metrics["mean_iou"], abs=0.1)
    one_window = evaluate(trained, street.prepared, tmp_path / "one", EvalOptions(window=32))
    np.testing.assert_array_equal(one_window.confusion, plain.confusion)
    assert one_window.uncertainty["ece"] == pytest.approx(plain.uncertainty["ece"], abs=1e-5)


def test_a_model_of_resized_images_slides_over_them_and_is_scored_at_the_masks_size(trained_run, street, tmp_path):
    trained = replace(load_trained(trained_run.folder, CPU), fit=Fit(size=(20, 24)))
    found = evaluate(trained, street.prepared, tmp_path, EvalOptions(window=10, stride=5))
    assert found.confusion.sum() == street.prepared.counts("val").pixels.sum()


def test_predict_and_eval_take_the_words_of_the_command_line(trained_run, street, tmp_path):
    images = street.root.parent / "source" / "images" / "b"
    words = ("--window", 16, "--stride", 8, "--tta", "flip,0.75", "--device", "cpu")
    assert labelprep("predict", trained_run.folder, images, "-o", tmp_path / "p", "--entropy", *words).code == 0
    assert labelprep("eval", trained_run.folder, "--data", street.root, "-o", tmp_path / "e", *words).code == 0
    options = PredictOptions(window=16, stride=8, tta=("flip", "0.75"))
    predict(load_trained(trained_run.folder, CPU), images, tmp_path / "api", options)
    for n in range(4):
        wanted = (tmp_path / "api" / "predictions" / f"{n}.png").read_bytes()
        assert (tmp_path / "p" / "predictions" / f"{n}.png").read_bytes() == wanted
        assert (tmp_path / "e" / "predictions" / "b" / f"{n}.png").read_bytes() == wanted
    rows = (tmp_path / "p" / "ranked_by_entropy.csv").read_text().splitlines()
    means = [float(row.split(",")[-1]) for row in rows[1:]]
    assert means == sorted(means, reverse=True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--stride", 8), "a stride only with a window"),
        (("--window", 8, "--stride", 9), "a stride only with a window"),
        (("--tta", "mirror"), "flip, or factors of the size"),
        (("--tta", "0"), "flip, or factors of the size"),
        (("--suspect-below", 2), "suspect-below"),
    ],
)
def test_words_that_do_not_fit_are_refused(words, said, tmp_path):
    done = labelprep("eval", tmp_path, "--data", tmp_path, *words)
    assert done.code == 2
    assert said in done.err


def test_panels_show_image_truth_prediction_and_entropy_on_the_fixed_scale(trained_run, street, tmp_path):
    evaluate(load_trained(trained_run.folder, CPU), street.prepared, tmp_path, EvalOptions(entropy_maps=1))
    (sample,) = [s for s in map(json.loads, (tmp_path / "samples.jsonl").read_text().splitlines()) if s["panel"]]
    with Image.open(tmp_path / sample["panel"]) as opened:
        panel = np.asarray(opened)
    colors = ramp()
    truth, guess = read_ids(tmp_path / sample["truth"]), read_ids(tmp_path / sample["prediction"])
    palette = street.prepared.table.palette
    for n, ids in ((1, truth), (2, guess)):
        np.testing.assert_array_equal(panel[:32, n * (32 + GAP) :][:, :32], palette[ids])
    with Image.open(tmp_path / sample["entropy"]) as opened:
        entropy = np.asarray(opened)
    np.testing.assert_array_equal(panel[:32, 3 * (32 + GAP) :], colors[entropy >> 8])
    bar = panel[32 + GAP, 3 * (32 + GAP) :]
    assert (bar[0].tolist(), bar[-1].tolist()) == (colors[0].tolist(), colors[255].tolist())


def test_the_colours_of_the_scale_grow_brighter():
    light = ramp().astype(float) @ [0.299, 0.587, 0.114]
    assert (np.diff(light) > -0.6).all()  # but for rounding
    assert (np.diff(light[::8]) > 0).all()

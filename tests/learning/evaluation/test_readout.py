import math
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from labelprep.learning.evaluation import readout
from labelprep.learning.evaluation.calibration import calibration_errors, entropy_error, reliability
from labelprep.learning.evaluation.readout import MOST_NLL, UNIT, Sums, count, read
from tests import reference

CLASSES = 4


def case(seed=0, size=(9, 13), scale=3.0):
    draw = torch.Generator().manual_seed(seed)
    logits = torch.randn(CLASSES, *size, generator=draw, dtype=torch.float64) * scale
    labels = torch.randint(0, CLASSES, size, generator=draw)
    labels[0, :5] = 255
    return logits, labels


def counted(logits, labels, bins=5, doubt=4):
    return count(read(logits, labels), labels, CLASSES, ignore_index=255, bins=bins, doubt=doubt)


def test_every_plane_equals_the_formula_pixel_by_pixel():
    logits, labels = case()
    planes = read(logits, labels)
    for y, x in np.ndindex(*labels.shape):
        p = reference.softmax(logits[:, y, x].tolist())
        assert planes.ids[y, x] == np.argmax(p)
        assert float(planes.entropy[y, x]) == pytest.approx(reference.entropy(p), abs=1e-6)
        assert float(planes.confidence[y, x]) == pytest.approx(max(p), abs=1e-6)
        if labels[y, x] != 255:
            assert float(planes.nll[y, x]) == pytest.approx(-math.log(p[labels[y, x]]), abs=1e-5)


def test_sums_are_those_of_the_valid_pixels_and_whole_units():
    logits, labels = case(1)
    sums = counted(logits, labels)
    pixels = [(p, y) for _, p, y in reference.pixels_of(logits[None].tolist(), labels[None].tolist())]
    assert sums.pixels == len(pixels)
    flat = logits.argmax(0).flatten().tolist(), labels.flatten().tolist()
    assert sums.confusion.tolist() == reference.confusion(*flat, CLASSES)
    assert sums.nll * UNIT == pytest.approx(sum(-math.log(p[y]) for p, y in pixels), rel=1e-6)
    assert sums.entropy * UNIT == pytest.approx(sum(reference.entropy(p) for p, _ in pixels), rel=1e-6)
    assert isinstance(sums.nll, int)


def test_bins_are_those_of_confidence_and_entropy_one_pixel_at_a_time():
    logits, labels = case(2)
    sums = counted(logits, labels)
    bins, doubt = np.zeros((3, 5)), np.zeros((2, 4))
    for _, p, y in reference.pixels_of(logits[None].tolist(), labels[None].tolist()):
        right, sure = np.argmax(p) == y, max(p)
        bins[:, math.ceil(sure * 5) - 1] += 1, right, sure
        doubt[:, min(3, int(reference.entropy(p) * 4))] += 1, not right
    np.testing.assert_array_equal(sums.bins[:2], bins[:2])
    np.testing.assert_allclose(sums.bins[2] * UNIT, bins[2], rtol=1e-6)
    np.testing.assert_array_equal(sums.doubt, doubt)
    curve = reliability(sums.bins, UNIT)
    ece = sum(abs(bins[1, m] - bins[2, m]) for m in range(5)) / len(labels[labels != 255])
    assert calibration_errors(curve)["ece"] == pytest.approx(ece, rel=1e-6)


@pytest.mark.parametrize("chunk", [1, 40, 170])
def test_the_size_of_the_chunks_changes_nothing(monkeypatch, chunk):
    logits, labels = case(3)
    whole = read(logits.float(), labels)
    monkeypatch.setattr(readout, "CHUNK", chunk)
    for a, b in zip(vars(whole).values(), vars(read(logits.float(), labels)).values(), strict=True):
        assert torch.equal(a, b)


def test_parts_in_any_order_add_up_to_the_whole_exactly():
    logits, labels = case(4, size=(40, 31))
    whole = counted(logits.float(), labels)
    parts = [counted(logits[:, top : top + 7].float(), labels[top : top + 7]) for top in range(0, 40, 7)]
    for order in (parts, parts[::-1], [*parts[3:], *parts[:3]]):
        total = Sums.zero(CLASSES, 5, 4)
        for part in order:
            total += part
        for name, value in vars(whole).items():
            np.testing.assert_array_equal(getattr(total, name), value)


@pytest.mark.parametrize("layout", [torch.float16, torch.bfloat16, "channels_last", "rows"])
def test_half_precision_and_other_memory_formats_are_read_as_they_are(layout):
    logits, labels = case(5, size=(8, 8))
    if isinstance(layout, torch.dtype):
        narrow = logits.to(layout)
        found, wanted = read(narrow, labels), read(narrow.float(), labels)
    else:
        plain = logits.float()
        other = (
            plain[None].to(memory_format=torch.channels_last)[0]
            if layout == "channels_last"
            else plain.mT.contiguous().mT
        )
        assert not other.is_contiguous()
        found, wanted = read(other, labels), read(plain, labels)
    for a, b in zip(vars(found).values(), vars(wanted).values(), strict=True):
        assert torch.equal(a, b)


def test_of_equal_logits_the_least_class_is_taken_and_the_entropy_is_one():
    planes = read(torch.full((CLASSES, 2, 3), 7.5), torch.zeros(2, 3, dtype=torch.int64))
    assert planes.ids.tolist() == [[0] * 3] * 2
    assert planes.entropy.tolist() == [[1.0] * 3] * 2
    assert planes.confidence.tolist() == [[0.25] * 3] * 2


def test_a_class_that_is_ruled_out_counts_its_most_and_no_infinity():
    logits = torch.zeros(CLASSES, 1, 2)
    logits[1] = -math.inf
    labels = torch.tensor([[1, 0]])
    sums = counted(logits, labels)
    assert sums.nll * UNIT == pytest.approx(MOST_NLL + math.log(3))
    assert sums.entropy * UNIT == pytest.approx(2 * math.log(3) / math.log(4))


def test_extreme_logits_give_certainty():
    logits = torch.zeros(CLASSES, 1, 1)
    logits[2] = 1e30
    planes = read(logits, torch.tensor([[2]]))
    assert (planes.ids.item(), planes.entropy.item(), planes.confidence.item(), planes.nll.item()) == (2, 0, 1, 0)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_logits_that_are_not_finite_are_refused(bad):
    logits = torch.zeros(CLASSES, 2, 2)
    logits[1, 1, 1] = bad
    with pytest.raises(FloatingPointError):
        read(logits, torch.zeros(2, 2, dtype=torch.int64))
    with pytest.raises(FloatingPointError):
        read(torch.full((CLASSES, 1, 1), -math.inf), torch.zeros(1, 1, dtype=torch.int64))


def test_a_single_class_is_certain():
    planes = read(torch.randn(1, 2, 2), torch.zeros(2, 2, dtype=torch.int64))
    assert planes.entropy.abs().sum() == 0


def test_many_classes_have_ids_of_their_own():
    logits = torch.zeros(300, 1, 1)
    logits[299] = 9
    assert read(logits, torch.tensor([[299]])).ids.item() == 299


def test_a_model_that_says_how_often_it_is_right_has_no_calibration_error():
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.5, 1, 200_000)
    right = rng.random(200_000) < confidence
    place = np.minimum((confidence * 10).astype(int), 9)
    sums = np.rint(np.bincount(place, weights=confidence, minlength=10) / UNIT)
    bins = np.stack([np.bincount(place, minlength=10), np.bincount(place[right], minlength=10), sums]).astype(np.int64)
    assert calibration_errors(reliability(bins, UNIT))["ece"] < 0.01
    bins[1] = bins[0] // 2  # a coin, however sure it says that it is
    found = calibration_errors(reliability(bins, UNIT))
    assert found["ece"] == pytest.approx(confidence.mean() - 0.5, abs=1e-3)
    assert found["mce"] == pytest.approx(confidence[place == 9].mean() - 0.5, abs=1e-3)


def test_without_a_pixel_everything_is_unknown():
    curve = reliability(np.zeros((3, 2), np.int64), UNIT)
    assert curve[1] == {"low": 0.5, "high": 1.0, "pixels": 0, "accuracy": None, "confidence": None}
    assert calibration_errors(curve) == {"ece": None, "mce": None}
    assert entropy_error(np.zeros((2, 1), np.int64))[0]["coverage"] is None


def test_the_entropy_curve_runs_from_the_surest_to_all_pixels():
    first, middle, last = entropy_error(np.array([[60, 0, 40], [6, 0, 20]]))
    assert first == {
        "low": 0,
        "high": 1 / 3,
        "pixels": 60,
        "wrong": 6,
        "error": 0.1,
        "coverage": 0.6,
        "error_covered": 0.1,
    }
    assert middle["error"] is None
    assert (last["coverage"], last["error_covered"], last["error"]) == (1, 0.26, 0.5)


@pytest.mark.skipif(find_spec("triton") is None, reason="Triton is not installed")
def test_the_kernel_gives_the_planes_of_the_chunks():
    device = "cuda" if torch.cuda.is_available() else "cpu"
    place = {"TRITON_INTERPRET": "0" if device == "cuda" else "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "ignore", str(Path(__file__).with_name("readout_interpreted.py")), device]
    done = subprocess.run(command, env=os.environ | place, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

"""What the compiled loops reckon with, against PyTorch's own."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from labelprep.learning.losses.loops import exponential, halves  # noqa: E402
from labelprep.png.compiled import compiled  # noqa: E402


@compiled()
def powers(values, out):
    for k in range(values.size):
        out[k] = exponential.exp(values[k])


@compiled()
def logarithms(values, out):
    for k in range(values.size):
        out[k] = exponential.log(values[k])


@compiled()
def from_halves(words, float16, bfloat16):
    for k in range(words.size):
        float16[k] = halves.of_float16(words[k])
        bfloat16[k] = halves.of_bfloat16(words[k])


@compiled()
def to_halves(values, float16, bfloat16):
    for k in range(values.size):
        float16[k] = halves.to_float16(values[k])
        bfloat16[k] = halves.to_bfloat16(values[k])


def last_places(found, wanted):
    """Largest distance in units in the last place of what is wanted."""
    return (np.abs(found - wanted) / np.spacing(np.abs(wanted))).max()


@pytest.mark.parametrize(("kind", "least", "most"), [(np.float32, -87.3, 87), (np.float64, -708.3, 708)])
def test_exp_is_that_of_torch_to_two_last_places(kind, least, most):
    values = np.concatenate([np.linspace(least, most, 200_001), -np.logspace(-40, 0, 1000), [0, -0.0]]).astype(kind)
    found = np.empty_like(values)
    powers(values, found)
    assert last_places(found, torch.from_numpy(values).exp().numpy()) <= 2
    assert (found[-2:] == 1).all()


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_exp_of_what_is_no_normal_number(kind):
    values = np.array([np.finfo(kind).min, -np.inf, -1e4, np.nan, -np.nan], kind)
    found = np.empty_like(values)
    powers(values, found)
    assert (found[:3] == 0).all()
    assert np.isnan(found[3:]).all()


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_log_is_that_of_torch_to_two_last_places(kind):
    tiny = np.finfo(kind).tiny
    close = 1 + np.concatenate([np.logspace(-17, -1, 1000), -np.logspace(-17, -1, 1000)])
    values = np.concatenate([np.geomspace(tiny, 1e30, 100_001), np.linspace(1, 200, 100_001), close, [tiny]])
    values = values.astype(kind).clip(tiny)
    found = np.empty_like(values)
    logarithms(values, found)
    one = values == 1
    assert last_places(found[~one], torch.from_numpy(values).log().numpy()[~one]) <= 2
    assert one.any()
    assert (found[one] == 0).all()
    logarithms(np.array([np.nan], kind), found)
    assert np.isnan(found[0])


def test_every_half_is_the_number_that_torch_reads():
    words = np.arange(2**16, dtype=np.uint16)
    found = np.empty((2, words.size), np.float32)
    from_halves(words, *found)
    stored = torch.from_numpy(words.view(np.int16))
    for numbers, kind in zip(found, (torch.float16, torch.bfloat16), strict=True):
        assert np.array_equal(numbers, stored.view(kind).float().numpy(), equal_nan=True)


def test_every_number_is_stored_as_the_half_that_torch_takes():
    halfway = (np.arange(2**19, dtype=np.uint32) << 13).view(np.float32)  # every float16 but the smallest, and between
    small = np.arange(2**12, dtype=np.float32) * np.float32(2.0**-26)
    coarse = (np.arange(2**17, dtype=np.uint32) << 15).view(np.float32)  # every bfloat16, and between
    edges = np.array([np.inf, -np.inf, np.nan, 65520, 1e30], np.float32)
    exact = np.concatenate([halfway, small, -small, coarse, edges])
    with np.errstate(invalid="ignore"):  # some are signalling NaN
        values = np.concatenate([exact, np.nextafter(exact, np.float32(np.inf)), np.nextafter(exact, np.float32(0))])
    found = np.empty((2, values.size), np.uint16)
    to_halves(values, *found)
    for words, kind in zip(found, (torch.float16, torch.bfloat16), strict=True):
        numbers = torch.from_numpy(words.view(np.int16)).view(kind).float().numpy()
        assert np.array_equal(numbers, torch.from_numpy(values).to(kind).float().numpy(), equal_nan=True)

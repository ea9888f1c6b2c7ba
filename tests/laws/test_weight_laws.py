"""Laws of class weights: finite, free of how the counting was split, of the order of classes, of ignored pixels."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelprep.steps.count import ClassCounts
from labelprep.weight_schemes import SCHEMES
from labelprep.weights import class_weights

methods = st.sampled_from(sorted(SCHEMES))
normalizations = st.sampled_from(["mean", "sum", "none"])


@st.composite
def count_parts(draw):
    """Counts of a few images of up to five classes, at least one pixel in all."""
    classes = draw(st.integers(1, 5))
    row = st.lists(st.integers(0, 2**40), min_size=classes, max_size=classes)
    rows = draw(st.lists(row, min_size=1, max_size=6).filter(lambda rows: any(map(any, rows))))
    return [ClassCounts.of_pixels(np.array(r), draw(st.integers(0, 9))) for r in rows]


def total(parts):
    return sum(parts[1:], parts[0])


@given(count_parts(), methods, normalizations, st.sampled_from(["zero", "max"]))
def test_weights_are_finite_positive_for_present_classes_and_by_policy_for_absent_ones(
    parts, method, normalize, absent
):
    counts = total(parts)
    weights = class_weights(counts, method=method, normalize=normalize, absent=absent)
    present = counts.pixels > 0
    assert np.isfinite(weights).all()
    assert (weights[present] > 0).all()
    assert (weights[~present] == (weights[present].max() if absent == "max" else 0)).all()


@given(count_parts(), methods, normalizations, st.data())
def test_weights_are_bitwise_those_of_any_order_of_the_images(parts, method, normalize, data):
    shuffled = data.draw(st.permutations(parts))
    one, other = (class_weights(total(p), method=method, normalize=normalize) for p in (parts, shuffled))
    assert one.tobytes() == other.tobytes()


@given(count_parts(), methods, normalizations, st.data())
def test_the_order_of_the_classes_only_moves_the_weights(parts, method, normalize, data):
    order = data.draw(st.permutations(range(len(parts[0].pixels))))
    moved = [ClassCounts.of_pixels(p.pixels[order], p.ignored) for p in parts]
    one, other = (class_weights(total(p), method=method, normalize=normalize) for p in (parts, moved))
    assert one[order].tobytes() == other.tobytes()


@given(count_parts(), methods, st.integers(0, 2**40))
def test_ignored_pixels_enter_nothing(parts, method, ignored):
    more = [ClassCounts.of_pixels(p.pixels, p.ignored + ignored) for p in parts]
    assert class_weights(total(parts), method=method).tolist() == class_weights(total(more), method=method).tolist()


@given(count_parts(), methods)
def test_the_normalisations_average_or_add_up_to_one(parts, method):
    counts = total(parts)
    present = counts.pixels > 0
    assert class_weights(counts, method=method)[present].mean() == pytest.approx(1)
    assert class_weights(counts, method=method, normalize="sum").sum() == pytest.approx(1)


@given(count_parts(), st.sampled_from(["inverse", "inverse-sqrt", "inverse-square", "enet"]))
def test_a_rarer_class_never_weighs_less(parts, method):
    counts = total(parts)
    present = np.flatnonzero(counts.pixels)
    weights = class_weights(counts, method=method, normalize="none")[present]
    by_size = weights[np.argsort(counts.pixels[present], kind="stable")]
    assert all(rare >= common for rare, common in pairwise(by_size))


@given(count_parts())
def test_inverse_weights_are_the_fractions_rounded_once(parts):
    counts = total(parts)
    whole = int(counts.pixels.sum())
    wanted = [float(Fraction(whole, n)) if n else 0.0 for n in counts.pixels.tolist()]
    assert class_weights(counts, normalize="none").tolist() == wanted


@given(count_parts(), methods, st.floats(0, 10), st.floats(1e-3, 10))
def test_clipped_weights_stay_within_the_limits(parts, method, low, width):
    weights = class_weights(total(parts), method=method, normalize="none", clip=(low, low + width))
    present = weights[total(parts).pixels > 0]
    assert (present >= low).all()
    assert (present <= low + width).all()

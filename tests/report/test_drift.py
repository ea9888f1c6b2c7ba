import pytest

from labelprep.report.drift import drifts


def test_drift_is_zero_for_equal_shares_and_one_for_disjoint_ones():
    equal, disjoint = drifts({"train": [4, 4, 0], "a": [10, 10, 0], "b": [0, 0, 7]}, "xyz")
    assert (equal.distance, equal.flagged, equal.classes) == (0, False, ())
    assert (disjoint.distance, disjoint.flagged) == (1, True)
    assert disjoint.missing == ("z",)
    assert disjoint.unseen == ("x", "y")


def test_classes_that_differ_much_are_named_unless_they_are_tiny():
    (found,) = drifts({"train": [1_000_000, 10_000, 10], "val": [1_000_000, 30_000, 90]}, ["a", "b", "c"])
    assert found.classes == ("b",)
    assert not found.flagged
    assert found.distance == pytest.approx(0.019, abs=0.001)


def test_without_a_training_split_the_first_is_the_reference():
    assert [d.split for d in drifts({"x": [1], "a": [1]}, ["one"])] == ["x"]
    assert drifts({"train": [1]}, ["one"]) == ()

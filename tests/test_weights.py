import json
import math
from fractions import Fraction

import numpy as np
import pytest

from labelprep.class_rows import ClassRow
from labelprep.classes import ClassTable
from labelprep.errors import MismatchError, UsageError
from labelprep.steps.count import ClassCounts
from labelprep.weights import ClassWeights, class_weights, weights_for_table

# Three images of classes a, b, c, d; d never appears:
#   60 a + 30 b + 10 ignored;  20 a + 80 c;  100 a
COUNTS = sum(
    (
        ClassCounts.of_pixels(np.array(pixels), ignored)
        for pixels, ignored in [([60, 30, 0, 0], 10), ([20, 0, 80, 0], 0), ([100, 0, 0, 0], 0)]
    ),
    ClassCounts.zero(4),
)
N = {"a": 180, "b": 30, "c": 80}
TOTAL = 290


def table(*names, colors=None):
    colors = colors or [(i, 0, 0) for i in range(len(names))]
    return ClassTable.build([ClassRow(name, (color,)) for name, color in zip(names, colors, strict=True)])


ABCD = table("a", "b", "c", "d")


@pytest.mark.parametrize(
    ("method", "wanted"),
    [
        ("inverse", [Fraction(290, 180), Fraction(290, 30), Fraction(290, 80)]),
        ("inverse-sqrt", [math.sqrt(Fraction(290, n)) for n in N.values()]),
        ("inverse-square", [Fraction(290, n) ** 2 for n in N.values()]),
        # valid pixels of the images that hold the class: a 90 + 100 + 100, b 90, c 100
        # F = 180/290, 30/90, 80/100; the median is 180/290
        (
            "median-frequency",
            [Fraction(1), Fraction(180, 290) / Fraction(30, 90), Fraction(180, 290) / Fraction(80, 100)],
        ),
        ("enet", [1 / math.log(1.02 + n / 290) for n in N.values()]),
        # images: 3, 1, 1; 1 - b^3 = 3e-4 - 3e-8 + 1e-12
        ("effective-number", [Fraction(10**8, 3 * 10**8 - 3 * 10**4 + 1), Fraction(1), Fraction(1)]),
        ("none", [1, 1, 1]),
    ],
)
def test_every_scheme_gives_the_fractions_worked_out_by_hand(method, wanted):
    weights = class_weights(COUNTS, method=method, normalize="none")
    assert weights.dtype == np.float64
    assert weights.tolist() == pytest.approx([*map(float, wanted), 0.0], rel=1e-14)


def test_inverse_weights_are_the_correctly_rounded_fractions():
    wanted = [float(Fraction(TOTAL, n)) for n in N.values()]
    assert class_weights(COUNTS, normalize="none").tolist() == [*wanted, 0.0]


def test_median_frequency_takes_the_mean_of_the_middle_two_of_an_even_number_of_classes():
    counts = ClassCounts.of_pixels(np.array([20, 80]), 0) + ClassCounts.of_pixels(np.array([100, 0]), 0)
    # F = 120/200, 80/100; median 0.7
    assert class_weights(counts, method="median-frequency", normalize="none").tolist() == pytest.approx(
        [0.7 / 0.6, 0.7 / 0.8]
    )


def test_mean_normalisation_lets_the_weights_of_present_classes_average_one():
    weights = class_weights(COUNTS)
    inverse = [Fraction(TOTAL, n) for n in N.values()]
    assert weights.tolist() == pytest.approx([float(3 * w / sum(inverse)) for w in inverse] + [0], rel=1e-15)
    assert weights[:3].mean() == pytest.approx(1)


def test_sum_normalisation_lets_the_weights_add_up_to_one():
    assert class_weights(COUNTS, method="enet", normalize="sum").sum() == pytest.approx(1)


def test_an_absent_class_may_take_the_largest_final_weight():
    weights = class_weights(COUNTS, absent="max", clip=(0, 5))
    assert weights[3] == max(weights[:3])
    assert weights[:3].mean() == pytest.approx(1)


def test_clipping_comes_before_normalising_and_spares_absent_classes():
    # inverse: 1.61, 9.67, 3.625 -> 2, 5, 3.625
    weights = class_weights(COUNTS, clip=(2, 5))
    assert weights.tolist() == pytest.approx([3 * x / 10.625 for x in (2, 5, 3.625)] + [0])


def test_an_absent_class_can_be_an_error_that_names_it():
    with pytest.raises(UsageError, match="1 class has no valid pixel: d") as caught:
        class_weights(COUNTS, absent="error", names=ABCD.names)
    assert "--absent zero|max" in str(caught.value)


def test_a_split_without_a_valid_pixel_is_an_error_not_a_row_of_zeros():
    with pytest.raises(UsageError, match="none of the 4 classes has a valid pixel"):
        class_weights(ClassCounts.zero(4))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "inverse_sqrt"}, r"method must be one of inverse, inverse-sqrt, .*, none, but is 'inverse_sqrt'"),
        ({"normalize": "max"}, "normalize must be one of mean, sum, none, but is 'max'"),
        ({"absent": "skip"}, "absent must be one of zero, max, error, but is 'skip'"),
        ({"clip": (3, 2)}, "clip must be two finite weights LO <= HI"),
        ({"clip": (0, 0)}, "clip must be two finite weights LO <= HI"),
        ({"clip": (0, math.nan)}, "clip must be two finite weights LO <= HI"),
    ],
)
def test_an_unknown_word_is_refused_with_the_choices(options, message):
    with pytest.raises(ValueError, match=message):
        class_weights(COUNTS, **options)


def test_counts_beyond_two_to_the_53_lose_nothing():
    pixels = np.array([2**60, 1], np.int64)
    weights = class_weights(ClassCounts.of_pixels(pixels, 0), method="inverse-square", normalize="none")
    assert weights.tolist() == [float(Fraction(2**60 + 1, 2**60) ** 2), float((2**60 + 1) ** 2)]


def test_counts_are_left_as_they_were():
    before = COUNTS.to_dict()
    class_weights(COUNTS, absent="max", clip=(2, 5))
    assert COUNTS.to_dict() == before


class TestClassWeights:
    made = ClassWeights.of(COUNTS, ABCD, method="enet", clip=(2.0, 40.0), split="train", prepared_hash="beef")

    def test_warns_of_absent_classes_by_a_value(self):
        wanted = "1 class has no valid pixel in split 'train' (weight 0): d"
        assert self.made.warnings == (wanted,)
        assert "the largest weight" in ClassWeights.of(COUNTS, ABCD, absent="max").warnings[0]

    def test_comes_back_from_json(self):
        assert ClassWeights.from_dict(json.loads(json.dumps(self.made.to_dict()))) == self.made

    def test_fits_the_table_it_was_made_for(self):
        assert self.made.for_table(ABCD).tolist() == list(self.made.weights)

    def test_refuses_another_table_naming_both(self):
        other = table("a", "b", "c", "d", "e", "f")
        with pytest.raises(MismatchError) as caught:
            self.made.for_table(other)
        message = str(caught.value)
        assert "weights file has 4 entries" in message
        assert f"(table {ABCD.hash[:12]}): a, b, c, d; the prepared set has 6 classes" in message
        assert f"(table {other.hash[:12]}): a, b, c, d, e, f; missing" in message
        assert "missing: e, f" in message
        assert ABCD.hash[:12] in message
        assert other.hash[:12] in message

    def test_refuses_the_same_names_in_another_order_or_other_colours(self):
        with pytest.raises(MismatchError, match="the same names in another order"):
            self.made.for_table(table("b", "a", "c", "d"))
        with pytest.raises(MismatchError, match="the names agree, the colours do not"):
            self.made.for_table(table("a", "b", "c", "d", colors=[(9, i, 0) for i in range(4)]))

    @pytest.mark.parametrize(
        "ending", [".json", ".npy", ".pt", ".csv", ".yaml", ".mmseg.json", ".mmseg.yaml", ".keras.json"]
    )
    def test_every_file_kind_gives_the_weights_back_for_its_table(self, tmp_path, ending):
        if ending == ".pt":
            pytest.importorskip("torch")
        path = tmp_path / f"w{ending}"
        self.made.save(path)
        exact = ending not in (".npy", ".pt")
        found = weights_for_table(path, ABCD).tolist()
        assert found == pytest.approx(self.made.weights, rel=0 if exact else 1e-7)
        with pytest.raises(MismatchError, match=r"has 4 entries.*prepared set has 3 classes"):
            weights_for_table(path, table("a", "b", "c"))

    def test_a_csv_file_is_checked_by_its_names(self, tmp_path):
        self.made.save(tmp_path / "w.csv")
        with pytest.raises(MismatchError, match="missing: x; unknown: d"):
            weights_for_table(tmp_path / "w.csv", table("a", "b", "c", "x"))

    def test_only_the_native_file_tells_where_weights_came_from(self, tmp_path):
        self.made.save(tmp_path / "w.json")
        assert ClassWeights.load(tmp_path / "w.json") == self.made
        self.made.save(tmp_path / "w.npy")
        with pytest.raises(UsageError, match="native JSON"):
            ClassWeights.load(tmp_path / "w.npy")

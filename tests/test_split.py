from __future__ import annotations

import re

import pytest

from labelprep.errors import UsageError
from labelprep.split import group_of, split_keys

KEYS = [f"seq{i // 5:02}/frame{i:04}" for i in range(100)]


def sizes(splits):
    return {name: len(keys) for name, keys in splits.items()}


def test_two_ratios_make_train_and_val_and_three_make_a_test_split_too():
    assert sizes(split_keys(KEYS, (0.8, 0.2))) == {"train": 80, "val": 20}
    assert sizes(split_keys(KEYS, (0.7, 0.2, 0.1))) == {"train": 70, "val": 20, "test": 10}


@pytest.mark.parametrize(
    ("count", "ratios", "expected"),
    [
        (7, (0.8, 0.1, 0.1), [5, 1, 1]),  # 5.6, 0.7, 0.7
        (10, (1 / 3, 1 / 3, 1 / 3), [4, 3, 3]),
        (1, (0.5, 0.5), [1, 0]),
        (3, (0.5, 0.3, 0.2), [1, 1, 1]),  # 1.5, 0.9, 0.6
    ],
)
def test_what_the_shares_leave_over_goes_to_the_largest_remainders(count, ratios, expected):
    assert list(sizes(split_keys(KEYS[:count], ratios)).values()) == expected


def test_another_seed_gives_another_split_and_the_same_seed_the_same():
    one, two = split_keys(KEYS, (0.5, 0.5), seed=1), split_keys(KEYS, (0.5, 0.5), seed=2)

    assert one != two
    assert split_keys(reversed(KEYS), (0.5, 0.5), seed=1) == one


def test_the_split_of_a_seed_never_changes():
    # written down once: a split that changed with a version of labelprep would mix test into training
    assert split_keys([f"{i}" for i in range(10)], (0.5, 0.3, 0.2), seed=7) == {
        "train": ("0", "1", "2", "3", "7"),
        "val": ("4", "5", "8"),
        "test": ("6", "9"),
    }


def test_a_sample_that_joins_leaves_most_others_where_they_were():
    before, after = split_keys(KEYS, (0.8, 0.2)), split_keys([*KEYS, "new"], (0.8, 0.2))

    assert len(set(before["val"]) & set(after["val"])) >= 18


def test_keys_of_a_group_stay_together():
    splits = split_keys(KEYS, (0.6, 0.2, 0.2), group_by=r"^seq(\d+)/")

    of = {key: name for name, keys in splits.items() for key in keys}
    assert sizes(splits) == {"train": 60, "val": 20, "test": 20}
    for i in range(20):
        assert len({of[k] for k in KEYS if k.startswith(f"seq{i:02}/")}) == 1


def test_without_a_group_in_the_expression_the_whole_match_groups():
    assert split_keys(KEYS, (0.6, 0.4), group_by=r"^seq\d+") == split_keys(KEYS, (0.6, 0.4), group_by=r"^(seq\d+)")
    assert group_of("a12", re.compile(r"(b)|\d+")) == "12"


def test_keys_that_the_expression_does_not_match_are_listed():
    with pytest.raises(UsageError, match="does not match 4 of 5 keys: a, b, c, …") as caught:
        split_keys(["a", "b", "c", "d", "x1"], (0.5, 0.5), group_by=r"x(\d+)")

    assert caught.value.exit_code == 2


def test_an_expression_that_is_none_is_said():
    with pytest.raises(UsageError, match="is no regular expression: "):
        split_keys(KEYS, (0.5, 0.5), group_by="(")


@pytest.mark.parametrize("ratios", [(1.0,), (0.5, 0.4), (0.5, 0.6, -0.1), (0.25,) * 4, (1.0, 0.0)])
def test_ratios_that_are_no_shares_are_refused(ratios):
    with pytest.raises(UsageError, match="2 or 3 positive shares that add up to 1, got"):
        split_keys(KEYS, ratios)


def test_stratified_splits_share_a_rare_class():
    # class 0 is everywhere, class 1 in ten samples: unstratified, some seed leaves val without it
    classes = {key: (0, 1) if i < 10 else (0,) for i, key in enumerate(KEYS)}

    for seed in range(20):
        plain = split_keys(KEYS, (0.8, 0.2), seed=seed)
        even = split_keys(KEYS, (0.8, 0.2), seed=seed, classes=classes)
        assert sum(1 in classes[k] for k in even["val"]) == 2
        assert sizes(even) == sizes(plain)


def test_stratified_splits_share_each_of_many_overlapping_classes():
    classes = {key: [c for c in range(6) if (i * 7 + c) % (c + 2) == 0] for i, key in enumerate(KEYS)}

    splits = split_keys(KEYS, (0.5, 0.25, 0.25), classes=classes)

    for c in range(6):
        total = sum(c in classes[k] for k in KEYS)
        for name, share in zip(splits, (0.5, 0.25, 0.25), strict=True):
            assert abs(sum(c in classes[k] for k in splits[name]) - share * total) <= 2


def test_groups_are_stratified_whole():
    classes = {key: (1,) if key.startswith(("seq03", "seq07")) else () for key in KEYS}

    splits = split_keys(KEYS, (0.5, 0.5), group_by=r"^seq\d+", classes=classes)

    assert [sum(1 in classes[k] for k in keys) for keys in splits.values()] == [5, 5]

from __future__ import annotations

import random
from contextlib import closing

from hypothesis import given
from hypothesis import strategies as st

from labelprep.split import Splits, split_keys

RATIOS = st.lists(st.integers(1, 20), min_size=2, max_size=3).map(lambda parts: [p / sum(parts) for p in parts])
KEYS = st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=6), unique=True, max_size=60)
SEEDS = st.integers(0, 2**32)


@st.composite
def labelled(draw):
    keys = draw(KEYS)
    return {key: draw(st.frozensets(st.integers(0, 4))) for key in keys}


@given(labelled(), RATIOS, SEEDS, st.booleans())
def test_every_key_is_in_one_split_and_no_size_is_off_by_a_sample(classes, ratios, seed, stratify):
    splits = split_keys(classes, ratios, seed=seed, classes=classes if stratify else None)

    assert len(splits) == len(ratios)
    assert sorted(key for keys in splits.values() for key in keys) == sorted(classes)
    for keys, ratio in zip(splits.values(), ratios, strict=True):
        assert abs(len(keys) - ratio * len(classes)) < 1 + 1e-6
        assert list(keys) == sorted(keys)


@given(labelled(), RATIOS, SEEDS, st.booleans(), st.randoms(use_true_random=False))
def test_the_order_of_the_input_changes_nothing(classes, ratios, seed, stratify, rng: random.Random):
    shuffled = list(classes)
    rng.shuffle(shuffled)
    labels = classes if stratify else None

    assert split_keys(shuffled, ratios, seed=seed, classes=labels) == split_keys(
        classes, ratios, seed=seed, classes=labels
    )


@given(st.lists(st.integers(0, 8), max_size=60), RATIOS, SEEDS, st.booleans())
def test_groups_stay_whole_and_no_size_is_off_by_a_group(groups, ratios, seed, stratify):
    keys = [f"{group}_{i}" for i, group in enumerate(groups)]
    classes = {key: (int(key[-1]),) for key in keys} if stratify else None

    splits = split_keys(keys, ratios, seed=seed, group_by=r"^(\d)_", classes=classes)

    largest = max((groups.count(g) for g in groups), default=0)
    homes = [{key[0] for key in part} for part in splits.values()]
    assert sum(len(home) for home in homes) == len(set().union(*homes))
    assert sum(len(part) for part in splits.values()) == len(keys)
    for part, ratio in zip(splits.values(), ratios, strict=True):
        assert abs(len(part) - ratio * len(keys)) < largest + 1e-6


@given(st.integers(0, 200), RATIOS, SEEDS)
def test_sizes_are_those_of_the_largest_remainders(count, ratios, seed):
    splits = split_keys([str(i) for i in range(count)], ratios, seed=seed)

    floors = [int(ratio * count + 1e-9) for ratio in ratios]
    over = [len(part) - floor for part, floor in zip(splits.values(), floors, strict=True)]
    remainders = [ratio * count - floor for ratio, floor in zip(ratios, floors, strict=True)]
    assert set(over) <= {0, 1}
    given_one = [r for r, extra in zip(remainders, over, strict=True) if extra]
    given_none = [r for r, extra in zip(remainders, over, strict=True) if not extra]
    assert min(given_one, default=1) >= max(given_none, default=0) - 1e-6


@given(labelled(), st.integers(2, 6), SEEDS, st.booleans())
def test_every_key_is_validated_in_one_fold_and_trained_on_in_the_others(classes, folds, seed, stratify):
    with closing(Splits((), seed=seed, folds=folds)) as splits:
        for key, held in classes.items():
            splits.add(key, held)
        splits.deal(stratify=stratify)
        lists = {name: list(splits.keys(name)) for name in splits.names}
        assert {name: splits.size(name) for name in splits.names} == {name: len(keys) for name, keys in lists.items()}
        assert splits.classes("fold0-val") == set().union(*(classes[key] for key in lists["fold0-val"]))

    assert sorted(key for n in range(folds) for key in lists[f"fold{n}-val"]) == sorted(classes)
    for n in range(folds):
        assert sorted(lists[f"fold{n}-train"] + lists[f"fold{n}-val"]) == sorted(classes)
        assert abs(len(lists[f"fold{n}-val"]) - len(classes) / folds) < 1 + 1e-6

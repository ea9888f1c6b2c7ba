from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from labelprep.execution.batches import (
    FEWEST_PER_BATCH,
    LAST,
    LOOK_EVERY,
    MOST_PER_BATCH,
    PIXELS_PER_FILE,
    Weigher,
    batches,
    pixels_of,
)


@given(st.lists(st.integers(0, 200), max_size=200), st.integers(1, 300))
def test_batches_hold_every_item_in_order_and_stay_within_the_budget(weights, budget):
    items = list(enumerate(weights))

    made = list(batches(items, lambda item: item[1], budget=budget))

    assert [item for batch in made for item in batch] == items
    assert all(batch for batch in made)
    assert all(len(batch) == 1 or sum(w for _, w in batch) <= budget for batch in made)
    for left, right in itertools.pairwise(made):  # none could have taken the next one too
        assert sum(w for _, w in left) + right[0][1] > budget


@pytest.mark.parametrize(
    ("total", "largest"), [(10, 8), (300, 8), (5000, 78), (1_000_000, MOST_PER_BATCH), (None, MOST_PER_BATCH)]
)
def test_few_masks_make_small_batches_so_that_all_workers_get_some(total, largest):
    assert max(len(b) for b in batches(range(5000), lambda _: 0, total=total)) == largest


@given(st.integers(1, 3000))
def test_the_last_batches_are_small_so_that_workers_end_together(total):
    made = [len(batch) for batch in batches(range(total), lambda _: 0, total=total)]

    assert sum(made) == total
    for n, size in enumerate(made):
        assert size <= max(FEWEST_PER_BATCH, sum(made[n:]) // LAST)


def test_items_are_read_no_further_than_the_batch_that_is_given():
    read = []
    items = (read.append(i) or i for i in range(100))

    next(batches(items, lambda _: 1, budget=10))

    assert len(read) == 11


def test_a_png_weighs_the_pixels_that_its_header_tells(tmp_path):
    Image.fromarray(np.zeros((30, 70), np.uint8)).save(tmp_path / "flat.png")

    assert pixels_of(tmp_path / "flat.png") == 30 * 70


def test_other_files_weigh_by_size_and_missing_ones_nothing(tmp_path):
    (tmp_path / "a.bin").write_bytes(bytes(100))

    assert pixels_of(tmp_path / "a.bin") == 400
    assert pixels_of(tmp_path / "none.png") == 0


def test_masks_between_two_looks_weigh_by_their_bytes(tmp_path):
    for name, side in (("small", 10), ("large", 1000)):
        Image.fromarray(np.zeros((side, side), np.uint8)).save(tmp_path / f"{name}.png")
    weigh = Weigher()

    first = [weigh(tmp_path / "small.png", 50) for _ in range(LOOK_EVERY)]
    second = [weigh(tmp_path / "large.png", 50) for _ in range(LOOK_EVERY)]
    third = weigh(tmp_path / "none.png", 50)

    assert first == [PIXELS_PER_FILE + 100] * LOOK_EVERY
    assert second == [PIXELS_PER_FILE + 1_000_000] * LOOK_EVERY
    assert third == PIXELS_PER_FILE

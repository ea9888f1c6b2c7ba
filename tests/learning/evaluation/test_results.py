"""What an evaluation leaves on disk, whatever the number of images."""

import csv
import tracemalloc

import numpy as np

from labelprep.learning.evaluation.results import write_images


def images(number):
    draw = np.random.default_rng(number)
    for n in range(number):
        hit = int(draw.integers(0, 5))
        counts = np.array([[hit], [4], [4], [0], [0], [0]], np.int64)
        yield {"key": f"{n:05}", "entropy_mean": hit / 8 if n % 3 else None, "image": "i" * 300}, counts


def test_rankings_name_the_worst_first_and_equal_ones_by_key(tmp_path):
    write_images(tmp_path, images(50), 50, 1)
    for name, figure, number in (("ranked_by_error.csv", "error", 50), ("ranked_by_entropy.csv", "entropy_mean", 33)):
        with (tmp_path / name).open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [int(row["rank"]) for row in rows] == list(range(1, number + 1))
        order = [(-float(row[figure]), row["key"]) for row in rows]
        assert order == sorted(order)
        assert all(float(row["error"]) == int(row["wrong"]) / int(row["pixels"]) for row in rows)


def test_memory_does_not_grow_with_the_images(tmp_path):
    peaks = []
    for number in (500, 4000):
        tracemalloc.start()
        write_images(tmp_path, images(number), number, 1)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 4000 * 64  # of which 48 bytes are counts, read back for the bootstrap

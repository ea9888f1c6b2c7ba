"""Memory does not grow with the number of samples: Python's own objects are measured, for few masks and for many.

`benchmarks/scale.py` measures whole processes over a million.
"""

from __future__ import annotations

import gc
import os
import sys
import tracemalloc

import pytest

import labelprep.execution.batches  # the module, which the function of that name hides
from labelprep.prepared import Prepared
from tests.dataset import COLORS, Dataset, blocks, labelprep

FEW, MANY = 300, 1800
BYTES_A_SAMPLE = 75  # a list of nothing but keys takes more

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="thousands of hard links")


def linked(root, masks):
    """A flat folder of that many masks, each a link to one of ten."""
    data = Dataset(root)
    drawn = [data.mask(f"{n}", COLORS[blocks(n, 8, 8)], folder="drawn") for n in range(10)]
    (root / "masks").mkdir()
    for n in range(masks):
        os.link(drawn[n % 10], root / "masks" / f"mask{n:06}.png")
    return root


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scale")
    return {n: (linked(folder / f"data{n}", n), folder / f"out{n}") for n in (FEW, MANY)}


def peak(run):
    """Bytes of Python objects that a call has at once beyond those before it."""
    gc.collect()
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def growth(run, sets):
    """Bytes that each further sample costs, after a first call that fills caches."""
    run(*sets[FEW])
    few, *many = (peak(lambda n=n: run(*sets[n])) for n in (FEW, MANY, MANY))
    return (min(many) - few) / (MANY - FEW)  # now and then Python's table of interned names grows by two megabytes


def convert(data, out):
    words = ("--overwrite", "--scheduler", "inline", "--guard", "--layout", "masks", "--masks", data / "masks")
    result = labelprep("convert", data, "-o", out, *words)
    assert result.code == 0, result.err


def again(data, out):
    words = ("--scheduler", "inline", "--layout", "masks", "--masks", data / "masks", "--json")
    result = labelprep("convert", data, "-o", out, *words)
    assert (result.code, result.summary["converted_now"]) == (0, 0)


@pytest.fixture(scope="module", autouse=True)
def small_buffers():
    """What is gathered for a moment is full with the few already."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules["labelprep.execution.batches"], "BATCHES_WANTED", 10**9)
        patch.setattr("labelprep.steps.places._AT_ONCE", 64)
        patch.setattr("labelprep.setwide._AT_ONCE", 64)
        patch.setattr("labelprep.publish._SUMMED_AT_ONCE", 64)
        yield


@pytest.fixture(scope="module")
def converted(sets, small_buffers):
    return sets, growth(convert, sets)


def test_convert_holds_no_list_of_samples(converted):
    sets, figure = converted
    assert figure < BYTES_A_SAMPLE
    assert Prepared.open(sets[MANY][1]).totals.masks == MANY


def test_a_run_that_finds_everything_done_holds_no_list_either(converted):
    figure = growth(again, converted[0])
    assert figure < BYTES_A_SAMPLE


@pytest.mark.parametrize(
    "words",
    [
        ("verify",),
        ("split", "--ratios", "0.8", "0.2", "--stratify"),
        ("weights", "--split", "train", "-o"),
    ],
    ids=lambda words: words[0],
)
def test_what_reads_a_prepared_folder_holds_no_list_of_its_rows(converted, words, tmp_path):
    def run(data, out):
        target = (tmp_path / "w.json",) if words[-1] == "-o" else ()
        result = labelprep(words[0], out, *words[1:], *target)
        assert result.code == 0, result.err

    figure = growth(run, converted[0])
    assert figure < BYTES_A_SAMPLE

"""What validate and convert tell of how they read a dataset."""

import pytest

from tests.dataset import COLORS, Dataset, blocks, labelprep


@pytest.mark.parametrize("command", ["validate", "convert"])
def test_a_class_that_is_called_void_and_not_ignored_is_told_with_the_option(tmp_path, command):
    data = Dataset(tmp_path / "data")
    data.pair("a", COLORS[blocks(0, ids=6)])
    said = []
    for n, ignore in enumerate(([], ["--ignore", "void"])):
        place = ["-o", tmp_path / f"out{n}"] if command == "convert" else []
        said.append(labelprep(command, data.root, *place, *ignore).out)
    assert "'void' counts as a class; if it means no label: --ignore void" in said[0]
    assert "counts as a class" not in said[1]

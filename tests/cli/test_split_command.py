from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from labelprep.class_rows import ClassRow
from labelprep.classes import ClassTable
from labelprep.cli.split import command
from labelprep.errors import UsageError
from labelprep.prepared import Row
from labelprep.stages import Silent


class Console:
    def __init__(self, as_json):
        self.json = as_json
        self.shown = []

    def reporter(self):
        return Silent()

    def result(self, value):
        self.shown.append(value)


@pytest.fixture
def folder(tmp_path):
    table = ClassTable.build([ClassRow("road", ((128, 64, 128),))])
    info = {"schema_version": 1, "class_table": table.to_dict(), "options": {}, "totals": {}}
    rows = [Row(f"{i}", f"{i}.png", xxh3="00", pixels=(1,)) for i in range(10)]
    (tmp_path / "dataset.json").write_text(json.dumps(info), "utf-8")
    (tmp_path / "manifest.jsonl").write_text("".join(row.to_json() + "\n" for row in rows), "utf-8")
    return tmp_path


def test_options_that_do_not_go_together_are_named(folder):
    with pytest.raises(UsageError, match=r"^expected either ratios or folds, and not both\b"):
        called(folder, "--folds", 3, "--ratios", 0.5, 0.5)


def called(*words, as_json=False):
    console = Console(as_json)
    result = CliRunner().invoke(command, [str(word) for word in words], obj=console)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, console.shown


def test_three_ratios_write_three_lists(folder):
    assert called(folder, "--ratios", "0.8", "0.1", "0.1", "--seed", "3") == (0, ["train  8\nval  1\ntest  1"])
    assert sorted(p.name for p in (folder / "splits").iterdir()) == ["test.txt", "train.txt", "val.txt"]


def test_json_gives_sizes_and_missing_classes(folder):
    _, shown = called("--ratios", 0.8, 0.2, folder, as_json=True)

    assert shown == [
        {
            "type": "summary",
            "exit_code": 0,
            "out": (folder / "splits").as_posix(),
            "splits": {"train": 8, "val": 2},
            "classes_missing": {"train": [], "val": []},
            "left_out": 0,
        }
    ]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--ratios", 0.8, 0.1], "--ratios: expected 2 or 3 shares .* that add up to 1, got 0.8 0.1"),
        (["--group-by", "("], "--group-by: expected a regular expression"),
        (["--seed", "-1"], "--seed: expected at least 0, got -1"),
        (["--group-by", "x"], "does not match 10 of 10 keys: 0, 1, 2, …"),
    ],
)
def test_what_cannot_be_split_is_refused_and_nothing_written(folder, words, says):
    with pytest.raises(UsageError, match=says):
        called(folder, *words)
    assert not (folder / "splits").exists()

from __future__ import annotations

import json

import numpy as np
import pytest
from pydantic import ValidationError

from labelprep.class_rows import ClassRow
from labelprep.classes import ClassTable
from labelprep.errors import EnvironmentFailure, UsageError
from labelprep.prepared import Prepared, Row
from labelprep.spec import SplitStage
from labelprep.stages import Inputs, RunContext, StageResult
from labelprep.stages.split import run
from labelprep.storage.atomic import write_lines
from tests.dataset import Dataset, labelprep

TABLE = ClassTable.build([ClassRow("road", ((128, 64, 128),)), ClassRow("car", ((64, 0, 128),))])


class Listener:
    def __init__(self):
        self.said = []

    def progress(self, what, done, total, **figures):
        pass

    def message(self, text):
        self.said.append(text)


def prepared_folder(root, rows):
    root.mkdir()
    info = {"schema_version": 1, "class_table": TABLE.to_dict(), "options": {}, "totals": {}}
    (root / "dataset.json").write_text(json.dumps(info), "utf-8")
    (root / "manifest.jsonl").write_text("".join(row.to_json() + "\n" for row in rows), "utf-8")
    return root


def row(key, pixels=(3, 0), written=True):
    return Row(key, f"masks/{key}.png", xxh3="00" if written else None, pixels=pixels if written else ())


@pytest.fixture
def folder(tmp_path):
    rows = [row(f"a/{i}", (3, int(i < 2))) for i in range(10)] + [row("broken", written=False)]
    return prepared_folder(tmp_path / "out", rows)


def test_the_lists_hold_every_written_mask_once_and_can_be_read_as_splits(folder):
    result = run(SplitStage(data=folder, ratios=(0.8, 0.2)), Inputs(), RunContext())

    prepared = Prepared.open(folder)
    lists = {name: {r.key for r in prepared.rows(name)} for name in prepared.splits()}
    assert result.out == folder / "splits"
    assert result.summary["splits"] == {"train": 8, "val": 2}
    assert {name: len(keys) for name, keys in lists.items()} == {"train": 8, "val": 2}
    assert lists["train"] | lists["val"] == {f"a/{i}" for i in range(10)}


def test_an_earlier_test_split_is_removed_and_other_lists_stay(folder):
    run(SplitStage(data=folder, ratios=(0.6, 0.2, 0.2)), Inputs(), RunContext())
    (folder / "splits" / "mine.txt").write_text("a/1\n", "utf-8")

    run(SplitStage(data=folder, ratios=(0.5, 0.5)), Inputs(), RunContext())

    assert sorted(p.name for p in (folder / "splits").iterdir()) == ["mine.txt", "train.txt", "val.txt"]


def test_folds_take_the_place_of_an_earlier_split_and_of_more_folds(folder):
    (folder / "splits").mkdir()
    (folder / "splits" / "fold9-mine.txt").write_text("a/1\n", "utf-8")
    run(SplitStage(data=folder, ratios=(0.5, 0.5)), Inputs(), RunContext())
    run(SplitStage(data=folder, folds=3), Inputs(), RunContext())
    result = run(SplitStage(data=folder, folds=2), Inputs(), RunContext())

    assert result.summary["splits"] == {"fold0-train": 5, "fold0-val": 5, "fold1-train": 5, "fold1-val": 5}
    assert Prepared.open(folder).splits() == ("fold0-train", "fold0-val", "fold1-train", "fold1-val", "fold9-mine")
    run(SplitStage(data=folder), Inputs(), RunContext())
    assert Prepared.open(folder).splits() == ("fold9-mine", "train", "val")
    with pytest.raises(ValidationError, match="either ratios or folds"):
        SplitStage(data=folder, folds=2, ratios=(0.8, 0.2))


def test_the_identity_is_that_of_the_lists(folder, tmp_path):
    def identity(**words):
        return run(SplitStage(data=folder, **words), Inputs(), RunContext()).identity

    assert identity(seed=1) == identity(seed=1, out=tmp_path / "elsewhere")
    assert identity(seed=1) != identity(seed=2)


def test_classes_that_a_split_lacks_are_named(folder):
    listener = Listener()
    words = {"data": folder, "ratios": (0.5, 0.5)}
    result = run(SplitStage(**words, group_by=r"a/[01]|."), Inputs(), RunContext(reporter=listener))

    assert result.summary["classes_missing"]["train"] in ([], ["car"])
    even = run(SplitStage(**words, stratify=True), Inputs(), RunContext())
    assert even.summary["classes_missing"] == {"train": [], "val": []}


def test_a_split_that_gets_nothing_is_said(folder):
    listener = Listener()
    run(SplitStage(data=folder, group_by="^"), Inputs(), RunContext(reporter=listener))

    assert listener.said == ["warning: split val is empty; take another ratio or smaller groups"]


def test_in_a_chain_the_folder_comes_from_convert(folder):
    before = Inputs((("convert", StageResult(folder, "", {})),))

    assert run(SplitStage(), before, RunContext()).out == folder / "splits"


def test_nothing_to_split_is_an_error(tmp_path):
    empty = prepared_folder(tmp_path / "empty", [row("broken", written=False)])
    with pytest.raises(UsageError, match="no converted mask to split"):
        run(SplitStage(data=empty), Inputs(), RunContext())


@pytest.mark.parametrize("key", ["a\x85b", "a\u2028b", "ü/…", "a b"])
def test_keys_with_unusual_characters_survive_the_lists(tmp_path, key):
    folder = prepared_folder(tmp_path / "out", [row(key)])
    run(SplitStage(data=folder), Inputs(), RunContext())

    assert [r.key for r in Prepared.open(folder).rows("train")] == [key]


def test_a_key_with_a_line_break_is_refused_because_lists_cannot_hold_it(tmp_path):
    folder = prepared_folder(tmp_path / "out", [row("a\nb")])
    with pytest.raises(UsageError, match=r"hold a line break: 'a\\nb'"):
        run(SplitStage(data=folder), Inputs(), RunContext())
    assert not (folder / "splits").exists()


def test_lists_of_two_splits_never_stand_side_by_side(folder, monkeypatch):
    """Or samples of one's training set would be in the other's validation set."""
    run(SplitStage(data=folder, ratios=(0.5, 0.5), seed=1), Inputs(), RunContext())
    before = {path.name: path.read_text() for path in (folder / "splits").iterdir()}

    def full(path, keys, write=write_lines):
        if path.name == "val.txt":
            raise EnvironmentFailure("cannot write", path=path)
        write(path, keys)

    with monkeypatch.context() as patched:
        patched.setattr("labelprep.stages.split.write_lines", full)
        with pytest.raises(EnvironmentFailure):
            run(SplitStage(data=folder, ratios=(0.5, 0.5), seed=2), Inputs(), RunContext())
    after = {path.name: path.read_text() for path in (folder / "splits").iterdir()}
    assert list(after) == ["train.txt"]
    assert after["train.txt"] != before["train.txt"]


def test_a_list_that_stays_as_it_was_is_left_alone(folder):
    run(SplitStage(data=folder), Inputs(), RunContext())
    before = {path: path.stat().st_mtime_ns for path in (folder / "splits").iterdir()}
    run(SplitStage(data=folder), Inputs(), RunContext())
    assert {path: path.stat().st_mtime_ns for path in (folder / "splits").iterdir()} == before


def test_frames_that_one_class_fills_are_left_out_and_listed(tmp_path):
    data = Dataset(tmp_path / "data")
    for key in "abcd":
        data.pair(key)
    full = np.zeros((24, 32), np.uint8)
    full[0, 0] = 1
    data.pair("full,1", data.colors[full])
    assert labelprep("convert", data.root, "-o", tmp_path / "out").code == 0
    done = labelprep("split", tmp_path / "out", "--drop-dominated", "road:0.9", "--ratios", "0.5", "0.5", "--json")
    assert (done.code, done.summary["splits"], done.summary["left_out"]) == (0, {"train": 2, "val": 2}, 1)
    lists = tmp_path / "out/splits"
    assert "full,1" not in "".join(path.read_text() for path in lists.glob("*.txt"))
    assert (lists / "left_out.csv").read_text().splitlines() == ["key,class,share", f'"full,1",road,{767 / 768}']
    assert labelprep("split", tmp_path / "out").code == 0
    assert not (lists / "left_out.csv").exists()


def test_lists_that_replace_the_set_s_own_splits_say_so(tmp_path, folder):
    rows = [Row(f"{i}", f"{i}.png", split=("val", "train")[i < 7], xxh3="00", pixels=(1, 1)) for i in range(10)]
    given, plain = Listener(), Listener()
    run(SplitStage(data=prepared_folder(tmp_path / "own", rows)), Inputs(), RunContext(reporter=given))
    run(SplitStage(data=folder), Inputs(), RunContext(reporter=plain))
    assert [text for text in given.said if "splits of its own (train 7, val 3)" in text]
    assert not [text for text in plain.said if "of its own" in text]

import json

import numpy as np
import pytest

from labelprep.class_rows import ClassRow
from labelprep.classes import ClassTable
from labelprep.errors import UsageError
from labelprep.prepared import Prepared, Row
from labelprep.spec import WeightsStage
from labelprep.stages import Inputs, RunContext, StageResult
from labelprep.stages.weights import run
from labelprep.steps.count import ClassCounts
from labelprep.weights import ClassWeights, weights_for_table

TABLE = ClassTable.build([ClassRow(name, ((i, 9, 9),)) for i, name in enumerate(("road", "car", "sky"))])
PIXELS = {"a": (90, 10, 0), "b": (50, 0, 50), "c": (10, 20, 70)}


class Listener:
    def __init__(self):
        self.said = []

    def progress(self, what, done, total, **figures):
        pass

    def message(self, text):
        self.said.append(text)


@pytest.fixture
def folder(tmp_path):
    out = tmp_path / "out"
    (out / "splits").mkdir(parents=True)
    counts = sum((ClassCounts.of_pixels(np.array(p), 5) for p in PIXELS.values()), ClassCounts.zero(3))
    info = {"schema_version": 1, "class_table": TABLE.to_dict(), "options": {}, "totals": counts.to_dict()}
    (out / "dataset.json").write_text(json.dumps(info), "utf-8")
    rows = [Row(key, f"{key}.png", xxh3="00", pixels=pixels, ignored=5) for key, pixels in PIXELS.items()]
    (out / "manifest.jsonl").write_text("".join(row.to_json() + "\n" for row in rows), "utf-8")
    (out / "splits" / "train.txt").write_text("a\n", "utf-8")
    return out


def test_writes_every_kind_asked_for_beside_the_masks(folder):
    kinds = ("json", "npy", "csv", "yaml", "mmseg")
    result = run(WeightsStage(data=folder, write=kinds), Inputs(), RunContext())
    # 150, 30 and 120 of 300 pixels: 2, 10, 2.5
    wanted = [3 * w / 14.5 for w in (2, 10, 2.5)]
    assert result.summary["weights"] == pytest.approx(wanted)
    assert result.summary["names"] == ["road", "car", "sky"]
    names = ["json", "npy", "csv", "yaml", "mmseg.json"]
    assert sorted(p.name for p in (folder / "weights").iterdir()) == sorted(f"class_weights.{n}" for n in names)
    for path in (folder / "weights").iterdir():
        assert weights_for_table(path, TABLE).tolist() == pytest.approx(wanted, rel=1e-7)


def test_the_native_file_names_the_table_the_set_and_the_split(folder):
    result = run(WeightsStage(data=folder, split="train", method="enet", write=("npy", "json")), Inputs(), RunContext())
    assert result.out == folder / "weights" / "class_weights.json"
    found = ClassWeights.load(result.out)
    assert found.table_hash == TABLE.hash
    assert found.prepared_hash == Prepared.open(folder).identity
    assert (found.split, found.method) == ("train", "enet")
    assert found.counts == ClassCounts.of_pixels(np.array(PIXELS["a"]), 5)


def test_a_chain_hands_over_the_folder(folder, tmp_path):
    inputs = Inputs((("convert", StageResult(folder, "", {})),))
    result = run(WeightsStage(out=tmp_path / "elsewhere", name="w"), inputs, RunContext())
    assert result.out == tmp_path / "elsewhere" / "w.json"
    assert result.out.is_file()
    with pytest.raises(UsageError, match="weights needs the result of a stage `use: convert`"):
        run(WeightsStage(), Inputs(), RunContext())


def test_an_absent_class_is_a_warning_in_the_summary_and_to_the_reader(folder):
    listener = Listener()
    result = run(WeightsStage(data=folder, split="train"), Inputs(), RunContext(reporter=listener))
    assert result.summary["warnings"] == ["1 class has no valid pixel in split 'train' (weight 0): sky"]
    assert listener.said == [f"warning: {result.summary['warnings'][0]}"]
    with pytest.raises(UsageError, match="1 class has no valid pixel: sky"):
        run(WeightsStage(data=folder, split="train", absent="error"), Inputs(), RunContext())


def test_the_identity_depends_on_the_weights_and_their_origin_not_on_place_or_kind(folder, tmp_path):
    def identity(**words):
        return run(WeightsStage(data=folder, **words), Inputs(), RunContext()).identity

    assert identity() == identity(out=tmp_path / "x", write=("npy",), name="other")
    assert len({identity(), identity(method="enet"), identity(split="train"), identity(clip=(0, 3))}) == 4


def test_an_unknown_split_is_refused_and_nothing_is_written(folder):
    with pytest.raises(UsageError, match="no split named 'val'; there are: train"):
        run(WeightsStage(data=folder, split="val"), Inputs(), RunContext())
    assert not (folder / "weights").exists()

import json

import numpy as np
import pytest
from PIL import Image

from labelprep.class_rows import ClassRow
from labelprep.classes import ClassTable
from labelprep.cli.main import main
from labelprep.prepared import Row
from labelprep.steps.count import ClassCounts
from labelprep.weights import ClassWeights

TABLE = ClassTable.build([ClassRow(name, ((i, 9, 9),)) for i, name in enumerate(("road", "car"))])


@pytest.fixture
def prepared(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    counts = ClassCounts.of_pixels(np.array([60, 20]), 0)
    info = {"schema_version": 1, "class_table": TABLE.to_dict(), "options": {}, "totals": counts.to_dict()}
    (out / "dataset.json").write_text(json.dumps(info), "utf-8")
    (out / "manifest.jsonl").write_text(Row("a", "a.png", xxh3="00", pixels=(60, 20)).to_json() + "\n", "utf-8")
    return out


@pytest.fixture
def masks(tmp_path):
    folder = tmp_path / "plain"
    folder.mkdir()
    Image.fromarray(np.array([[0, 0, 0, 1, 255]], np.uint8)).save(folder / "a.png")
    (tmp_path / "classes.csv").write_text("name,r,g,b\nroad,0,9,9\ncar,1,9,9\n", "utf-8")
    return folder


def labelprep(capsys, *words):
    with pytest.raises(SystemExit) as left:
        main(["weights", *map(str, words)])
    return left.value.code, *capsys.readouterr()


def test_the_ending_of_the_file_picks_its_kind(capsys, prepared, tmp_path):
    code, out, err = labelprep(capsys, prepared, "-o", tmp_path / "my weights.npy", "--normalize", "none")
    assert code == 0
    assert np.load(tmp_path / "my weights.npy").tolist() == pytest.approx([4 / 3, 4])
    assert "road" in out
    assert "1.333" in out
    assert "75.00%" in out
    assert f"wrote {tmp_path / 'my weights.npy'}" in err


def test_write_names_the_kinds_beside_the_file(capsys, prepared, tmp_path):
    code, *_ = labelprep(capsys, prepared, "-o", tmp_path / "w.json", "--write", "csv", "mmseg", "--clip", "0", "3")
    assert code == 0
    assert sorted(p.name for p in tmp_path.glob("w.*")) == ["w.csv", "w.mmseg.json"]
    assert json.loads((tmp_path / "w.mmseg.json").read_text()) == pytest.approx([2 * 4 / 13, 2 * 9 / 13])


def test_without_a_file_the_native_form_goes_beside_the_masks(capsys, prepared):
    code, out, _ = labelprep(capsys, prepared, "--method", "inverse-sqrt", "--json")
    assert code == 0
    path = prepared / "weights" / "class_weights.json"
    summary = json.loads(out)
    assert summary["files"] == [str(path)]
    assert summary["weights"] == list(ClassWeights.load(path).weights)


def test_a_plain_folder_of_index_pngs_is_counted_with_a_class_table(capsys, masks, tmp_path):
    code, *_ = labelprep(capsys, masks, "--classes", tmp_path / "classes.csv", "-o", tmp_path / "w.json")
    assert code == 0
    found = ClassWeights.load(tmp_path / "w.json")
    assert found.weights == pytest.approx((0.5, 1.5))
    assert found.counts.to_dict() == ClassCounts.of_pixels(np.array([3, 1]), 1).to_dict()
    assert (found.prepared_hash, found.table_hash) == (None, TABLE.hash)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["{out}", "-o", "{tmp}/w.txt"], "expected one of .mmseg.json, .keras.json, .json, .npy, .pt, .csv, .yaml"),
        (["{out}", "-o", "{tmp}/w.json", "--method", "inverted"], "'inverted' is not one of 'inverse'"),
        (["{out}", "-o", "{tmp}/w.json", "--clip", "3", "2"], "--clip: expected a pair LO HI"),
        (["{out}", "-o", "{tmp}/w.json", "--split", "val"], "no split named 'val'"),
        (["{out}", "-o", "{tmp}/w.json", "--classes", "preset:voc"], "has its own class table"),
        (["{plain}", "-o", "{tmp}/w.json"], "not a prepared folder"),
        (["{plain}", "--classes", "{tmp}/classes.csv"], "name the file to write: -o FILE"),
        (["{plain}", "--classes", "{tmp}/classes.csv", "-o", "{tmp}/w.json", "--split", "val"], "no split named"),
    ],
)
def test_a_mistake_is_one_line_with_exit_code_2_and_writes_nothing(capsys, prepared, masks, tmp_path, words, message):
    words = [word.format(out=prepared, plain=masks, tmp=tmp_path) for word in words]
    code, out, err = labelprep(capsys, *words)
    assert code == 2
    assert message in err
    assert out == ""
    assert not list(tmp_path.glob("w.*"))


def test_ids_out_of_range_name_file_value_and_pixels(capsys, masks, tmp_path):
    Image.fromarray(np.array([[7, 7, 0]], np.uint8)).save(masks / "b.png")
    code, _, err = labelprep(capsys, masks, "--classes", tmp_path / "classes.csv", "-o", tmp_path / "w.json")
    assert code == 2
    assert "b.png: ids must be below 2 or 255, but there are 7 (2 pixels)" in err

import csv
import io
import json
import pickle
import sys

import numpy as np
import pytest

from labelprep.errors import MissingExtraError, UsageError
from labelprep.formats.weight_files import ENDINGS, encode, kind_of, read, write

VALUES = {
    "weights": [0.5, 1e-05, 123456789.25],
    "names": ["road", 'a, "b"', "Straße"],
    "method": "inverse",
    "normalize": "mean",
    "absent": "zero",
    "clip": None,
    "split": None,
    "table_hash": "ab",
    "prepared_hash": None,
    "warnings": [],
    "counts": {
        "pixels": [6, 3, 1],
        "images": [2, 1, 1],
        "pixels_where_present": [10, 5, 5],
        "ignored": 2,
        "total": 12,
        "masks": 2,
    },
}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("w.json", "json"),
        ("w.mmseg.json", "mmseg"),
        ("w.mmseg.yaml", "yaml"),
        ("w.keras.json", "keras"),
        ("W.NPY", "npy"),
        ("w.pt", "pt"),
        ("w.csv", "csv"),
        ("w.yaml", "yaml"),
        ("w.yml", "yaml"),
    ],
)
def test_the_ending_picks_the_kind(name, kind):
    assert kind_of(name) == kind


def test_an_unknown_ending_or_kind_is_refused_with_those_there_are(tmp_path):
    with pytest.raises(UsageError, match=r"\.mmseg\.json, \.keras\.json, \.json, \.npy, \.pt, \.csv, \.yaml") as caught:
        write(tmp_path / "w.txt", VALUES)
    assert "w.txt" in str(caught.value)
    with pytest.raises(UsageError, match="'pkl'; there are: csv, json, keras, mmseg, npy, pt, yaml"):
        write(tmp_path / "w.json", VALUES, "pkl")
    assert list(tmp_path.iterdir()) == []


def test_json_carries_everything():
    assert json.loads(encode(VALUES, "json")) == VALUES


def test_npy_is_a_float32_vector():
    array = np.load(io.BytesIO(encode(VALUES, "npy")))
    assert array.dtype == np.float32
    assert array.tolist() == np.float32(VALUES["weights"]).tolist()


def test_pt_is_a_float32_vector_that_torch_loads_without_pickled_code():
    torch = pytest.importorskip("torch")
    tensor = torch.load(io.BytesIO(encode(VALUES, "pt")), weights_only=True)
    assert tensor.dtype == torch.float32
    assert tensor.tolist() == np.float32(VALUES["weights"]).tolist()


def test_pt_without_torch_names_the_extra_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"labelprep\[train\]"):
        encode(VALUES, "pt")


def test_csv_has_one_row_per_class_with_its_counts():
    rows = list(csv.DictReader(io.StringIO(encode(VALUES, "csv").decode())))
    assert [row["name"] for row in rows] == VALUES["names"]
    assert rows[0] == {
        "id": "0",
        "name": "road",
        "pixels": "6",
        "images": "2",
        "frequency": "0.6",
        "weight": "0.5",
    }
    assert [float(row["weight"]) for row in rows] == VALUES["weights"]


def test_mmseg_json_is_a_plain_list():
    assert json.loads(encode(VALUES, "mmseg")) == VALUES["weights"]


def test_yaml_is_a_plain_list_of_floats_to_a_reader_of_yaml_1_1():
    # mmengine reads with PyYAML, to which 1e-05 is a word
    yaml = pytest.importorskip("yaml")
    loaded = yaml.safe_load(encode(VALUES, "yaml"))
    assert loaded == VALUES["weights"]
    assert all(type(x) is float for x in loaded)


@pytest.mark.parametrize("kind", ENDINGS)
def test_every_kind_reads_back(tmp_path, kind):
    if kind == "pt":
        pytest.importorskip("torch")
    path = tmp_path / f"weights{ENDINGS[kind]}"
    write(path, VALUES)
    found = read(path)
    assert found.values.dtype == np.float64
    assert found.values.tolist() == pytest.approx(VALUES["weights"], rel=1e-7)
    assert found.names == (tuple(VALUES["names"]) if kind in ("json", "csv") else None)
    assert found.native == (VALUES if kind == "json" else None)


def test_a_json_file_may_hold_a_plain_list(tmp_path):
    (tmp_path / "w.json").write_text("[1, 2.5]")
    assert read(tmp_path / "w.json").values.tolist() == [1, 2.5]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("w.json", b"{", "not a weight file of kind json"),
        ("w.json", b"{}", "keys that differ"),
        ("w.json", json.dumps(VALUES | {"names": ["a"]}).encode(), "differ in length"),
        ("w.mmseg.json", b'["a"]', "not a weight file of kind mmseg"),
        ("w.mmseg.json", b"[[1, 2]]", "expected a list of finite weights"),
        ("w.mmseg.json", b"[]", "expected a list of finite weights"),
        ("w.mmseg.json", b"[1, NaN]", "expected a list of finite weights"),
        ("w.mmseg.json", b"[1, -1]", "expected a list of finite weights"),
        ("w.yaml", b"- [", "not a weight file of kind yaml"),
        ("w.npy", b"no", "not a weight file of kind npy"),
        ("w.csv", b"id,name,weight\n1,a,1\n", "column id must count"),
        ("w.csv", b"name,weight\na,1\n", "not a weight file of kind csv"),
    ],
)
def test_a_damaged_file_is_named_with_what_is_wrong(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=message) as caught:
        read(tmp_path / name)
    assert name in str(caught.value)


def test_a_damaged_pt_file_is_named(tmp_path):
    pytest.importorskip("torch")
    (tmp_path / "w.pt").write_bytes(b"no")
    with pytest.raises(UsageError, match="not a weight file of kind pt"):
        read(tmp_path / "w.pt")


def test_a_missing_file_says_how_to_make_one(tmp_path):
    with pytest.raises(UsageError, match="labelprep weights OUT -o FILE"):
        read(tmp_path / "none.npy")


def test_keras_takes_the_file_by_the_loader_that_is_documented():
    from_json = json.loads(encode(VALUES, "keras"))
    assert {int(k): w for k, w in from_json.items()} == dict(enumerate(VALUES["weights"]))


def test_cross_entropy_takes_the_pt_file_as_it_is():
    torch = pytest.importorskip("torch")
    weight = torch.load(io.BytesIO(encode(VALUES, "pt")), weights_only=True)
    logits, labels = torch.zeros(1, 3, 2, 2), torch.tensor([[[0, 1], [1, 1]]])
    loss = torch.nn.CrossEntropyLoss(weight=weight, reduction="none")(logits, labels)
    wanted = torch.log(torch.tensor(3.0)) * torch.tensor(VALUES["weights"])[labels]
    assert torch.allclose(loss, wanted)


@pytest.mark.parametrize("ending", [".npy", ".mmseg.json", ".yaml", ".mmseg.yaml"])
def test_mmsegmentation_makes_a_tensor_of_each_file(tmp_path, ending):
    # the rule of get_class_weight and its callers, mmseg/models/losses/utils.py and cross_entropy_loss.py: a name that
    # ends in .npy goes to numpy.load, any other to mmengine's load; then score.new_tensor(it)
    torch, yaml = pytest.importorskip("torch"), pytest.importorskip("yaml")
    path = tmp_path / f"w{ending}"
    write(path, VALUES)
    if ending == ".npy":
        loaded = np.load(path)
    else:
        loaded = json.loads(path.read_text()) if ending.endswith("json") else yaml.safe_load(path.read_text())
    tensor = torch.zeros(1).new_tensor(loaded)
    assert tensor.tolist() == np.float32(VALUES["weights"]).tolist()


@pytest.mark.parametrize("name", ["w.pkl", "w.pickle", "W.PTH"])
def test_a_pickle_is_refused_in_words(tmp_path, name):
    (tmp_path / name).write_bytes(pickle.dumps([1.0, 2.0]))
    for use in (lambda: read(tmp_path / name), lambda: write(tmp_path / name, VALUES)):
        with pytest.raises(UsageError, match="a pickle runs whatever is in it"):
            use()


@pytest.mark.parametrize("name", ["w.npy", "w.pt", "w.json"])
def test_a_pickle_under_another_name_is_never_run(tmp_path, name):
    trap = tmp_path / "trap"
    (tmp_path / name).write_bytes(pickle.dumps(Trap(trap)))
    with pytest.raises(UsageError, match="not a weight file of kind"):
        read(tmp_path / name)
    assert not trap.exists()


class Trap:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("w.keras.json", b'{"0": 1, "2": 1}', r"expected weights for the ids 0\.\.1, got 0, 2"),
        ("w.keras.json", b'{"0": [1], "1": 2}', "not a weight file of kind keras"),
        ("w.json", b"3", "expected a list or a mapping of weights, got 3"),
        ("w.json", b"[" * 100_000, "nested too deep"),
        ("w.yaml", b"[" * 20_000, "not a weight file of kind yaml"),
        ("w.json", b"[" + b"9" * 5000 + b"]", "not a weight file of kind json"),
        ("w.json", b"[1e999]", "expected a list of finite weights"),
        ("w.csv", "id,name,weight\n0,a,1\n".encode("utf-16"), "not a weight file of kind csv"),
        ("w.json", b"\xff\xfe[1]", "not a weight file of kind json"),
    ],
)
def test_hostile_files_are_one_message(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=message) as caught:
        read(tmp_path / name)
    assert name in str(caught.value)

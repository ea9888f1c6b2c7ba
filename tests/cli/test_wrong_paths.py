"""A path that is not what a command expects is told with what it is, and with what to do."""

import pytest

from tests.dataset import Dataset, labelprep


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = Dataset(tmp_path / "data")
    data.pair("a")
    assert labelprep("convert", "data", "-o", "out").code == 0


@pytest.mark.parametrize(
    ("words", "message", "mend"),
    [
        ("weights nope", "nope: not a prepared folder: there is no such folder", "labelprep convert DATASET -o OUT"),
        ("weights data", "data: not a prepared folder: it holds no dataset.json", "labelprep convert DATASET -o OUT"),
        ("eval --pred nope --data out", "nope: no such folder", "--pred DIR"),
        ("eval --pred out/dataset.json --data out", "is a file; expected a folder of predicted masks", "--pred DIR"),
        ("report nope -o r", "nope: no such folder", "labelprep report OUT RUN -o DIR"),
        ("report data -o r", "data: holds no dataset.json, history.jsonl or metrics.json", "labelprep report OUT RUN"),
        ("classes show data", "data: cannot read the class table: Is a directory", "give a file, or preset:NAME"),
        ("run data", "data: cannot read the spec: Is a directory", "labelprep init DATASET -o SPEC"),
        ("completion", "Choose from: bash, zsh, fish;", "see labelprep completion --help"),
    ],
)
def test_paths_that_are_something_else(place, words, message, mend):
    refused = labelprep(*words.split())
    assert refused.code == 2
    assert message in refused.err
    assert mend in refused.err


def test_presets_are_listed_where_no_table_is_named():
    shown = labelprep("classes", "show")
    assert shown.code == 0
    assert "preset:voc: labelprep classes.yaml, 21 classes, 1 ignored\n" in shown.out
    listed = labelprep("classes", "show", "--json").objects
    assert {"preset:voc", "preset:cityscapes"} <= {row.get("source") for row in listed}


@pytest.mark.parametrize(
    ("rows", "told"),
    [("images/b.png,masks/b.png\n", "the listed mask masks/b.png: no such file"), ("", "list is empty")],
)
def test_a_list_of_pairs_without_a_mask_that_is_there(place, tmp_path, rows, told):
    (tmp_path / "list.csv").write_text(f"image,mask\n{rows}")
    refused = labelprep("validate", "data", "--pairs", "list.csv")
    assert refused.code == 2
    assert "none of the listed masks can be read" in refused.err
    assert told in refused.err

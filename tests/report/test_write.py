import csv
import hashlib
import json
import sys

import pytest
from PIL import Image

from labelprep.errors import MissingExtraError
from labelprep.report.write import FORMS, write_report


@pytest.fixture(scope="module")
def report(built, tmp_path_factory):
    return write_report([built.out, built.run, built.eval], tmp_path_factory.mktemp("report"))


def tree(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def data(folder):
    """What is no page and no picture of one."""
    return {name for name in tree(folder) if name.startswith("plots/") or name.endswith((".json", ".csv"))}


def test_the_folder_holds_json_csv_and_plots(report):
    names = ("classes", "curves", "confusion", "geometry", "positions")
    plots = {f"plots/{name}.{form}" for name in names for form in ("png", "svg", "csv")} | {"plots/samples.png"}
    tables = {"report.json", "metrics.json", "classes.csv", "lists/images.csv"}
    assert data(report.folder) == tables | plots
    values = json.loads((report.folder / "report.json").read_text("utf-8"))
    assert values == report.values
    assert report.identity == hashlib.sha256((report.folder / "report.json").read_bytes()).hexdigest()
    for name in values["plots"]:
        with Image.open(report.folder / name) as image:
            assert min(image.size) > 200
            assert not any(key in image.info for key in ("Software", "Creation Time", "date"))


def test_findings_are_grouped_by_kind_the_worst_first(report):
    damaged, lossy = report.values["findings"]
    assert (damaged["code"], damaged["severity"], damaged["count"]) == ("damaged-file", "error", 1)
    assert (lossy["code"], lossy["count"], lossy["pixels"], len(lossy["examples"])) == ("lossy-mask", 5, 50, 3)
    assert lossy["examples"][0]["key"] == "train/a"


def test_the_verdict_says_what_was_found_and_how_well_the_model_does(report):
    verdict = report.values["verdict"]
    assert verdict["status"] == "errors"
    assert verdict["text"].startswith("5 masks prepared, 1 left out; 1 error, 5 warnings; mIoU 0.")
    assert "always predicting 'road'" in verdict["text"]


def test_classes_carry_counts_weights_and_scores(report, built):
    rows = report.values["classes"]
    assert [r["name"] for r in rows] == list(built.table.names)
    assert sum(r["share"] for r in rows) == pytest.approx(1)
    truth = sum(int((index == 0).sum()) for index in built.truths.values())
    assert rows[0]["pixels"] == truth
    assert rows[11]["pixels"] == 0
    assert rows[11]["weight"] == 0
    assert rows[11]["recall"] is None
    confusion = built.confusion()
    expected = confusion[0, 0] / (confusion[0].sum() + confusion[:, 0].sum() - confusion[0, 0])
    assert rows[0]["iou"] == pytest.approx(expected)


def test_the_csv_says_the_same_as_the_json(report):
    with (report.folder / "classes.csv").open(encoding="utf-8", newline="") as text:
        rows = list(csv.DictReader(text))
    assert len(rows) == 12
    assert rows[0]["color"] == "#685c84"
    assert float(rows[3]["weight"]) == report.values["classes"][3]["weight"]
    assert rows[11]["recall"] == ""


def test_training_tells_the_best_epoch_and_no_times(report):
    (training,) = report.values["training"]
    assert training["best"]["epoch"] == 2
    assert "seconds" not in (report.folder / "report.json").read_text("utf-8")


def test_the_same_sources_give_the_same_bytes_anywhere(report, folders, tmp_path):
    again = write_report([folders.out, folders.run, folders.eval], tmp_path / "r")
    assert again.identity == report.identity
    pages = {name for name in tree(again.folder) if name.endswith(".html")}  # commands name folders
    assert {n: b for n, b in tree(again.folder).items() if n not in pages} == {
        n: b for n, b in tree(report.folder).items() if n not in pages
    }
    assert str(folders.root) not in (tmp_path / "r" / "report.json").read_text("utf-8")


def test_plots_that_a_new_report_does_not_have_are_removed(built, tmp_path):
    write_report([built.run, built.eval], tmp_path)
    (tmp_path / "plots" / "mine.png").write_bytes(b"kept")
    write_report([built.run], tmp_path)
    assert data(tmp_path) == {
        "report.json", "metrics.json", "classes.csv", "plots/mine.png", *(f"plots/curves.{f}" for f in FORMS),
    }  # fmt: skip


def test_an_evaluation_alone_is_enough(built, tmp_path):
    report = write_report([built.eval], tmp_path)
    assert report.values["plots"] == ["plots/confusion.png"]
    assert report.values["verdict"]["status"] == "unknown"
    assert report.values["classes"][0]["iou"] is not None
    assert report.values["masks"] is None


def test_two_runs_get_plots_of_their_own(built, folders, tmp_path):
    report = write_report([built.run, folders.run], tmp_path / "r")
    assert report.values["plots"] == ["plots/curves.png", "plots/curves_2.png"]


def test_nan_never_gets_into_the_json(folders, tmp_path):
    history = folders.run / "history.jsonl"
    history.write_text(history.read_text("utf-8").replace("0.31", "NaN"), encoding="utf-8")
    write_report([folders.run], tmp_path / "r")
    assert "NaN" not in (tmp_path / "r" / "report.json").read_text("utf-8")


def test_without_matplotlib_the_message_says_what_to_install(built, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"labelprep\[report\]"):
        write_report([built.run], tmp_path)


def test_lost_pictures_leave_the_rest_of_the_report(folders, tmp_path):
    (folders.root / "raw" / "images" / "val" / "d.png").unlink()
    (folders.out / "masks" / "val" / "e.png").write_bytes(b"damaged")
    assert "plots/samples.png" in write_report([folders.out, folders.eval], tmp_path / "r").values["plots"]

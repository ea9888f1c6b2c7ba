import json

import pytest

from labelprep.errors import UsageError
from labelprep.spec import ReportStage
from labelprep.stages import Inputs, RunContext, StageResult
from labelprep.stages import report as stage
from tests.dataset import tree


@pytest.fixture
def run_folder(tmp_path):
    from labelprep.class_rows import ClassRow
    from labelprep.classes import ClassTable

    table = ClassTable.build([ClassRow("a", ((1, 2, 3),)), ClassRow("b", ((4, 5, 6),))])
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "history.jsonl").write_text('{"epoch": 1, "train_loss": 1.0, "val_miou": 0.5}\n', encoding="utf-8")
    facts = {"options": {}, "class_table": table.to_dict(), "table_hash": table.hash}
    (folder / "run.json").write_text(json.dumps(facts), encoding="utf-8")
    return folder


def test_the_results_of_earlier_stages_are_reported_on(run_folder, tmp_path):
    inputs = Inputs(
        (("weights", StageResult(tmp_path / "w.json", "", {})), ("train", StageResult(run_folder, "x", {})))
    )
    result = stage.run(ReportStage(out=tmp_path / "report"), inputs, RunContext())
    assert result.out == tmp_path / "report"
    assert result.summary["plots"] == ["plots/curves.png"]
    assert len(result.identity) == 64


def test_named_sources_go_before_the_chains(run_folder, tmp_path):
    inputs = Inputs((("convert", StageResult(tmp_path / "missing", "", {})),))
    params = ReportStage(out=tmp_path / "report", sources=(run_folder,))
    assert stage.run(params, inputs, RunContext()).exit_code == 0


def test_nothing_to_report_on_is_an_error(tmp_path):
    with pytest.raises(UsageError, match="nothing to report on"):
        stage.run(ReportStage(out=tmp_path), Inputs(), RunContext())


def test_files_of_others_with_a_reports_names_stay(run_folder, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    for folder, reason in ((mine, "holds something else: photos.txt"), (run_folder, "is what the report is about")):
        (folder / "metrics.json").write_text("{}", "utf-8")
        (folder / "photos.txt").touch()
        before = tree(folder)
        with pytest.raises(UsageError, match=reason):
            stage.run(ReportStage(out=folder, sources=(run_folder,)), Inputs(), RunContext())
        assert tree(folder) == before


def test_a_report_replaces_one_that_was_begun(run_folder, tmp_path):
    params = ReportStage(out=tmp_path / "report", sources=(run_folder,))
    whole = stage.run(params, Inputs(), RunContext())
    (tmp_path / "report" / "report.json").unlink()
    assert stage.run(params, Inputs(), RunContext()).identity == whole.identity

import json

import pytest
from click.testing import CliRunner

from labelprep.class_rows import ClassRow
from labelprep.classes import ClassTable
from labelprep.cli.output import Console
from labelprep.cli.report import command
from tests.dataset import Dataset, labelprep


@pytest.fixture
def run_folder(tmp_path):
    table = ClassTable.build([ClassRow("a", ((1, 2, 3),)), ClassRow("b", ((4, 5, 6),))])
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "history.jsonl").write_text('{"epoch": 1, "train_loss": 1.0, "val_miou": 0.5}\n', encoding="utf-8")
    facts = {"options": {}, "class_table": table.to_dict(), "table_hash": table.hash}
    (folder / "run.json").write_text(json.dumps(facts), encoding="utf-8")
    return folder


def test_the_files_that_were_written_are_listed(run_folder, tmp_path):
    words = [str(run_folder), "-o", str(tmp_path / "report")]
    result = CliRunner().invoke(command, words, obj=Console(), catch_exceptions=False)
    assert result.exit_code == 0
    for name in ("report.json", "classes.csv", "plots/curves.png"):
        assert (tmp_path / "report" / name).as_posix() in result.stdout
        assert (tmp_path / "report" / name).is_file()


def test_the_verdict_is_told_once(tmp_path):
    data = Dataset(tmp_path / "set")
    data.pair("one")
    assert labelprep("convert", data.root, "-o", tmp_path / "out", "--scheduler", "inline", "--no-guard").code == 0
    done = labelprep("report", tmp_path / "out", "-o", tmp_path / "report")
    assert done.out.startswith("1 masks prepared; ")
    assert (done.out + done.err).count("masks prepared") == 1


def test_json_is_one_summary_object(run_folder, tmp_path):
    console = Console()
    console.json = True
    words = [str(run_folder), "-o", str(tmp_path / "report")]
    result = CliRunner().invoke(command, words, obj=console, catch_exceptions=False)
    (line,) = result.stdout.splitlines()
    assert json.loads(line)["plots"] == ["plots/curves.png"]

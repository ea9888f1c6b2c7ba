import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from labelprep.cli import demo
from labelprep.cli.output import Console
from labelprep.drawing import demo as drawn


def call(folder, *, as_json=False):
    console = Console()
    console.json = as_json
    return CliRunner().invoke(demo.command, [str(folder)], obj=console, catch_exceptions=False)


@pytest.fixture
def preparing_alone(monkeypatch):
    """As where neither torch nor matplotlib is installed."""
    monkeypatch.setattr(demo, "find_spec", lambda name: None)


def test_every_planted_fault_is_found_and_the_chain_goes_through(tmp_path, preparing_alone):
    result = call(tmp_path / "demo")
    assert result.exit_code == 0, result.stderr
    assert "NOT FOUND" not in result.stderr
    for code in ("swapped-red-blue", "unknown-color", "lossy-mask", "size-differs", "damaged-file", "image-missing"):
        assert code in result.stderr
    assert "traffic-light" in result.stdout
    assert len(list((tmp_path / "demo" / "build" / "masks" / "masks").rglob("*.png"))) == 32
    assert 'pip install "labelprep[all]"' in result.stderr


def test_the_spec_that_is_left_behind_runs_again_and_finds_nothing_to_do(tmp_path, preparing_alone):
    from labelprep.cli.run import command

    call(tmp_path / "demo")
    spec = (tmp_path / "demo" / "demo.yaml").as_posix()
    result = CliRunner().invoke(command, [spec, "check", "masks", "weights"], obj=Console(), catch_exceptions=False)
    assert result.exit_code == 0
    assert "nothing to do" in result.stderr


def test_json_tells_of_each_fault_whether_it_was_found(tmp_path, preparing_alone):
    lines = [json.loads(line) for line in call(tmp_path / "demo", as_json=True).stdout.splitlines()]
    planted = [line for line in lines if line["type"] == "planted"]
    assert len(planted) == 6
    assert all(line["found"] for line in planted)
    assert lines[-1]["type"] == "summary"


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    result = CliRunner().invoke(demo.command, [str(tmp_path)], obj=Console())
    assert result.exit_code != 0
    assert "overwrites nothing" in str(result.exception)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.slow
def test_with_the_extras_a_model_is_trained_and_reported_on(tmp_path, monkeypatch):
    pytest.importorskip("torch")
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(drawn, "SPEC", drawn.SPEC.replace("epochs: 10", "epochs: 1"))
    monkeypatch.setattr(drawn, "SIZE", (48, 64))
    result = call(tmp_path / "demo")
    assert result.exit_code == 0, result.stderr
    assert "majority-class baseline" in result.stdout
    report = tmp_path / "demo" / "build" / "report"
    assert {p.name for p in (report / "plots").iterdir()} == {
        "classes.png", "confusion.png", "curves.png", "samples.png", "uncertainty.png",
    }  # fmt: skip
    assert Path(report / "report.json").is_file()

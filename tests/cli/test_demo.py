import json
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from labelprep.cli import demo
from labelprep.cli.output import Console
from labelprep.drawing import demo as drawn
from labelprep.drawing.faults import FAULTS, IN_TABLE


def call(folder, *options, as_json=False):
    console = Console()
    console.json = as_json
    return CliRunner().invoke(demo.command, [str(folder), *options], obj=console, catch_exceptions=False)


@pytest.fixture(scope="module")
def preparing_alone(tmp_path_factory):
    """The demo where neither torch nor matplotlib is installed."""
    folder = tmp_path_factory.mktemp("demo") / "demo"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "find_spec", lambda name: None)
        patch.setattr(drawn, "SIZE", (48, 64))
        patch.setattr(drawn, "SPEC", drawn.SPEC.replace("epochs: 5", "epochs: 1"))
        return folder, call(folder, as_json=True)


def test_every_planted_fault_is_found_and_the_mended_set_goes_through(preparing_alone):
    folder, result = preparing_alone
    assert result.exit_code == 0, result.stderr
    *lines, summary = [json.loads(line) for line in result.stdout.splitlines()]
    planted = [line for line in lines if line["type"] == "planted"]
    assert [line["code"] for line in planted] == [*FAULTS, *(fault.code for fault in IN_TABLE)]
    assert [line["code"] for line in planted if not line["found"]] == []
    assert all((folder / "street" / line["path"]).parent.is_dir() for line in planted)
    assert (summary["type"], summary["exit_code"]) == ("summary", 0)
    assert {row["name"] for row in summary["classes"] if not row["pixels"]} == {"tram"}
    masks = folder / "build" / "mended" / "masks" / "masks"
    assert len(list(masks.rglob("*.png"))) == drawn.TRAIN + drawn.VAL


def test_the_mended_set_keeps_what_options_mend_and_no_other_fault(preparing_alone):
    folder, _ = preparing_alone
    lines = (folder / "build" / "mended" / "check" / "findings.jsonl").read_text("utf-8").splitlines()
    left = {json.loads(line)["code"] for line in lines}
    mended = {code for code, fault in FAULTS.items() if fault.mend} | {fault.code for fault in IN_TABLE}
    on_request = {"off-table": "snapped-colors", "transparent-pixels": "ignored-transparency", "size-differs-exif": ""}
    assert left == {on_request.get(code, code) for code in mended} - {""}


def test_the_last_words_name_what_is_missing_and_what_to_do_next(preparing_alone):
    folder, result = preparing_alone
    last = result.stderr.splitlines()[-8:]
    assert last[0] == f"{len(FAULTS) + len(IN_TABLE)} of {len(FAULTS) + len(IN_TABLE)} planted faults were found."
    assert 'matplotlib: python -m pip install "labelprep[all]"' in last[1]
    assert last[-2] == f"  labelprep run {folder.as_posix()}/demo.yaml --set weights.method=enet"


def test_the_spec_that_is_left_behind_runs_again_and_finds_nothing_to_do(preparing_alone):
    from labelprep.cli.run import command

    spec = (preparing_alone[0] / "demo.yaml").as_posix()
    result = CliRunner().invoke(command, [spec, "check", "masks", "weights"], obj=Console(), catch_exceptions=False)
    assert result.exit_code == 0
    assert "nothing to do" in result.stderr


def test_editors_find_the_schema_that_the_specs_name(preparing_alone):
    folder, _ = preparing_alone
    schema = json.loads((folder / "spec.schema.json").read_text("utf-8"))
    for name in ("demo.yaml", "faults.yaml"):
        text = (folder / name).read_text("utf-8")
        assert text.startswith("# yaml-language-server: $schema=spec.schema.json\n")
        jsonschema.validate(YAML(typ="safe").load(text), schema)


def test_the_table_of_faults_fits_eighty_columns_and_says_what_was_not_found(monkeypatch, capsys):
    faults = [drawn.Planted(code, "masks/train/scene_0001.png", fault.what) for code, fault in FAULTS.items()]
    demo._show_faults(Console(), faults, [True] * (len(faults) - 1) + [False])
    lines = capsys.readouterr().err.splitlines()
    assert max(map(len, lines)) <= 80
    assert [line.endswith("NOT FOUND") for line in lines[2:]] == [False] * (len(faults) - 1) + [True]


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    result = CliRunner().invoke(demo.command, [str(tmp_path)], obj=Console())
    assert result.exit_code != 0
    assert "overwrites nothing" in str(result.exception)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_a_browser_opens_on_a_desktop_alone(monkeypatch):
    monkeypatch.setattr(demo.sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr(demo.sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr(demo.sys, "platform", "linux")
    for name in ("CI", "WAYLAND_DISPLAY", "DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert not demo._on_desktop()
    monkeypatch.setenv("DISPLAY", ":0")
    assert demo._on_desktop()
    monkeypatch.setenv("CI", "true")
    assert not demo._on_desktop()
    monkeypatch.delenv("CI")
    monkeypatch.setattr(demo.sys.stdout, "isatty", lambda: False)
    assert not demo._on_desktop()


def test_a_page_is_opened_where_there_is_one_and_somebody_asked(tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr(demo.click, "launch", opened.append)
    pages = [tmp_path / "faults.html", tmp_path / "mended.html"]
    demo._open([], True)
    demo._open(pages, False)
    demo._open(pages, None)  # tests run where nobody sits
    assert opened == []
    demo._open(pages, True)
    assert opened == [str(pages[0])]


@pytest.mark.chaos
def test_with_the_extras_a_model_is_trained_and_both_sets_are_reported_on(preparing_alone, capsys):
    """On from where the demo without them ended: what was done there is up to date."""
    pytest.importorskip("torch")
    pytest.importorskip("matplotlib")
    folder, _ = preparing_alone
    outcome, without = demo._run_mended(Console(), folder, ())
    assert (outcome.exit_code, without) == (0, [])
    assert set(outcome.ran) == {"train", "eval", "report"}
    assert "majority-class baseline" in capsys.readouterr().out
    demo._find(Console(), folder, drawn.IN_TABLE)
    for name in demo.PAGES:
        assert Path(folder / "build" / name / "report" / "report.json").is_file()
    assert [p.name for p in folder.parent.iterdir()] == ["demo"]

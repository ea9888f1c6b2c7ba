import shlex

import pytest

from labelprep.cli.main import cli
from labelprep.findings import CATALOGUE, Finding
from labelprep.prepared import Prepared
from labelprep.report import mends
from labelprep.report.survey import kinds_of
from labelprep.report.write import write_report
from tests.dataset import Dataset, blocks, labelprep

PLACES = mends.Places("my data", "out/a", "table.yaml", "eval", ("--color-order", "bgr", "--exif-rotate"))


def kind(code, **where):
    return kinds_of([Finding.of(code, "here", **where)])[0]


@pytest.mark.parametrize("code", list(CATALOGUE))
def test_every_command_is_one_that_the_command_line_takes(code):
    for command in mends.commands(kind(code), PLACES):
        name, *words = shlex.split(command.text)[1:]
        cli.get_command(None, name).make_context(name, words)  # a wrong word or value ends here
        assert command.note


def test_options_that_a_command_gives_anew_are_not_kept():
    text = PLACES.convert("--color-order", "rgb")
    assert shlex.split(text) == [
        "labelprep", "convert", "my data", "--classes", "table.yaml", "--exif-rotate",
        "--color-order", "rgb", "-o", "out/a", "--overwrite",
    ]  # fmt: skip
    assert "--color-order bgr" in PLACES.convert("--alpha", "ignore")


def test_one_command_stands_for_all_kinds_that_it_mends():
    kinds = [kind("damaged-file"), kind("two-masks"), kind("unknown-color", distance=3.2), kind("lossy-mask")]
    groups = mends.grouped(kinds, PLACES)
    assert [k.code for k in groups[-1]["kinds"]] == ["damaged-file", "two-masks"]
    assert len({group["text"] for group in groups}) == len(groups)
    assert any("nearest:4" in group["text"] for group in groups)


def test_the_proposed_commands_mend_a_set_when_pasted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = Dataset(tmp_path / "raw")
    for key in "ab":
        data.pair(key)
    odd = data.colors[blocks()]
    odd[0, :3] = (128, 66, 128)
    data.pair("c", odd)
    assert labelprep("convert", "raw", "--ignore", "void", "-o", "out", "--scheduler", "inline").code == 3
    write_report([tmp_path / "out"], tmp_path / "report")
    (found,) = [k for k in kinds_of(Prepared.open(tmp_path / "out").findings()) if k.code == "unknown-color"]
    places = mends.places_of(Prepared.open(tmp_path / "out"), tmp_path / "report" / "class_table.yaml", None)
    for command in mends.commands(found, places):
        assert command.text in (tmp_path / "report" / "index.html").read_text("utf-8")
        result = labelprep(*shlex.split(command.text)[1:])
        assert result.code == 0, result.err
        assert Prepared.open(tmp_path / "out").totals.masks == 3

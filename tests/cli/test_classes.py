"""`labelprep classes`: what is printed, what is written, and what is said to be lost."""

import json
import re

import pytest
from click.testing import CliRunner

from labelprep.cli.classes import command
from labelprep.cli.output import Console
from labelprep.errors import UsageError
from labelprep.formats.class_tables import load_table


def run(*arguments, as_json=False):
    console = Console()
    console.json = as_json
    return CliRunner().invoke(command, [str(a) for a in arguments], catch_exceptions=False, obj=console)


def test_show_prints_ids_colours_names_and_what_is_ignored():
    lines = run("show", "preset:cityscapes").stdout.splitlines()
    assert lines[0] == "preset:cityscapes: 19 classes, ignored pixels are 255"
    assert lines[2].split() == ["0", "#804080", "#804080", "7", "road"]
    assert [line.split()[-1] for line in lines[2:] if line.split()[1] == "ignored"][:2] == ["unlabeled", "vehicle"]
    assert len(lines) == 2 + 19 + 16


def test_show_applies_the_options_of_a_dataset_and_prints_what_was_decided(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("name,r,g,b\na,1,1,1\nb,1,1,1\nc,2,2,2\n")
    result = run("show", path, "--on-duplicate-color", "first", "--ignore", "c", "--map", "9=b")
    assert result.stdout.splitlines()[-1] == "'a' and 'b' share the colour (1, 1, 1): read as 'a'"


def test_show_gives_one_json_object_under_json():
    shown = json.loads(run("show", "preset:voc", as_json=True).stdout)
    assert (shown["source"], shown["classes"][1]["name"]) == ("preset:voc", "aeroplane")
    assert shown["hash"] == load_table("preset:voc").hash


def test_convert_writes_the_dialect_of_the_name_and_lists_what_is_lost_on_stderr(tmp_path):
    target = tmp_path / "label_colors.txt"
    result = run("convert", "preset:camvid", target)
    assert result.stdout == f"{target}: 31 classes\n"
    assert result.stderr.splitlines() == [
        "not in label_colors.txt: which classes are ignored (--ignore NAME): Void",
        "not in label_colors.txt: ids in source masks of Wall, Void",
    ]
    assert set(load_table(target).names) == {*load_table("preset:camvid").names, "Void"}


def test_convert_replaces_a_file_only_when_told_to(tmp_path):
    target = tmp_path / "t.yaml"
    target.write_text("precious")
    with pytest.raises(UsageError, match="the file exists"):
        run("convert", "preset:voc", target)
    assert target.read_text() == "precious"
    run("convert", "preset:voc", target, "--overwrite")
    assert load_table(target) == load_table("preset:voc")


def test_convert_under_json_gives_an_object_for_each_loss_and_a_summary(tmp_path):
    table = tmp_path / "t.csv"
    table.write_text("name,r,g,b,class_11\na,1,1,1,0\nb,2,2,2,1\n")
    target = tmp_path / "x.json"
    lost, summary = map(json.loads, run("convert", table, target, "--to", "id2label", as_json=True).stdout.splitlines())
    assert (lost["type"], lost["what"], lost["classes"]) == ("lost", "colors", ["a", "b"])
    assert (summary["type"], summary["lost"], summary["left_out"]) == ("summary", 1, ["columns class_11"])
    assert json.loads(target.read_text()) == {"0": "a", "1": "b"}


def test_convert_decides_as_show_does_and_says_what_the_readers_want_besides(tmp_path):
    table = tmp_path / "t.csv"
    table.write_text("name,r,g,b\na,1,1,1\nb,1,1,1\nc,2,2,2\n")
    result = run("convert", table, tmp_path / "labels.txt", "--on-duplicate-color", "merge", "--ignore", "c")
    assert (tmp_path / "labels.txt").read_text() == "__ignore__\na\n"
    assert "labels.txt: labelme wants id 0 to be called _background_; here it is 'a'" in result.stderr
    assert "'a' and 'b' share the colour (1, 1, 1): merged into 'a'" in result.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("x.json",), "the name tells no dialect.*call the file so, or name the dialect: --to NAME"),
        (("x.json", "--to", "id2lable"), "did you mean 'id2label'"),
    ],
)
def test_convert_to_no_dialect_names_those_there_are(tmp_path, words, message):
    with pytest.raises(UsageError) as caught:
        run("convert", "preset:voc", tmp_path / words[0], *words[1:])
    assert re.search(message, str(caught.value), re.DOTALL)
    assert list(tmp_path.iterdir()) == []


def test_check_says_what_each_file_is_and_what_is_wrong(tmp_path):
    good, bad = tmp_path / "config_v1.json", tmp_path / "dataset.json"
    good.write_text('{"labels": [{"name": "a", "color": [1, 2, 3]}, {"name": "v", "evaluate": false}], "mapping": "x"}')
    bad.write_text('{"labels": {"background": 0,\n"region": [1, 2]}}')
    result = run("check", good, bad, "preset:voc")
    lines = result.stdout.splitlines()
    assert result.exit_code == 2
    assert lines[:3] == [
        f"{good}: Mapillary config_v*.json, 1 class, 1 ignored",
        "  not read from config_v1.json: mapping",
        f"{bad}: cannot be used",
    ]
    assert lines[3].startswith(f"  {bad}:2: labels.region: expected one id, got a region")
    assert lines[4] == "preset:voc: labelprep classes.yaml, 21 classes, 1 ignored"
    assert run("check", good).exit_code == 0
    rows = [json.loads(line) for line in run("check", good, bad, as_json=True).stdout.splitlines()]
    assert [row["type"] for row in rows] == ["table", "table", "summary"]
    assert (rows[0]["dialect"], rows[2]["bad"], rows[2]["exit_code"]) == ("Mapillary config_v*.json", 1, 2)

"""`labelprep classes`: what is printed, what is written, and what is said to be lost."""

import json

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

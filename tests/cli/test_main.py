"""What every command shares: flags before or after it, unknown words, errors as one line and an exit code, help."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import click
import pytest

from labelprep import __version__
from labelprep.cli import main as door
from labelprep.errors import (
    ClassTableError,
    EnvironmentFailure,
    InterruptedRunError,
    LabelprepError,
    LayoutError,
    MismatchError,
    MissingExtraError,
    SpecError,
    UsageError,
)
from tests.dataset import Dataset, labelprep


@pytest.fixture
def data(tmp_path):
    made = Dataset(tmp_path / "data")
    made.pair("a")
    return made


@pytest.fixture
def failing(monkeypatch):
    """Makes `labelprep split OUT` end in an error."""

    def end_in(error):
        def fail(*args, **kwargs):
            raise error

        monkeypatch.setattr("labelprep.stages.split.run", fail)

    return end_in


def test_global_flags_reach_commands_inside_commands():
    for words in (["--json", "classes", "show", "preset:voc"], ["classes", "show", "preset:voc", "--json"]):
        assert json.loads(labelprep(*words).out)["source"] == "preset:voc"


def test_every_command_is_listed_and_helps_with_the_global_flags():
    listed = labelprep("--help")
    assert listed.code == 0
    for name in door.COMMANDS:
        assert f"  {name} " in listed.out
        shown = labelprep(name, "--help")
        assert shown.code == 0
        assert shown.out.startswith(f"Usage: labelprep {name} ")
        assert "--json" in shown.out
        assert "--debug" in shown.out


def test_every_listed_command_can_be_loaded_under_its_name():
    for name in door.COMMANDS:
        command = door.cli.get_command(click.Context(door.cli), name)
        assert isinstance(command, click.Command), name
        assert command.name == name


def test_the_version_is_shown():
    assert labelprep("--version").out == f"labelprep, version {__version__}\n"


@pytest.mark.parametrize("words", [(), ("classes",)])
def test_without_a_command_the_help_is_shown_on_stderr(words):
    result = labelprep(*words)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("Usage: labelprep")
    assert "error:" not in result.err


@pytest.mark.parametrize("words", [("--json",), ("--json", "classes"), ("classes", "--json")])
def test_without_a_command_json_says_in_one_line_that_it_is_missing(words):
    result = labelprep(*words)
    assert result.code == 2
    assert result.summary["type"] == "error"
    assert result.summary["message"].startswith("Missing command; see labelprep")


def test_flags_mean_the_same_before_and_after_the_command(data):
    before, after = labelprep("--json", "-q", "validate", data.root), labelprep("validate", data.root, "-q", "--json")
    assert before.objects == after.objects
    assert before.err == after.err == ""


def test_verbose_names_every_finding_and_not_three_examples_alone(data):
    for n in range(5):
        data.mask(f"lone{n}")
    told = labelprep("validate", data.root, "-v")
    assert [f"lone{n}.png" in told.err for n in range(5)] == [True] * 5
    assert "lone4.png" not in labelprep("validate", data.root).err


def test_the_class_table_that_was_taken_is_named(data):
    assert f"class table: {data.root / 'class_dict.csv'}" in labelprep("validate", data.root).out
    said = json.loads(labelprep("validate", data.root, "--json").out.splitlines()[-1])
    assert said["class_table"] == str(data.root / "class_dict.csv")


def test_a_policy_that_names_no_class_is_refused_before_anything_is_written(data, tmp_path):
    result = labelprep("convert", data.root, "-o", tmp_path / "out", "--on-unknown", "map:raod")
    assert result.code == 2
    assert "--on-unknown map:raod: no class named 'raod'; did you mean 'road'?" in result.err
    assert not (tmp_path / "out").exists()


def test_a_policy_that_names_a_merged_class_says_which_name_holds_it_now(data):
    result = labelprep("validate", data.root, "--map", "road=building", "--on-unknown", "map:road")
    assert result.code == 2
    assert "--map road=building made 'road' part of 'building'" in result.err
    assert "--on-unknown map:building" in result.err.splitlines()[-1]
    words = ("validate", data.root, "--map", "road=building", "--on-unknown", "map:building", "--scheduler", "inline")
    assert labelprep(*words, "--no-guard").code == 0


@pytest.mark.parametrize("closed", [".", "masks", "images"])
@pytest.mark.parametrize("command", ["validate", "convert"])
def test_a_folder_that_must_not_be_listed_is_a_fault_of_the_place(data, tmp_path, monkeypatch, command, closed):
    """Whichever of the three it is; a folder that is not there is a wrong word."""
    place, scandir = data.root / closed, os.scandir

    def refusing(path="."):
        if not isinstance(path, int) and Path(path) == place:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    words = (command, data.root, *(("-o", tmp_path / "out") if command == "convert" else ()))
    result = labelprep(*words)
    assert result.code == 4, result.err
    assert str(place) in result.err.splitlines()[0]
    assert "Permission denied" in result.err
    monkeypatch.undo()
    assert labelprep(*words, "--masks", "nowhere").code == 2
    assert labelprep(command, tmp_path / "nowhere", *words[2:]).code == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["validat"], "No such command 'validat'. Did you mean 'validate'?"),
        (["xyzzy"], "No such command 'xyzzy'. Commands: demo, init, inspect, validate"),
        (["validate"], "Missing argument 'DATASET'"),
        (["validate", "x", "--fail-off", "error"], "No such option"),
        (["validate", "x", "--fail-on", "sometimes"], "'sometimes' is not one of"),
        (["convert", "x"], "Missing option '--out'"),
        (["validate", "x", "--jobs", "0"], "0 is not in the range"),
        (["validate", "x", "--on-unknown", "nearest:far"], "--on-unknown"),
    ],
)
def test_words_that_cannot_be_are_one_line_and_exit_code_2(words, said):
    result = labelprep(*words)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("error: ")
    assert said in result.err
    assert "Traceback" not in result.err
    told = labelprep(*words, "--json")
    assert (told.code, told.summary["type"], told.summary["code"]) == (2, "error", "usage")
    assert said in told.summary["message"]


@pytest.mark.parametrize(
    ("error", "code", "name"),
    [
        (UsageError("no"), 2, "usage"),
        (SpecError(["a.yaml:1:1  no"]), 2, "spec"),
        (ClassTableError("no"), 2, "class-table"),
        (LayoutError("no"), 2, "layout"),
        (MismatchError("no"), 2, "class-table-mismatch"),
        (EnvironmentFailure("no"), 4, "environment"),
        (MissingExtraError("torch", "train"), 4, "missing-extra"),
        (PermissionError(13, "Permission denied", "/x"), 4, "environment"),
        (InterruptedRunError("stopped", hint="labelprep run again"), 130, "interrupted"),
        (InterruptedRunError("stopped", hint="labelprep run again", number=1), 129, "interrupted"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (KeyboardInterrupt(15), 143, "interrupted"),
        (ZeroDivisionError("by zero"), 70, "internal"),
    ],
)
def test_every_error_has_its_exit_code_and_one_object_and_no_traceback(failing, tmp_path, error, code, name):
    failing(error)
    result = labelprep("split", tmp_path, "--json")
    assert result.code == code
    (told,) = result.objects
    assert (told["type"], told["code"], told["schema_version"]) == ("error", name, 1)
    assert set(told) == {"schema_version", "type", "code", "message", "path", "hint"}
    assert "Traceback" not in result.err
    plain = labelprep("split", tmp_path)
    assert (plain.code, plain.out) == (code, "")
    assert plain.err.strip()


@pytest.mark.parametrize("place", ["before", "after"])
def test_debug_shows_the_traceback(failing, tmp_path, place):
    failing(UsageError("no"))
    words = ["--debug", "split", tmp_path] if place == "before" else ["split", tmp_path, "--debug"]
    result = labelprep(*words)
    assert result.code == 2
    assert "Traceback" in result.err
    assert "UsageError: no" in result.err
    assert result.err.endswith("error: no\n")


def test_an_error_names_path_message_and_hint(failing, tmp_path):
    failing(LabelprepError("is odd", path="here.yaml", hint="mend it"))
    assert labelprep("split", tmp_path).err == "error: here.yaml: is odd\n  mend it\n"


def test_the_command_that_goes_on_is_the_last_line_quoted_for_a_shell(failing, tmp_path):
    failing(KeyboardInterrupt())
    folder = tmp_path / "with space"
    folder.mkdir()
    assert labelprep("split", folder).err.splitlines()[-1] == f"labelprep split '{folder}'"


def test_a_mistake_of_our_own_says_so(failing, tmp_path):
    failing(ZeroDivisionError("by zero"))
    result = labelprep("split", tmp_path)
    assert result.code == 70
    said, hint = result.err.splitlines()
    assert said.startswith("error: a mistake in labelprep itself: ZeroDivisionError: by zero")
    assert "--debug" in hint
    assert f"labelprep {__version__}, Python {platform.python_version()}" in hint
    told = labelprep("--debug", "split", tmp_path)
    assert told.code == 70
    assert "Traceback" in told.err


@pytest.mark.skipif(sys.platform == "win32", reason="pipes")
def test_a_reader_that_goes_away_is_no_error():
    words = [sys.executable, "-c", "from labelprep.cli.main import main; main(['classes', 'show', 'preset:ade20k'])"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    assert (process.wait(), err) == (0, b"")


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("no masks found; the folder holds images", "im: no masks found; the folder holds images"),
        ("im/x.png is not there", "im: im/x.png is not there"),
        ("two tables: im and other", "two tables: im and other"),
        ("im: not a folder", "im: not a folder"),
    ],
)
def test_an_error_names_its_path_once(message, said):
    assert str(UsageError(message, path="im")) == said


def test_a_folder_without_masks_is_told_in_a_few_lines_with_what_it_holds(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Dataset(tmp_path / "im").image("a")
    result = labelprep("validate", "im")
    assert result.code == 2
    assert result.err.startswith("error: im: no masks found; looked for images/ and masks/")
    assert "the folder holds images\n" in result.err
    assert len(result.err) < 8 * 80
    assert labelprep("validate", "nowhere").err.endswith(f"check the path: it is taken from {tmp_path}\n")

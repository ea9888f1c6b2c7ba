"""The help of every command shows an example, and it works as pasted, in the order of the road."""

import importlib
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from labelprep.cli.main import COMMANDS
from tests.dataset import labelprep

ROOT = Path(__file__).parents[2]
LONG = ("demo", "freeze", "report", "doctor")  # these take their time, and are run with the chaos


def commands():
    """The words of every command and subcommand."""

    def below(words, command):
        yield words
        if isinstance(command, click.Group):
            for name, sub in command.commands.items():
                yield from below((*words, name), sub)

    for name in COMMANDS:
        yield from below((name,), importlib.import_module(f"labelprep.cli.{name}").command)


def shown(words):
    """What --help prints behind `Example:`."""
    return labelprep(*words, "--help").out.partition("Example")[2].partition(":\n")[2].partition("\n\n")[0]


def examples(words):
    """The examples of a command, continued lines in one."""
    return [" ".join(line.split()) for line in shown(words).replace("\\\n", " ").splitlines()]


def run(line):
    """Runs a line as a shell would; in this process where nothing but labelprep is called."""
    words = shlex.split(line)
    if words[0] == "labelprep" and ">" not in words:
        result = labelprep(*words[1:])
        return result.code, result.err
    there = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", line], env=there, capture_output=True, text=True)
    return done.returncode, done.stderr


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A copy of what a reader has at hand."""
    for folder in ("data", "pipelines"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("words", list(commands()), ids=" ".join)
def test_the_help_of_a_command_shows_an_example_of_it_that_fits_the_screen(words):
    lines = examples(words)
    assert lines
    assert all(f"labelprep {' '.join(words)}" in line for line in lines)
    assert max(map(len, shown(words).splitlines())) <= 80


@pytest.mark.slow
def test_every_example_works_as_pasted_one_after_the_other(checkout):
    pytest.importorskip("torch")
    for words in commands():
        for line in () if words[0] in LONG else examples(words):
            code, err = run(line)
            assert code == 0, f"{line}\n{err}"


@pytest.mark.chaos
def test_the_examples_that_take_their_time_work_too(checkout):
    pytest.importorskip("torch")
    for line in [line for name in ("convert", "train", "eval", *LONG) for line in examples((name,))]:
        code, err = run(line)
        assert code == 0, f"{line}\n{err}"

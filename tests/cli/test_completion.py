"""Completion, asked for by the shells themselves, with the script that `labelprep completion` prints."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.dataset import labelprep

BIN = Path(sys.executable).parent

ASK = {
    # the script defines what the shell calls with the words so far; what it answers is printed a line each
    "bash": 'eval "$SCRIPT"; COMP_WORDS=($WORDS); COMP_CWORD=$((${#COMP_WORDS[@]}-1)); '
    '_labelprep_completion labelprep; printf "%s\\n" "${COMPREPLY[@]}"',
    "zsh": 'compdef() { :; }; eval "$SCRIPT"; compadd() { print -l -- "${(@P)@[-1]}"; }; '
    '_describe() { print -l -- "${(@P)@[-2]}"; }; _path_files() { :; }; '
    "words=(${=WORDS}); CURRENT=${#words}; _labelprep_completion",
    "fish": 'echo $SCRIPT | source; complete -C "$WORDS"',
}


def completed(shell, words, tmp_path):
    """The first words of what a shell offers after these words."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    there = os.environ | {
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path),
    }
    there |= {"SCRIPT": labelprep("completion", shell).out, "WORDS": words}
    plain = {"bash": ["--norc"], "zsh": ["-f"], "fish": ["--no-config"]}[shell]
    done = subprocess.run([shell, *plain, "-c", ASK[shell]], env=there, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return [line.split("\t")[0].split(":")[0] for line in done.stdout.splitlines()]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("labelprep conv", ["convert"]),
        ("labelprep classes sh", ["show"]),
        ("labelprep validate x --fail-on w", ["warning"]),
        ("labelprep convert x --color-o", ["--color-order"]),
        ("labelprep xyzzy a", []),
    ],
)
def test_a_shell_completes(shell, words, offered, tmp_path):
    assert [word for word in completed(shell, words, tmp_path) if word] == offered


def test_an_unknown_shell_is_refused_with_those_there_are():
    result = labelprep("completion", "tcsh")
    assert result.code == 2
    assert "'bash', 'zsh', 'fish'" in result.err

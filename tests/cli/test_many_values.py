from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from labelprep.cli.many_values import ManyValues


@click.command()
@click.argument("out")
@click.option("--ratios", "-r", cls=ManyValues, type=float, default=(0.5, 0.5), help="shares")
@click.option("--seed", type=int)
@click.option("--flag", is_flag=True)
def command(**values):
    click.echo(repr(values))


def parsed(*words):
    result = CliRunner().invoke(command, words)
    return eval(result.output) if result.exit_code == 0 else result.output


@pytest.mark.parametrize(
    "words",
    [
        ["OUT", "--ratios", "0.8", "0.1", "0.1"],
        ["--ratios", "0.8", "0.1", "0.1", "OUT"],
        ["OUT", "--ratios=0.8", "0.1", "0.1"],
        ["OUT", "-r", "0.8", "0.1", "0.1"],
        ["OUT", "-r0.8", "0.1", "0.1"],
        ["--ratios", "0.8", "0.1", "0.1", "--", "OUT"],
        ["--ratios", "0.8", "--ratios", "0.1", "0.1", "OUT"],
    ],
)
def test_all_values_behind_the_option_are_taken(words):
    assert parsed(*words) == {"out": "OUT", "ratios": (0.8, 0.1, 0.1), "seed": None, "flag": False}


def test_the_next_option_ends_the_values():
    assert parsed("--ratios", "0.8", "0.2", "--flag", "--seed", "3", "OUT") == {
        "out": "OUT",
        "ratios": (0.8, 0.2),
        "seed": 3,
        "flag": True,
    }


def test_without_the_option_its_default_holds():
    assert parsed("OUT")["ratios"] == (0.5, 0.5)


def test_negative_numbers_are_values():
    assert parsed("OUT", "--ratios", "1.5", "-0.5")["ratios"] == (1.5, -0.5)


def test_a_first_value_of_the_wrong_type_is_an_error():
    assert "'much' is not a valid float" in parsed("OUT", "--ratios", "much")


def test_the_help_shows_that_there_may_be_more():
    assert "--ratios FLOAT..." in CliRunner().invoke(command, ["--help"]).output

"""The options that say where to work and what one file may take."""

from types import SimpleNamespace

import click
import pytest

from labelprep.cli.options import run_options, run_words
from labelprep.execution import TLS, Limits


def words(*args, **environment):
    """What `run_words` makes of a command line."""
    command = click.Command("it", params=run_options(), callback=lambda **given: run_words(given))
    return SimpleNamespace(**command.main([*args], standalone_mode=False))


def test_every_file_is_guarded_by_default(monkeypatch):
    monkeypatch.delenv("LABELPREP_GUARD")
    assert words().limits == Limits(60.0, None)
    assert words("--no-guard").limits is None
    assert words().tls is None


def test_guards_can_be_switched_off_for_a_whole_session(monkeypatch):
    monkeypatch.setenv("LABELPREP_GUARD", "0")
    assert words().limits is None
    assert words("--guard").limits == Limits()


@pytest.mark.parametrize(
    ("text", "size"),
    [("800M", 800 << 20), ("4G", 4 << 30), ("4gb", 4 << 30), ("1.5 GiB", 3 << 29), ("4096", 4096), ("2k", 2048)],
)
def test_sizes_are_read_as_people_write_them(text, size):
    assert words("--guard", "--memory-limit", text, "--timeout", "2.5").limits == Limits(2.5, size)


@pytest.mark.parametrize("text", ["", "much", "0", "-1G", "4 X"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(click.BadParameter, match="expected a size such as 800M or 4G"):
        words("--memory-limit", text)


def test_a_timeout_of_nothing_is_refused():
    with pytest.raises(click.BadParameter):
        words("--timeout", "0")


def test_keys_go_together(tmp_path):
    from labelprep.errors import UsageError

    keys = [("--tls-ca", "ca.pem"), ("--tls-cert", "cert.pem"), ("--tls-key", "key.pem")]
    whole = words(*(word for pair in keys for word in pair))
    assert isinstance(whole.tls, TLS)
    assert whole.tls.key.name == "key.pem"
    with pytest.raises(UsageError, match="go together"):
        words(*keys[0], *keys[1])

"""The command line on a real terminal: a pseudo terminal of 80x24, its screen drawn by pyte."""

import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios

import pyte
import pytest

from tests.dataset import COLORS, Dataset, blocks

LONG = "a-street-in-the-rain-" * 7 + "left"
ESCAPE = "red\x1b[35mname"
WIDE = "街道の写真" * 9
COLOR = re.compile(rb"\x1b\[(?:\d+;)*(?:3[0-8]|9[0-7])(?:;\d+)*m")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A set with more kinds of findings than a screen has room for, and names that terminals dislike."""
    made = Dataset(tmp_path_factory.mktemp("terminal") / "data")
    strange = COLORS[blocks()]
    strange[0, 0] = (1, 2, 3)
    for name in (LONG, ESCAPE, "aux"):
        made.pair(name, strange)
    made.pair("small", COLORS[blocks()])
    made.pair("swapped", COLORS[blocks()][..., ::-1])
    made.pair("cut", COLORS[blocks()])
    for folder in ("images", "masks"):
        (made.root / folder / "twin.png").write_bytes((made.root / folder / "small.png").read_bytes())
    cut = made.root / "masks" / "cut.png"
    cut.write_bytes(cut.read_bytes()[:60])
    (made.root / "images" / f"{WIDE}.png").write_bytes((made.root / "images" / "small.png").read_bytes())
    return made.root


class Run:
    """What `labelprep WORDS` wrote to a terminal, and the screen that shows it.

    The screen is wider than what the program was told: lines that are too long stay whole, and are seen.
    """

    def __init__(self, *words, columns=80, resized=None, **there):
        ours, theirs = os.openpty()
        self.resize(theirs, columns)
        env = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR", "CI")}
        child = subprocess.Popen(
            [sys.executable, "-m", "labelprep", *map(str, words)],
            stdin=theirs, stdout=theirs, stderr=theirs, env=env | {"TERM": "xterm-256color"} | there,
        )  # fmt: skip
        self.raw = b""
        while True:
            ready, _, _ = select.select([ours], [], [], 0.2)
            if not ready and child.poll() is not None:
                break
            if ready:
                self.raw += os.read(ours, 1 << 16)
            if resized and self.raw:
                self.resize(theirs, resized)
                child.send_signal(signal.SIGWINCH)
                resized = None
        os.close(ours)
        os.close(theirs)
        self.code = child.wait()
        screen = pyte.Screen(400, 400)
        pyte.ByteStream(screen).feed(self.raw)
        self.cursor_is_shown = not screen.cursor.hidden
        self.lines = [line.rstrip() for line in screen.display]
        while self.lines and not self.lines[-1]:
            self.lines.pop()

    @staticmethod
    def resize(terminal, columns):
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))


def width(line):
    return sum(pyte.screens.wcwidth(letter) for letter in line)


@pytest.fixture(scope="module")
def run(data):
    return Run("validate", data)


def test_a_screen_of_80_by_24_shows_no_line_too_long_and_ends_with_a_summary_that_fits(run):
    assert run.code == 1
    assert [line for line in run.lines if width(line) > 80] == []
    assert not any("━" in line for line in run.lines)
    assert run.cursor_is_shown
    begin = run.lines.index("----")
    assert begin > 24 - 1  # the whole report scrolled away
    summary = run.lines[begin:]
    assert len(summary) <= 24 - 1  # and a line for the prompt
    assert any(line.startswith("ERROR unknown-color 3") for line in summary)
    assert summary[-1].endswith("exit 1")


def test_names_are_shortened_in_the_middle_and_control_characters_are_shown_as_such(run):
    text = "\n".join(run.lines)
    assert re.search(r"masks/a-street-in-the-rain-\S*…\S*left\.png", text)
    assert r"masks/red\x1b[35mname.png" in text
    assert b"\x1b[35m" not in run.raw
    assert "images/街道の写真" in text.replace(" ", "")


def test_another_size_in_mid_run_is_taken_and_no_color_is_kept_to(data):
    run = Run("validate", data, resized=50, NO_COLOR="1")
    assert run.code == 1
    assert [line for line in run.lines if width(line) > 50 and not line.startswith("validate ")] == []
    assert COLOR.search(run.raw) is None
    assert run.cursor_is_shown


def test_a_dumb_terminal_gets_plain_lines(data):
    run = Run("validate", data, TERM="dumb")
    assert b"\x1b" not in run.raw
    assert [line for line in run.lines if width(line) > 80] == []


def test_a_pipe_gets_whole_lines_without_control_characters(data):
    words = [sys.executable, "-m", "labelprep", "validate", str(data)]
    done = subprocess.run(words, capture_output=True, check=False)
    assert done.returncode == 1
    assert re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", done.stdout + done.stderr) is None
    assert f"masks/{LONG}.png".encode() in done.stdout
    assert b"----" not in done.stdout

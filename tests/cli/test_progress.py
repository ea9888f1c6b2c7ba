from __future__ import annotations

import io

import pytest

from labelprep.cli.progress import clock_time, reporter
from labelprep.stages import Silent


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock():
    return Clock()


def test_plain_lines_come_soon_and_every_ten_seconds_and_at_the_end(clock):
    stream = io.StringIO()
    with reporter(stream=stream, clock=clock) as tell:
        for second in range(63):
            tell.progress("convert", min(second * 800, 49_000), 49_000, errors=second // 20)
            clock.now += 1

    assert stream.getvalue().splitlines() == [
        "convert 800/49000  1 %  800/s  eta 1:00  errors 0",
        "convert 8800/49000  17 %  800/s  eta 0:50  errors 0",
        "convert 16800/49000  34 %  800/s  eta 0:40  errors 1",
        "convert 24800/49000  50 %  800/s  eta 0:30  errors 1",
        "convert 32800/49000  66 %  800/s  eta 0:20  errors 2",
        "convert 40800/49000  83 %  800/s  eta 0:10  errors 2",
        "convert 48800/49000  99 %  800/s  eta 0:00  errors 3",
        "convert 49000/49000  100 %  790/s  in 1:02  errors 3",
    ]


def test_the_time_left_is_told_once_a_share_or_some_seconds_of_work_can_tell_it(clock):
    stream = io.StringIO()
    with reporter(stream=stream, clock=clock) as tell:
        tell.progress("convert", 0, 1_000_000)
        clock.now += 20  # workers start
        for second in range(21):
            tell.progress("convert", 10 + 1000 * second, 1_000_000)
            clock.now += 1

    assert stream.getvalue().splitlines() == [
        "convert 10/1000000  0 %  0.5/s",  # at that pace it would take 23 days
        "convert 10010/1000000  1 %  334/s  eta 16:30",
        "convert 20010/1000000  2 %  500/s  eta 16:20",
    ]


def test_a_few_units_tell_no_time_left(clock):
    stream = io.StringIO()
    with reporter(stream=stream, clock=clock) as tell:
        for done in range(1, 4):  # the first of them waits for loops to be compiled
            tell.progress("inspect", done, 34)
            clock.now += 2 / done**2
        tell.progress("inspect", 34, 34)

    assert stream.getvalue().splitlines() == ["inspect 2/34  5 %  0.5/s", "inspect 34/34  100 %  12/s  in 0:03"]


def test_short_work_is_one_line(clock):
    stream = io.StringIO()
    with reporter(stream=stream, clock=clock) as tell:
        tell.progress("validate", 0, 34)
        clock.now += 2
        tell.progress("validate", 34, 34, warnings=1)

    assert stream.getvalue() == "validate 34/34  100 %  17/s  in 0:02  warnings 1\n"


def test_what_a_resumed_run_found_finished_does_not_count_as_its_speed(clock):
    stream = io.StringIO()
    with reporter(stream=stream, clock=clock) as tell:
        tell.progress("convert", 900, 1000)
        clock.now += 10
        tell.progress("convert", 950, 1000)
        clock.now += 10
        tell.progress("convert", 1000, 1000)

    assert stream.getvalue().splitlines() == [
        "convert 950/1000  95 %  5/s  eta 0:10",
        "convert 1000/1000  100 %  5/s  in 0:20",
    ]


def test_work_of_unknown_size_has_no_share_and_no_eta(clock):
    stream = io.StringIO()
    with reporter(stream=stream, clock=clock) as tell:
        tell.progress("discover", 0, None)
        clock.now += 10
        tell.progress("discover", 25_000, None, unpaired=2)

    assert stream.getvalue() == "discover 25000  2500/s  unpaired 2\n"


def test_work_that_stops_half_way_says_how_far_it_got(clock):
    stream = io.StringIO()

    def interrupted():
        with reporter(stream=stream, clock=clock) as tell:
            tell.progress("convert", 0, 100)
            clock.now += 4
            tell.progress("convert", 40, 100)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert stream.getvalue() == "convert 40/100  40 %  10/s  eta 0:06\n"


def test_no_work_at_all_is_done_at_once(clock):
    stream = io.StringIO()
    with reporter(stream=stream, clock=clock) as tell:
        tell.progress("convert", 0, 0)

    assert stream.getvalue() == "convert 0/0  100 %  in 0:00\n"


def test_the_same_work_in_a_second_stage_starts_anew(clock):
    stream = io.StringIO()
    with reporter(stream=stream, clock=clock) as tell:
        for _ in range(2):
            tell.progress("hash", 0, 10)
            clock.now += 1
            tell.progress("hash", 10, 10)

    assert stream.getvalue() == "hash 10/10  100 %  10/s  in 0:01\n" * 2


def test_messages_stand_between_the_lines(clock):
    stream = io.StringIO()
    with reporter(stream=stream, clock=clock) as tell:
        tell.message("layout: camvid [because of label_colors.txt]")

    assert stream.getvalue() == "layout: camvid [because of label_colors.txt]\n"


def test_quiet_says_nothing(clock):
    stream = Terminal()
    with reporter(quiet=True, stream=stream, clock=clock) as tell:
        tell.progress("convert", 1, 1)
        tell.message("a word")

    assert isinstance(tell, Silent)
    assert stream.getvalue() == ""


def test_a_terminal_shows_a_bar_with_speed_eta_and_findings(clock, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    stream = Terminal()
    with reporter(stream=stream, clock=clock) as tell:
        tell.progress("convert", 0, 100)
        clock.now += 2
        tell.message("a word [in brackets]")
        tell.progress("convert", 50, 100, errors=3)

    drawn = stream.getvalue()
    assert "a word [in brackets]" in drawn
    assert "50/100  50 %  25/s  eta 0:02  errors 3" in drawn
    assert "━" in drawn
    assert drawn.rfind("\x1b[?25h") > drawn.rfind("\x1b[?25l")  # the cursor is back
    *_, last = drawn[: drawn.rfind("50/100")].splitlines()
    assert "━" not in last  # a line takes the bar's place


def test_a_dumb_terminal_gets_plain_lines(clock, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    stream = Terminal()
    with reporter(stream=stream, clock=clock) as tell:
        tell.progress("convert", 5, 5)

    assert stream.getvalue() == "convert 5/5  100 %  in 0:00\n"


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (3599.4, "59:59"), (90_000, "25:00:00")])
def test_times_are_minutes_and_seconds(seconds, text):
    assert clock_time(seconds) == text

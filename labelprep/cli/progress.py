"""Progress on stderr: a bar on a terminal, a plain line soon and every ten seconds elsewhere, nothing with -q."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO

from labelprep.cli import screen
from labelprep.cli.printable import encodable, printable
from labelprep.stages import Reporter, Silent

FIRST = 0.5  # seconds until the first plain line of a kind of work
INTERVAL = 10.0  # seconds between plain lines
STEADY = 3.0  # seconds behind the first results, which wait for workers to start and loops to be compiled
TELLING = 0.01  # of the work, which tells the time left however soon it was done,
FEW = 5  # unless it is fewer units

Figure = int | float | str
Clock = Callable[[], float]


@contextmanager
def reporter(*, quiet: bool = False, stream: TextIO | None = None, clock: Clock = time.monotonic) -> Iterator[Reporter]:
    """The reporter for a command; what it draws ends with the context.

    Args:
        quiet: say nothing.
        stream: where to; stderr where None.
        clock: seconds, for tests.
    """
    stream = sys.stderr if stream is None else stream
    if quiet:
        yield Silent()
        return
    drawn = Bars(stream, clock) if _is_terminal(stream) else Lines(stream, clock)
    try:
        yield drawn
    finally:
        drawn.close()


def _is_terminal(stream: TextIO) -> bool:
    from rich.console import Console

    return stream.isatty() and not Console(file=stream).is_dumb_terminal


@dataclass
class Task:
    """How far one kind of work has got.

    The first report counts as where the work began, so that a resumed run does not take what was finished before
    for its own speed.

    Attributes:
        what: its name.
        began: clock time of the first report, seconds.
        start: units done at the first report.
        now: clock time of the last report.
        done: units done at the last report.
        total: units in all, or None where nobody knows.
        figures: shown behind.
        said: clock time of the last plain line.
        moved: clock time of the first report of something done, and the units done then.
    """

    what: str
    began: float
    start: int
    now: float = 0.0
    done: int = 0
    total: int | None = None
    figures: Mapping[str, Figure] = field(default_factory=dict)
    said: float = 0.0
    moved: tuple[float, int] | None = None

    @property
    def rate(self) -> float | None:
        """Units per second since the first report, or None before anything was done."""
        seconds = self.now - self.began
        return (self.done - self.start) / seconds if seconds > 0 and self.done > self.start else None

    @property
    def left(self) -> float | None:
        """Seconds until all is done, or None while nobody can know."""
        if self.total is None or self.moved is None:
            return None
        enough = max(TELLING * self.total, FEW)
        for began, start in (self.moved, (self.began, self.start)):
            seconds, units = self.now - began, self.done - start
            if seconds > 0 and (units >= enough or (units > 0 and seconds >= STEADY and start > self.start)):
                return (self.total - self.done) * seconds / units
        return None

    @property
    def finished(self) -> bool:
        """Whether all is done."""
        return self.total is not None and self.done >= self.total

    def pace(self) -> list[str]:
        """Speed and the time that is left, or that it took, then the figures."""
        parts = []
        if self.rate is not None:
            parts.append(f"{self.rate:.0f}/s" if self.rate >= 10 else f"{self.rate:.2g}/s")
        if self.finished:
            parts.append(f"in {clock_time(self.now - self.began)}")
        elif self.left is not None:
            parts.append(f"eta {clock_time(self.left)}")
        return parts + [f"{name.replace('_', ' ')} {value}" for name, value in self.figures.items()]

    def line(self) -> str:
        """All in one line: `convert 12000/50000  24 %  812/s  eta 0:47  errors 3`."""
        if self.total is None:
            return "  ".join([f"{self.what} {self.done}", *self.pace()])
        share = 100 * self.done // self.total if self.total else 100
        return "  ".join([f"{self.what} {self.done}/{self.total}", f"{share} %", *self.pace()])


def clock_time(seconds: float) -> str:
    """Seconds as `m:ss` or `h:mm:ss`.

    >>> clock_time(47.2), clock_time(3725)
    ('0:47', '1:02:05')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class _Tasks:
    """The tasks of a run by name, each updated by its reports."""

    def __init__(self, stream: TextIO, clock: Clock) -> None:
        self.stream, self.clock = stream, clock
        self.tasks: dict[str, Task] = {}

    def update(self, what: str, done: int, total: int | None, figures: Mapping[str, Figure]) -> Task:
        now = self.clock()
        known = self.tasks.get(what)
        if known is None or known.finished or done < known.done:  # the same work again, in another stage
            known = self.tasks[what] = Task(what, began=now, start=done, said=now - INTERVAL + FIRST)
        known.now, known.done, known.total, known.figures = now, done, total, figures
        if known.moved is None and done > known.start:
            known.moved = now, done
        return known


class Lines(_Tasks):
    """Plain lines for files and logs: one soon, one every ten seconds, one at the end of each kind of work."""

    def progress(self, what: str, done: int, total: int | None, **figures: Figure) -> None:
        """Writes a line half a second after the first report, ten seconds after a line, and when the work is done."""
        task = self.update(what, done, total, figures)
        if task.finished or task.now - task.said >= INTERVAL:
            self._say(task)

    def message(self, text: str) -> None:
        """Writes one line, or a few where it does not fit the terminal."""
        there = screen.size(self.stream)
        shown = printable(text) if there is None else screen.fitted(printable(text), there[0])
        print(encodable(shown, self.stream), file=self.stream, flush=True)

    def close(self) -> None:
        """Writes how far unfinished work got."""
        for task in self.tasks.values():
            if not task.finished and task.said != task.now:
                self._say(task)

    def _say(self, task: Task) -> None:
        task.said = task.now
        self.message(task.line())


class Bars(_Tasks):
    """A bar for each kind of work that is under way, redrawn in place; a line for what is done."""

    def __init__(self, stream: TextIO, clock: Clock) -> None:
        super().__init__(stream, clock)
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskID, TextColumn

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[rest]}", markup=False),
        )
        console = Console(file=stream, highlight=False)
        self.drawing = Progress(*columns, console=console, refresh_per_second=5, get_time=clock, transient=True)
        self.bars: dict[str, tuple[Task, TaskID]] = {}
        self.shown = False

    def progress(self, what: str, done: int, total: int | None, **figures: Figure) -> None:
        """Moves the bar."""
        task = self.update(what, done, total, figures)
        rest = task.line().removeprefix(f"{what} ")
        if what not in self.bars or self.bars[what][0] is not task:
            self.bars[what] = task, self.drawing.add_task(what, total=total, rest=rest)
        if not self.shown:
            self.drawing.start()
            self.shown = True
        self.drawing.update(self.bars[what][1], completed=done, total=total, rest=rest)
        if task.finished:
            self._end(what)

    def message(self, text: str) -> None:
        """Writes one line above the bars, or a few where it does not fit."""
        shown = screen.fitted(printable(text), self.drawing.console.width)
        self.drawing.console.print(shown, markup=False, soft_wrap=True)

    def close(self) -> None:
        """Puts lines in the place of the bars that are left, and lets go of the terminal."""
        for what in tuple(self.bars):
            self._end(what)
        if self.shown:
            self.drawing.stop()

    def _end(self, what: str) -> None:
        """Puts a line in the place of a bar."""
        task, bar = self.bars.pop(what)
        self.drawing.remove_task(bar)
        self.message(task.line())

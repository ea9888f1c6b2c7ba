"""What a command says: the result alone on stdout, everything else on stderr."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TextIO

from labelprep.cli import screen
from labelprep.cli.printable import encodable, in_json, in_line, is_utf8, printable
from labelprep.errors import InterruptedRunError, LabelprepError, SpecError

if TYPE_CHECKING:
    from labelprep.stages import Reporter

SCHEMA_VERSION = 1


class Console:
    """Where a command's words go.

    Attributes:
        json: JSON Lines on stdout.
        quiet: nothing but results and errors.
        verbose: more detail.
        debug: tracebacks.
        words: the command line behind `labelprep`.
    """

    def __init__(self, words: Sequence[str] = ()) -> None:
        self.words = tuple(words)
        self.json = self.quiet = self.verbose = self.debug = False
        self._open = contextlib.ExitStack()
        self._reporter: Reporter | None = None

    def result(self, value: dict[str, Any] | str) -> None:
        """The result, on stdout: text, or the one object that ends the JSON Lines."""
        self.close()
        if isinstance(value, str):
            self._out(_on(sys.stdout, printable(value)))
        else:
            self._out(_dumps({"schema_version": SCHEMA_VERSION, **value}))

    def scrolls(self, text: str) -> bool:
        """Whether a result is longer than the screen that it is shown on."""
        there = screen.size(sys.stdout)
        return there is not None and screen.fitted(printable(text), there[0]).count("\n") + 2 > there[1]

    def row(self, value: dict[str, Any]) -> None:
        """One finding or row, on stdout, under --json."""
        self._out(_dumps(value))

    def info(self, text: str) -> None:
        """A line for the reader, on stderr, unless -q."""
        if not self.quiet:
            self.close()
            self._err(text)

    def error(self, error: LabelprepError) -> None:
        """An error: one line on stderr, or the object that ends the JSON Lines."""
        if self.json:
            value = {"code": error.code, "message": error.message, "path": error.path, "hint": error.hint}
            self._out(_dumps({"schema_version": SCHEMA_VERSION, "type": "error", **value}))
        if isinstance(error, InterruptedRunError):
            self._err(f"{error.message}\n{error.hint or ''}".rstrip())
        elif isinstance(error, SpecError):
            self._err(str(error))
        else:
            path = error.path or ""
            self._err(f"error: {error}".replace(path, in_line(path)))

    def reporter(self) -> Reporter:
        """Where progress goes, on stderr."""
        if self._reporter is None:
            from labelprep.cli.progress import reporter

            self._reporter = self._open.enter_context(reporter(quiet=self.quiet))
        return self._reporter

    def close(self) -> None:
        """Ends the progress drawing."""
        self._reporter = None
        self._open.close()

    def _out(self, text: str) -> None:
        sys.stdout.write(f"{encodable(text, sys.stdout)}\n")
        sys.stdout.flush()

    def _err(self, text: str) -> None:
        sys.stderr.write(f"{encodable(_on(sys.stderr, printable(text)), sys.stderr)}\n")
        sys.stderr.flush()


def _on(stream: TextIO, text: str) -> str:
    """Text as it fits the terminal; as it is elsewhere."""
    there = screen.size(stream)
    return text if there is None else screen.fitted(text, there[0])


def _dumps(value: dict[str, Any]) -> str:
    return in_json(json.dumps(value, ensure_ascii=not is_utf8(sys.stdout), default=str, allow_nan=False))

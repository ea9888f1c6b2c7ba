"""The error tree: what stops a command, as opposed to what is wrong with a file (see `findings`).

```
LabelprepError            code, message, path, hint, exit_code
├── UsageError            2  the request cannot be carried out as it stands; nothing was written
│   ├── SpecError         2  problems in a spec, all at once, each `file:line:column  path: …`
│   ├── ClassTableError   2  a class table that cannot be read or decides nothing
│   ├── LayoutError       2  no pairs, an unknown or doubtful layout
│   └── MismatchError     2  two class tables where one is needed
├── DamagedFileError      -  one file cannot be decoded; becomes a Finding, never leaves the road
├── EnvironmentFailure    4  disk, permission, cluster, output busy
│   └── MissingExtraError 4  an optional part of labelprep is not installed
├── MistakeError         70  a mistake in labelprep itself
└── InterruptedRunError 130  stopped by Ctrl-C; 143 by SIGTERM, 129 by SIGHUP
```
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager


class LabelprepError(Exception):
    """Base of every error that labelprep raises on purpose.

    Attributes:
        code: short stable name, the same under `--json`.
        message: what happened, where, what was expected and what was found.
        path: the file, folder or URL concerned, if one is.
        hint: what to do about it.
    """

    default_code = "error"
    exit_code = 2

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        path: object = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.path = None if path is None else str(path)
        self.hint = hint

    def __str__(self) -> str:
        named = self.path is None or re.search(rf"(?<![\w./-]){re.escape(self.path)}(?![\w/-])", self.message)
        where = "" if named else f"{self.path}: "
        hint = f"\n  {self.hint}" if self.hint else ""
        return f"{where}{self.message}{hint}"


class UsageError(LabelprepError):
    """The request cannot be carried out as it stands."""

    default_code = "usage"


class SpecError(UsageError):
    """A spec with problems; `problems` holds one line for each."""

    default_code = "spec"

    def __init__(self, problems: list[str], *, path: object = None) -> None:
        super().__init__("\n".join(problems), path=path)
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return self.message


class ClassTableError(UsageError):
    """A class table that cannot be read, or that does not decide what its colours mean."""

    default_code = "class-table"


class LayoutError(UsageError):
    """The dataset's folders do not tell which mask belongs to which image."""

    default_code = "layout"


class MismatchError(UsageError):
    """Two class tables where one is needed; the message names both."""

    default_code = "class-table-mismatch"


class DamagedFileError(LabelprepError):
    """One file that cannot be decoded faithfully; `code` is a code of the findings' catalogue."""

    default_code = "damaged-file"


class EnvironmentFailure(LabelprepError):
    """The place does not allow it: disk full, no permission, cluster unreachable, output busy."""

    default_code = "environment"
    exit_code = 4


class MissingExtraError(EnvironmentFailure):
    """An optional part of labelprep is not installed."""

    default_code = "missing-extra"

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f"this needs {package}, which is not installed",
            hint=f'python -m pip install "labelprep[{extra}]"',
        )


class InterruptedRunError(LabelprepError):
    """Stopped by Ctrl-C or a signal. `hint` is the command that goes on; the exit code is 128 and the signal's number.

    >>> InterruptedRunError("stopped").exit_code, InterruptedRunError("stopped", number=15).exit_code
    (130, 143)
    """

    default_code = "interrupted"
    exit_code = 130

    def __init__(self, message: str, *, hint: str | None = None, number: int = 2) -> None:
        super().__init__(message, hint=hint)
        self.exit_code = 128 + number


class MistakeError(LabelprepError):
    """A mistake in labelprep itself."""

    default_code = "internal"
    exit_code = 70  # EX_SOFTWARE of sysexits.h


@contextmanager
def naming(path: object) -> Iterator[None]:
    """Names the file that cannot be read; the system's errors of reading and writing, unlike those of opening, do not.

    Raises:
        EnvironmentFailure: for errors other than that there is no such file.
    """
    try:
        yield
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError as error:
        message = f"cannot be read: {error.strerror or error}"
        raise EnvironmentFailure(message, path=path, hint="make it readable, then run again") from error

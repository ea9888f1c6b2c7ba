"""One file per stage: from its parameters and the stages before it to a result. Commands and chains share them.

A stage module `labelprep.stages.<use>` offers `VERSION` (raised when its result changes for the same input)
and `run(params, inputs, context) -> StageResult`. `pipeline` and the commands find it by name when they run it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from labelprep.errors import UsageError
from labelprep.execution import TLS, Limits
from labelprep.findings import Finding
from labelprep.spec import DatasetSpec
from labelprep.storage.place import Place


class Reporter(Protocol):
    """Where a stage tells how it gets on; the command line draws it on stderr."""

    def progress(self, what: str, done: int, total: int | None, **figures: int | float | str) -> None:
        """`done` of `total` units; figures such as `errors=3` are shown behind."""

    def message(self, text: str) -> None:
        """One line for the reader."""


class Silent:
    """A reporter that says nothing."""

    def progress(self, what: str, done: int, total: int | None, **figures: int | float | str) -> None:
        """Says nothing."""

    def message(self, text: str) -> None:
        """Says nothing."""


@dataclass(frozen=True)
class RunContext:
    """What every stage of a run shares.

    Attributes:
        dataset: the raw dataset and how to read it; None for stages that start from a prepared folder.
        scheduler: `auto`, `inline`, `local` or the `tcp://…` address of a Dask scheduler.
        jobs: number of workers, or None for one per core.
        limits: time and memory that one file may take; None works without guard processes.
        tls: keys for a `tls://…` scheduler.
        overwrite: start anew where a stage could resume.
        mend: somebody changed what the stage left behind; it looks closely at what it could go on with.
        rehash: read every source again instead of trusting size and time.
        chained: the stage runs in a chain, which may replace what an earlier version of the chain wrote.
        on_finding: called with every finding once all are known.
        reporter: where progress goes.
    """

    dataset: DatasetSpec | None = None
    scheduler: str = "auto"
    jobs: int | None = None
    limits: Limits | None = field(default_factory=Limits)
    tls: TLS | None = None
    overwrite: bool = False
    mend: bool = False
    rehash: bool = False
    chained: bool = False
    on_finding: Callable[[Finding], None] | None = None
    reporter: Reporter = field(default_factory=Silent)


@dataclass(frozen=True)
class StageResult:
    """What a stage leaves behind.

    Attributes:
        out: the folder or file that it wrote, or None.
        identity: SHA-256 of everything in its output that later stages depend on; never of time or place.
        summary: plain values for JSON: figures, tables, counts of findings.
        exit_code: 0 done; 1 findings at or above the stage's `fail_on`; 3 finished in part.
    """

    out: Place | None
    identity: str
    summary: Mapping[str, Any]
    exit_code: int = 0


PREPARING = ("convert", "tile")  # stages that write a prepared folder


@dataclass(frozen=True)
class Inputs:
    """Results of the stages before this one, nearest first, as (use, result) pairs."""

    results: tuple[tuple[str, StageResult], ...] = ()

    def find(self, use: str) -> StageResult | None:
        """The nearest earlier result of a stage of that use."""
        return next((result for name, result in self.results if name == use), None)

    def prepared(self, wanted_by: str) -> Place:
        """The prepared folder that the nearest earlier stage wrote.

        Raises:
            UsageError: where no such stage came before.
        """
        use = next((use for use, _ in self.results if use in PREPARING), PREPARING[0])
        return self.folder(use, wanted_by)

    def folder(self, use: str, wanted_by: str) -> Place:
        """The folder that the nearest earlier stage of that use wrote.

        Raises:
            UsageError: where no such stage came before.
        """
        result = self.find(use)
        if result is None or result.out is None:
            message = f"{wanted_by} needs the result of a stage `use: {use}`; name it under `from`"
            raise UsageError(message)
        return result.out

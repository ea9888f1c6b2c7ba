"""What was done: one JSON file in the run folder."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from labelprep.prepared import STATE
from labelprep.stages import StageResult
from labelprep.storage.atomic import write_atomic
from labelprep.storage.place import to_place

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Entry:
    """The last time that a stage ran.

    Attributes:
        key: what it depended on, as SHA-256.
        parts: the same in plain values, to say later what changed.
        identity: of its result.
        out: where its result lies.
        summary: its figures.
        exit_code: 0 done; None while it runs, or where it was stopped.
        output: what its files looked like, to notice when somebody changes them.
        forced: it has to run, whatever its key says; a run that was to do so was stopped before.
    """

    key: str
    parts: dict[str, Any]
    identity: str = ""
    out: str | None = None
    summary: dict[str, Any] = field(default_factory=dict)
    exit_code: int | None = None
    output: dict[str, str] = field(default_factory=dict)
    forced: bool = False

    @property
    def result(self) -> StageResult:
        """What the stage left behind."""
        out = None if self.out is None else to_place(self.out)
        return StageResult(out, self.identity, self.summary, self.exit_code or 0)

    @classmethod
    def of(cls, key: str, parts: dict[str, Any], result: StageResult, output: dict[str, str]) -> Self:
        """The entry of a stage that ended."""
        out = None if result.out is None else result.out.as_posix()
        return cls(key, parts, result.identity, out, dict(result.summary), result.exit_code, output)


class Record:
    """The entries of a run folder by stage, kept in `.labelprep/run.lock.json`."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / STATE / "run.lock.json"
        self.entries: dict[str, Entry] = {}
        try:
            stored = json.loads(self.path.read_text("utf-8"))
            if stored["schema_version"] == SCHEMA_VERSION:
                self.entries = {name: Entry(**values) for name, values in stored["stages"].items()}
        except (FileNotFoundError, ValueError, TypeError, KeyError, AttributeError):
            self.entries = {}  # as if never run: every stage can be made again

    def put(self, name: str, entry: Entry) -> None:
        """Keeps an entry, on disk at once.

        Raises:
            EnvironmentFailure: where the file cannot be written.
        """
        self.entries[name] = entry
        self._write()

    def drop(self, name: str) -> None:
        """Forgets an entry, on disk at once.

        Raises:
            EnvironmentFailure: where the file cannot be written.
        """
        del self.entries[name]
        self._write()

    def _write(self) -> None:
        stages = {stage: asdict(kept) for stage, kept in self.entries.items()}
        text = json.dumps(
            {"schema_version": SCHEMA_VERSION, "stages": stages}, indent=1, ensure_ascii=False, default=str
        )
        write_atomic(self.path, text.encode())

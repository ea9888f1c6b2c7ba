"""What is done: the table that puts results back in plan order, filled from the journal and from what workers answer.

A sample whose line is in the journal, with the same source size and time, is not read again, as long as the mask that
the line tells of lies there. Lookups go through SQLite in a folder of the run's own, so that memory stays flat however
many samples there are.
"""

from __future__ import annotations

import json
import posixpath
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

from labelprep import batch
from labelprep.errors import EnvironmentFailure
from labelprep.journal import Journal
from labelprep.prepared import mask_path
from labelprep.steps.look_up import Order
from labelprep.steps.plan import Sample
from labelprep.storage.place import Place, Remote

# a file that failed of these may be good by now, though it has not changed
PLACE = {"unreadable-file", "image-unreadable", "crashed-decoder", "hung-decoder", "out-of-memory", "source-changed"}
_SCHEMA = """
CREATE TABLE old (key TEXT PRIMARY KEY, line TEXT) WITHOUT ROWID;
CREATE TABLE new (n INTEGER PRIMARY KEY, key TEXT, vote TEXT, written INTEGER, image TEXT, line BLOB);
CREATE TABLE undecided (n INTEGER PRIMARY KEY);
CREATE TABLE wrote (key TEXT, image TEXT, PRIMARY KEY (key, image)) WITHOUT ROWID;
CREATE TABLE listed (name TEXT PRIMARY KEY) WITHOUT ROWID;
BEGIN;
"""


class Ledger:
    """Results of one run, by place in the plan.

    Attributes:
        severities: findings so far, by severity.
        done: samples with a result.
        fresh: samples whose result was computed by this run and not recalled.
        retried: samples that failed in an earlier run and are tried again.
        still_ours: raises where another run holds the folder by now; asked before every append.
    """

    still_ours: Callable[[], None] = staticmethod(lambda: None)

    def __init__(
        self, workdir: Path, out: Place | None = None, *, trust: bool = True, tell: Callable[[], object] = lambda: None
    ) -> None:
        """Opens a ledger.

        Args:
            workdir: folder for the tables; the caller removes it.
            out: the prepared folder whose journal is read and gone on with; None keeps nothing beyond the run.
            trust: whether lines of the journal spare their samples the work.
            tell: called with every line of a journal that is read.
        """
        self._table = sqlite3.connect(workdir / "ledger.sqlite", isolation_level=None)
        self._table.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;" + _SCHEMA)
        self._out = out
        self._journal = None if out is None else Journal(out)
        self.severities: Counter[str] = Counter()
        self.done = self.fresh = self.retried = 0
        self._listed = self._former = self._indexed = False
        if self._journal is not None:
            self._load(self._journal.lines(), tell, trust=trust)
            self._load(self._journal.former_lines(), tell, trust=False)

    def close(self) -> None:
        """Lets go of the tables, and sends what a store was not told yet."""
        try:
            if self._journal is not None:
                with suppress(EnvironmentFailure):  # what is not sent is done again; the run ended for another reason
                    self.still_ours()
                    self._journal.send()
        finally:
            self._table.close()

    def _load(self, lines: Iterable[tuple[str, str, str]], tell: Callable[[], object], *, trust: bool) -> None:
        for key, ending, line in lines:
            tell()
            self._former = True
            if trust:
                self._table.execute("INSERT OR REPLACE INTO old VALUES (?, ?)", (key, line))
            self._table.execute("INSERT OR IGNORE INTO wrote VALUES (?, ?)", (key, ending))

    def recall(self, n: int, sample: Sample) -> bool:
        """Whether the journal holds this sample's result; if so, it counts as done.

        What failed is tried again where mask or image changed, or where the place was to blame and not the file.
        A mask whose colour order was decided by the rest of the set waits again for the rest of the set.
        """
        line = self._old(sample)
        if line is None or not self._holds(line, sample):
            self.retried += line is not None and _failed(line)
            return False
        if line["tie"] is None:
            self._keep_old(line | {"n": n})
        else:
            self._wait(n)
        return True

    def recall_tied(self, n: int, sample: Sample, tie: str) -> bool:
        """Whether the journal holds the result that this sample had under the same tie break."""
        line = self._old(sample)
        if line is None or line["tie"] != tie or not self._holds(line, sample):
            return False
        self._keep_old(line | {"n": n})
        return True

    def record(self, answers: bytes, *, tie: Order | str | None = None) -> None:
        """Records the results of one batch: first in the journal, then here.

        Args:
            answers: as `batch.join` gives them.
            tie: how undecided colour orders were decided for them.

        Raises:
            EnvironmentFailure: where the journal cannot be written.
        """
        lines = [(orjson.loads(text), text) for text in batch.separate(answers)]
        if tie is not None:
            lines = [(told := line | {"tie": tie}, orjson.dumps(told)) for line, _ in lines]
        final = [(line, text) for line, text in lines if not line["undecided"]]
        if self._journal is not None and final:
            self.still_ours()
            self._journal.append(b"".join([text + b"\n" for _, text in final]))
        self._keep(final)
        for line, _ in lines:
            if line["undecided"]:
                self._wait(line["n"])
        self.fresh += len(final)

    def replace(self, line: Mapping[str, Any]) -> None:
        """Puts another result in place of one that is here, whose files are swept.

        Raises:
            EnvironmentFailure: where the journal cannot be written.
        """
        row = line["row"]
        ending = posixpath.splitext(row["image"])[1] if row["image"] else ""
        self._former = True
        self._table.execute("INSERT OR IGNORE INTO wrote VALUES (?, ?)", (row["key"], ending))
        self.record(batch.join([orjson.dumps(line)]))
        self.done -= 1

    def undecided(self) -> int:
        """How many samples wait for the colour order of the others."""
        return int(self._one("SELECT count(*) FROM undecided"))

    def is_undecided(self, n: int) -> bool:
        """Whether this sample waits."""
        return bool(self._one("SELECT count(*) FROM undecided WHERE n = ?", n))

    def common_vote(self) -> Order | None:
        """The colour order that all samples which decide one share, or None."""
        votes = [vote for (vote,) in self._table.execute("SELECT DISTINCT vote FROM new WHERE vote IS NOT NULL")]
        return votes[0] if len(votes) == 1 else None

    def lines(self) -> Iterator[dict[str, Any]]:
        """All results in plan order."""
        for (line,) in self._table.execute("SELECT line FROM new ORDER BY n"):
            yield orjson.loads(line)

    def digest(self, key: str) -> str | None:
        """SHA-256 of the source of a mask that was read and fits the table, by its key; None where there is none."""
        self._index()
        found = self._table.execute("SELECT line FROM new WHERE key = ? AND written", (key,)).fetchone()
        return None if found is None else str(json.loads(found[0])["row"]["sha256"])

    def holds_mask(self, key: str) -> bool:
        """Whether a mask of that key was written or is still good."""
        self._index()
        return bool(self._one("SELECT count(*) FROM new WHERE key = ? AND written", key))

    def holds_image(self, key: str, ending: str) -> bool:
        """Whether a mask of that key was written and its image has that ending (`.png`)."""
        self._index()
        images = self._table.execute("SELECT image FROM new WHERE key = ? AND written AND image IS NOT NULL", (key,))
        return any(posixpath.splitext(image)[1] == ending for (image,) in images)

    def wrote(self, key: str, image: str | None = None) -> bool:
        """Whether an earlier run in this folder had that key, with an image of that ending where one is given."""
        if not self._former:
            return False
        if image is None:
            return bool(self._one("SELECT count(*) FROM wrote WHERE key = ?", key))
        return bool(self._one("SELECT count(*) FROM wrote WHERE key = ? AND image = ?", key, image))

    def compact(self, wait: Callable[[], object] = lambda: None) -> None:
        """Leaves one line a sample in the journal, in plan order, and forgets the runs before; `wait` hears of each."""

        def lines() -> Iterator[bytes]:
            for (line,) in self._table.execute("SELECT line FROM new ORDER BY n"):
                wait()
                yield line + b"\n"

        if self._journal is not None:
            self._journal.replace(lines())

    def _index(self) -> None:
        """Makes keys quick to find; a first run never asks for one."""
        if not self._indexed:
            self._table.execute("CREATE INDEX written_keys ON new (key) WHERE written")
            self._indexed = True

    def _old(self, sample: Sample) -> dict[str, Any] | None:
        if not self._former:
            return None
        found = self._table.execute("SELECT line FROM old WHERE key = ?", (sample.key,)).fetchone()
        if found is None:
            return None
        line: dict[str, Any] = json.loads(found[0])
        return line

    def _holds(self, line: Mapping[str, Any], sample: Sample) -> bool:
        """Whether a line still tells of the sample as it is, and its mask lies in the folder.

        A loss of power may leave a mask missing or empty.
        """
        if line["stamp"] != sample.stamp() or any(f.get("code") in PLACE for f in line["findings"]):
            return False
        if self._out is None or _failed(line):
            return True
        mask = mask_path(self._out, sample.key)
        if isinstance(mask, Remote):
            return self._is_listed(mask)
        try:
            return mask.stat().st_size > 0
        except OSError:
            return False

    def _is_listed(self, mask: Remote) -> bool:
        """The same of a store: one listing tells a thousand masks, where each would take a round trip of its own."""
        if self._out is not None and not self._listed:
            self._listed = True
            names = ((item.name,) for item in (self._out / "masks").below() if item.size)  # type: ignore[union-attr]
            self._table.executemany("INSERT OR IGNORE INTO listed VALUES (?)", names)
        return bool(self._one("SELECT count(*) FROM listed WHERE name = ?", mask.path))

    def _keep_old(self, line: Mapping[str, Any]) -> None:
        self._keep([(line, orjson.dumps(line))])

    def _keep(self, lines: Sequence[tuple[Mapping[str, Any], bytes]]) -> None:
        rows = [
            (line["n"], (row := line["row"])["key"], line["vote"], row["xxh3"] is not None, row["image"], text)
            for line, text in lines
        ]
        self._table.executemany("INSERT OR REPLACE INTO new VALUES (?, ?, ?, ?, ?, ?)", rows)
        self.done += len(rows)
        self.severities.update(finding["severity"] for line, _ in lines for finding in line["findings"])

    def _wait(self, n: int) -> None:
        self._table.execute("INSERT OR REPLACE INTO undecided VALUES (?)", (n,))

    def _one(self, query: str, *values: Any) -> Any:
        return self._table.execute(query, values).fetchone()[0]


def _failed(line: Mapping[str, Any]) -> bool:
    return line["row"]["xxh3"] is None

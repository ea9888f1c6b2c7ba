"""Reads what other stages left on disk: prepared folder, class weights, training runs, evaluations."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelprep import suspects
from labelprep.classes import ClassTable
from labelprep.errors import MismatchError, UsageError, naming
from labelprep.findings import Finding
from labelprep.prepared import Prepared
from labelprep.storage.place import Place, Remote, on_disk
from labelprep.storage.rows import Rows
from labelprep.weights import ClassWeights

FIGURES = ("iou_per_image", "entropy_mean")  # of samples, by which they are put in order
HINT = "give what convert, train or eval wrote: labelprep report OUT RUN -o DIR"


@dataclass(frozen=True)
class TrainingRun:
    """A folder that `train` wrote.

    Attributes:
        folder: where it is.
        facts: the content of `run.json`.
        history: the lines of `history.jsonl`.
    """

    folder: Path
    facts: Mapping[str, Any]
    history: tuple[Mapping[str, Any], ...]

    @cached_property
    def table(self) -> ClassTable:
        """The class table that the model was trained for."""
        return ClassTable.from_dict(self.facts["class_table"], source=str(self.folder / "run.json"))


@dataclass(frozen=True, eq=False)
class Scores:
    """A folder that `eval` wrote.

    Attributes:
        folder: where it is; paths in `samples` are relative to it.
        metrics: the content of `metrics.json`.
        confusion: (C, C) int64, rows truth.
        samples: the lines of `samples.jsonl`, which may be many; in the order of `FIGURES` too.
        uncertainty: the content of `uncertainty.json`; None where a folder of predictions was scored.
        suspects: the labels that the model contradicts, the most suspect first.
    """

    folder: Path
    metrics: Mapping[str, Any]
    confusion: NDArray[np.int64]
    samples: Rows
    uncertainty: Mapping[str, Any] | None = None
    suspects: tuple[Finding, ...] = ()

    @property
    def label(self) -> str:
        """What it is called: its folder, with the one above where it is just `eval`."""
        name = self.folder.absolute().name
        return f"{self.folder.absolute().parent.name}/{name}" if name == "eval" else name

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the classes in id order."""
        return tuple(c["name"] for c in self.metrics["classes"])


@dataclass(frozen=True)
class Sources:
    """Everything that a report is made of.

    Attributes:
        prepared: the prepared folder, if one was given; of two, the first.
        other: the second prepared folder, which is compared with the first; its class table may be another.
        weights: the class weights that lie in it, if any.
        runs: training runs in the order given.
        scores: evaluations in the order given; the first is the one in the class table.
    """

    prepared: Prepared | None
    weights: ClassWeights | None
    runs: tuple[TrainingRun, ...]
    scores: tuple[Scores, ...]
    other: Prepared | None = None

    @property
    def table(self) -> ClassTable | None:
        """The class table that all sources share, or None where only evaluations were given."""
        if self.prepared is not None:
            return self.prepared.table
        return self.runs[0].table if self.runs else None

    def close(self) -> None:
        """Lets go of the samples."""
        for scores in self.scores:
            scores.samples.close()


def read_sources(folders: Sequence[Place]) -> Sources:
    """Reads folders that `convert`, `train` and `eval` wrote; one folder may be several of these.

    Raises:
        UsageError: for a folder that is none of them, damaged files, or more than two prepared folders.
        MismatchError: where two of them have different class tables.
    """
    prepared: list[Prepared] = []
    runs: list[TrainingRun] = []
    scores: list[Scores] = []
    with ExitStack() as undo:
        for folder in dict.fromkeys(folders):
            before = len(prepared) + len(runs) + len(scores)
            if (folder / "dataset.json").is_file():
                prepared.append(Prepared.open(folder))
                if isinstance(folder, Remote):
                    continue
            folder = on_disk(folder, "a training run or an evaluation")
            if (folder / "history.jsonl").is_file():
                runs.append(TrainingRun(folder, _json(folder / "run.json"), tuple(_lines(folder / "history.jsonl"))))
            if (folder / "metrics.json").is_file():
                scores.append(_scores(folder))
                undo.callback(scores[-1].samples.close)
            if len(prepared) + len(runs) + len(scores) == before:
                held = "holds no dataset.json, history.jsonl or metrics.json: nothing to report on"
                message = held if folder.exists() else "no such folder"
                raise UsageError(message, path=folder, hint=HINT)
        if len(prepared) > 2:
            message = (
                f"{len(prepared)} prepared folders: {', '.join(str(p.root) for p in prepared)}; expected one or two"
            )
            raise UsageError(message, hint="a report is about one, or compares two")
        first, second = (*prepared, None, None)[:2]
        weights = None if first is None else _weights(first)
        sources = Sources(first, weights, tuple(runs), tuple(scores), second)
        _check_tables(sources)
        undo.pop_all()
        return sources


def _scores(folder: Path) -> Scores:
    with _reading(folder / "confusion.npy"):
        confusion = np.load(folder / "confusion.npy", allow_pickle=False)
    samples, unsure = folder / "samples.jsonl", folder / "uncertainty.json"
    doubts = tuple(s.finding for s in suspects.read(folder)) if (folder / suspects.NAME).is_file() else ()
    return Scores(
        folder,
        _json(folder / "metrics.json"),
        confusion,
        uncertainty=_json(unsure) if unsure.is_file() else None,
        suspects=doubts,
        samples=Rows(FIGURES, _samples(samples) if samples.is_file() else ()),
    )


def _weights(prepared: Prepared) -> ClassWeights | None:
    """The native file of the usual name, else the first native one by name; weights of former data are left out."""
    folder = prepared.root / "weights"
    found: list[Place] = sorted(folder.glob("*.json"), key=lambda p: (p.name != "class_weights.json", p.name))
    for path in found:
        if path.name.endswith(".mmseg.json"):
            continue
        weights = ClassWeights.load(path)
        if weights.prepared_hash in (None, prepared.identity):
            return weights
    return None


def _check_tables(sources: Sources) -> None:
    table = sources.table
    if table is None:
        return
    for run in sources.runs:
        origin = run.folder if sources.prepared is None else sources.prepared.root
        table.require_same(run.table, mine=str(origin), theirs=str(run.folder))
    if sources.weights is not None:
        sources.weights.for_table(table, source=f"{table.source}: weights")
    for scores in sources.scores:
        if scores.names != table.names:
            message = (
                f"two class tables: {table.source} has {len(table)} classes, {scores.folder} has {len(scores.names)}"
                f" ({', '.join(scores.names[:5])}, …)"
            )
            raise MismatchError(message, hint="report on an evaluation against this prepared folder")


def _samples(path: Path) -> Iterator[Mapping[str, Any]]:
    for number, sample in enumerate(_lines(path), 1):
        if not isinstance(sample, dict) or not isinstance(sample.get("key"), str):
            message = f"line {number} is no sample: it has no key"
            raise UsageError(message, path=path, hint="run the stage that wrote it again")
        yield sample


def _json(path: Path) -> Any:
    with _reading(path):
        return json.loads(path.read_text("utf-8"))


def _lines(path: Path) -> Iterator[Any]:
    with _reading(path), path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Names a file that is not there or damaged.

    Raises:
        UsageError: then.
        EnvironmentFailure: for a disk that fails, or no permission.
    """
    try:
        with naming(path):
            yield
    except (OSError, ValueError) as error:
        message = f"cannot be read: {error}"
        raise UsageError(message, path=path, hint="run the stage that wrote it again") from error

"""From the ledger to the prepared folder: manifest, findings and, last of all, dataset.json."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import orjson
import PIL
from PIL import features
from zlib_ng import zlib_ng

import labelprep
from labelprep.classes import ClassTable
from labelprep.findings import Finding
from labelprep.ledger import Ledger
from labelprep.prepare import Context
from labelprep.prepared import SCHEMA_VERSION, STATE, mark_unfinished
from labelprep.setwide import Copies, NearMisses, absent_classes
from labelprep.stale import sweep
from labelprep.steps.count import ClassCounts
from labelprep.steps.discover import Plan
from labelprep.storage.atomic import write_chunks, write_lines
from labelprep.storage.place import Place
from labelprep.storage.remembered import Remembered

PASSES = 3  # findings, manifest and journal
_SUMMED_AT_ONCE = 1024
_CHUNK = 1 << 18  # bytes


@dataclass
class Totals:
    """What is summed up while the ledger is read in plan order."""

    classes: int
    masks: int = 0
    written: int = 0
    removed: int = 0
    votes: Counter[str] = field(default_factory=Counter)
    severities: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    _rows: list[Mapping[str, Any]] = field(default_factory=list)  # not summed up yet, for speed

    def __post_init__(self) -> None:
        self._counts = ClassCounts.zero(self.classes)

    @property
    def counts(self) -> ClassCounts:
        """Counts over all written masks so far."""
        self._sum_up()
        return self._counts

    def add(self, row: Mapping[str, Any], vote: str | None) -> None:
        """Adds the result of one sample: the fields of its `Row`."""
        self.masks += 1
        if row["height"]:  # what does not decode has no order
            self.votes[vote or "either"] += 1
        if row["xxh3"] is not None:
            self.written += 1
            self._rows.append(row)
            if len(self._rows) >= _SUMMED_AT_ONCE:
                self._sum_up()

    def _sum_up(self) -> None:
        if self._rows:
            pixels = np.array([row["pixels"] for row in self._rows], np.int64)
            self._counts += ClassCounts.of_masks(pixels, sum(row["ignored"] for row in self._rows))
            self._rows.clear()

    def see(self, finding: Finding) -> Finding:
        """Counts a finding and hands it on."""
        self.severities[finding.severity] += 1
        self.codes[finding.code] += 1
        return finding


def gather(
    plan: Plan,
    table: ClassTable,
    ledger: Ledger,
    workdir: Path,
    totals: Totals,
    each: Callable[[Mapping[str, Any]], object] = lambda _: None,
    wait: Callable[[], object] = lambda: None,
    sha256: Callable[[Path], str | None] | None = None,
) -> Iterator[Finding]:
    """Every finding of a run, in order: those of the plan, of each sample, of the whole set.

    Args:
        plan: the samples.
        table: the class table.
        ledger: their results.
        workdir: folder for tables that are too large for memory.
        totals: summed up on the way; complete when the iterator ends.
        each: called with every line of the manifest, in order, as the fields of a `Row`.
        wait: called now and then while neither a line nor a finding comes.
        sha256: gives the hash of an image, perhaps without reading it.
    """
    for note in table.notes:
        yield totals.see(Finding.of("duplicate-color", note, path=table.source))
    yield from map(totals.see, plan.findings())
    misses = NearMisses()
    with closing(Copies(workdir, wait, sha256)) as copies:
        copies.add_plan(plan)
        for line in ledger.lines():
            row = line["row"]
            each(row)
            totals.add(row, line["vote"])
            copies.add_mask(row["key"], row["sha256"])
            misses.add(line["findings"])
            for finding in line["findings"]:
                yield totals.see(Finding.from_dict(finding))
        yield from map(totals.see, misses.findings())
        yield from map(totals.see, copies.findings())
    yield from map(totals.see, absent_classes(totals.counts, table))


def publish(
    plan: Plan,
    context: Context,
    out: Place,
    ledger: Ledger,
    workdir: Path,
    tell: Callable[[int], object] = lambda _: None,
    *,
    rehash: bool = False,
) -> Totals:
    """Writes everything beside the masks; `dataset.json` last, because its presence says that the folder is finished.

    Where a file changes, an earlier `dataset.json` goes first.

    Args:
        plan: the samples.
        context: how they were prepared.
        out: the prepared folder.
        ledger: their results.
        workdir: folder for what is too large for memory.
        tell: called all the time with the number of lines written since the last call, `PASSES` for each sample.
        rehash: read images of one size again, whatever hashes of them are remembered.

    Returns:
        The totals of the run.

    Raises:
        EnvironmentFailure: where the folder cannot be written.
    """
    table = context.table
    totals = Totals(len(table))
    unfinished = partial(mark_unfinished, out)
    with (workdir / "manifest.jsonl").open("w+b") as rows:  # the ledger is read once

        def each(row: Mapping[str, Any]) -> None:
            rows.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
            tell(1)

        kept = out / STATE / "images.jsonl"
        with closing(Remembered(workdir, kept if isinstance(kept, Path) else None, trust=not rehash)) as hashes:

            def sha256(path: Path) -> str | None:
                return hashes.sha256(path.as_posix(), path)

            findings = gather(plan, table, ledger, workdir, totals, each, lambda: tell(0), sha256)
            lines = (json.dumps(f.to_dict(), ensure_ascii=False) for f in findings)
            write_lines(out / "findings.jsonl", lines, before_change=unfinished)
            hashes.save()
        rows.seek(0)
        write_chunks(out / "manifest.jsonl", _alive(rows, tell), before_change=unfinished)
    totals.removed = sweep(out, ledger, images=context.link != "none", wait=lambda: tell(0))
    write_lines(out / STATE / "source.json", [json.dumps({"root": _way(out, plan.root)})])
    ledger.compact(lambda: tell(1))
    info = {
        "schema_version": SCHEMA_VERSION,
        "class_table": table.to_dict(),
        "class_table_hash": table.hash,
        "ignore_index": table.ignore_index,
        "options": context.options(),
        "versions": versions(),
        "totals": totals.counts.to_dict(),
        "masks": totals.masks,
        "failed": totals.masks - totals.written,
        "findings": dict(sorted(totals.codes.items())),
    }
    ledger.still_ours()
    write_lines(out / "dataset.json", [readable(info)])
    return totals


def _alive(file: BinaryIO, tell: Callable[[int], object]) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK):
        tell(chunk.count(b"\n"))
        yield chunk


def readable(value: Any) -> str:
    """JSON for people: indented, but lists of numbers stay on one line."""
    text = orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    # the line break tells a list from brackets inside a string, which holds none
    return re.sub(r"\[\n[-\d\s,]+\]", lambda found: re.sub(r"\s+", "", found[0]).replace(",", ", "), text)


def versions() -> dict[str, str]:
    """Versions of what shapes the bytes of a prepared folder."""
    return {
        "labelprep": labelprep.__version__,
        "numpy": np.__version__,
        "pillow": PIL.__version__,
        "zlib": str(features.version("zlib")),
        "zlib-ng": str(zlib_ng.ZLIBNG_VERSION),
    }


def class_rows(counts: ClassCounts, table: ClassTable) -> list[dict[str, Any]]:
    """One row a class for people and JSON: id, name, colour, pixels, share of the valid pixels, images."""
    valid = max(int(counts.pixels.sum()), 1)
    return [
        {
            "id": c.id,
            "name": c.name,
            "color": list(c.color),
            "pixels": int(counts.pixels[c.id]),
            "share": int(counts.pixels[c.id]) / valid,
            "images": int(counts.images[c.id]),
        }
        for c in table.classes
    ]


def _way(out: Place, root: Place) -> str:
    """From the prepared folder to the dataset: a relative path where there is one, so that both can move together."""
    if isinstance(out, Path) and isinstance(root, Path) and out.resolve().drive == root.resolve().drive:
        return Path(os.path.relpath(root, out)).as_posix()
    return root.resolve().as_posix()

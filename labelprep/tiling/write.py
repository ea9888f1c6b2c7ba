"""From a prepared folder to a prepared folder of its crops."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from labelprep.batch import pack, separate
from labelprep.errors import UsageError
from labelprep.findings import Finding
from labelprep.prepared import SCHEMA_VERSION, STATE, Prepared, Row, mark_unfinished
from labelprep.publish import readable, versions
from labelprep.steps.count import ClassCounts
from labelprep.storage.atomic import write_lines
from labelprep.storage.lock import exclusive
from labelprep.storage.place import Place, keep_apart, on_disk
from labelprep.tiling.cut import Context, How, tile_batch

Mapper = Callable[[Callable[[bytes], Iterator[bytes]], Iterable[bytes]], Iterator[bytes]]
Numbered = tuple[int, dict[str, Any]]
MARK = "tile.json"  # in the state folder: what the crops are of, so that a stopped run goes on and no other joins it


@dataclass
class Tiled:
    """What was made.

    Attributes:
        counts: over all crops.
        tiles: how many, by split; "" for those in none.
        findings: every kind with its number.
        failed: samples of which nothing could be made.
        unsplit: masks that are in no split while others are; they are left out.
    """

    counts: ClassCounts
    tiles: Counter[str] = field(default_factory=Counter)
    findings: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    unsplit: int = 0


def tile_dataset(
    prepared: Prepared,
    out: Path,
    how: How,
    workdir: Path,
    *,
    images: Place | None = None,
    mapper: Mapper,
    group: Callable[[Iterator[Numbered]], Iterable[tuple[Numbered, ...]]],
    told: Callable[[int], None] = lambda _: None,
    on_finding: Callable[[Finding], None] | None = None,
) -> Tiled:
    """Cuts up every sample of a prepared folder; `out` is a prepared folder again, with the splits of the samples.

    The same set gives the same tree, with any number of workers; a run that was stopped goes on with the same call.

    Args:
        prepared: the folder.
        out: the folder to write: empty, or with the crops of the same set.
        how: how samples are cut up.
        workdir: folder for what is too large for memory.
        images: folder of the images, where they moved since convert.
        mapper: where `tile_batch` is computed.
        group: makes batches of (place, sample).
        told: called with the number of samples that are done.
        on_finding: called with every finding, in order.

    Raises:
        UsageError: where `out` holds something else, or lies in the set or around it.
        EnvironmentFailure: disk full, no permission, or another run works in `out`.
    """
    keep_apart(out, prepared.root, "the prepared folder that is read")
    with exclusive(out):
        _claim(out, prepared, how)
        mark_unfinished(out)
        context = Context(out.resolve(), prepared.table, how, dict(prepared.info["options"]))
        blobs = (pack(context.to_json(), batch) for batch in group(_samples(prepared, images)))
        done = Tiled(ClassCounts.zero(len(prepared.table)))
        with closing(sqlite3.connect(workdir / "tiles.sqlite")) as db:
            db.execute("CREATE TABLE answer (n INTEGER PRIMARY KEY, line TEXT)")
            count = 0
            for answers in mapper(tile_batch, blobs):
                lines = [(json.loads(answer)["n"], answer.decode()) for answer in separate(answers)]
                db.executemany("INSERT INTO answer VALUES (?, ?)", lines)
                count += len(lines)
                told(count)
            done.unsplit = sum(row.written for row in prepared.rows()) - count
            _publish(out, db, done, on_finding)
        _sweep(out)
        info = {
            "schema_version": SCHEMA_VERSION,
            "class_table": prepared.table.to_dict(),
            "class_table_hash": prepared.table.hash,
            "ignore_index": prepared.table.ignore_index,
            "options": dict(prepared.info["options"]) | {"link": "copy", "tile": _plain(how)},
            "versions": versions(),
            "totals": done.counts.to_dict(),
            "masks": sum(done.tiles.values()),
            "failed": done.failed,
            "findings": dict(sorted(done.findings.items())),
        }
        write_lines(out / "dataset.json", [readable(info)])
    return done


def _plain(how: How) -> dict[str, Any]:
    return dict(json.loads(json.dumps(asdict(how))))


def _claim(out: Path, prepared: Prepared, how: How) -> None:
    """Refuses a folder that holds anything but the crops of the same set, whole or begun."""
    mark = json.dumps({"set": prepared.identity_with_splits, "how": _plain(how)})
    path = out / STATE / MARK
    held = path.read_text("utf-8").rstrip("\n") if path.is_file() else None
    if held is None and any(child.name != STATE for child in out.iterdir()):
        message = "holds something else"
        raise UsageError(message, path=out, hint="give an empty folder for -o")
    if held not in (None, mark):
        message = "holds the crops of another set, or other crops"
        raise UsageError(message, path=out, hint="give an empty folder for -o, or remove this one")
    write_lines(path, [mark])


def _samples(prepared: Prepared, images: Place | None) -> Iterator[Numbered]:
    """Every written mask once, in plan order within its split, split by split, with its place."""
    splits: tuple[str | None, ...] = prepared.splits() or (None,)
    number = 0
    for split in splits:
        for row in prepared.rows(split):
            if row.written:
                image = prepared.image_path(row, images)
                mask = on_disk(prepared.mask_path(row.key), "what tile reads")
                yield (
                    number,
                    {
                        "key": row.key,
                        "split": split,
                        "source": f"masks/{row.key}.png",
                        "image_source": row.image,
                        "mask": str(mask.resolve()),
                        "image": None if image is None else str(on_disk(image, "the image of a crop").resolve()),
                        "height": row.height,
                        "width": row.width,
                    },
                )
                number += 1


def _publish(out: Path, db: sqlite3.Connection, done: Tiled, on_finding: Callable[[Finding], None] | None) -> None:
    """Manifest and findings, in order, and their totals."""
    answers = partial(db.execute, "SELECT line FROM answer ORDER BY n")

    def rows() -> Iterator[str]:
        for (line,) in answers():
            answer = json.loads(line)
            done.failed += "row" in answer  # a guard's answer for a sample that it did not survive
            for values in answer.get("rows", ()):
                row = Row(**values | {"pixels": tuple(values["pixels"]), "findings": tuple(values["findings"])})
                done.counts += row.counts()
                done.tiles[row.split or ""] += 1
                yield row.to_json()

    def findings() -> Iterator[str]:
        for (line,) in answers():
            for values in json.loads(line)["findings"]:
                finding = Finding.from_dict(values)
                done.findings[finding.code] += 1
                done.failed += finding.severity == "error"
                if on_finding is not None:
                    on_finding(finding)
                yield json.dumps(values, ensure_ascii=False)

    write_lines(out / "manifest.jsonl", rows())
    write_lines(out / "findings.jsonl", findings())


def _sweep(out: Path) -> None:
    """Temporary files of a run that was killed."""
    for path in out.rglob(".*.tmp"):
        path.unlink(missing_ok=True)

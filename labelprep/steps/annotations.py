"""Fills the plan from files that hold the annotations of many images: an index by image, made once, on disk.

COCO's file is read as a stream, list by list, so that memory stays flat however many images it has.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import orjson

from labelprep.errors import LayoutError, MissingExtraError
from labelprep.findings import Finding
from labelprep.formats.layouts import Arrangement, Source, split_ending, split_of
from labelprep.formats.lists import inside
from labelprep.formats.polygons import coco, cvat
from labelprep.formats.polygons.collected import line_of
from labelprep.steps.pairing import MASK, report
from labelprep.steps.places import Places, Row, store
from labelprep.storage.place import Place, state_of

_LONGEST = 64 << 20  # bytes of one shape; SQLite holds a thousand million in all
_TABLES = """
CREATE TABLE IF NOT EXISTS annotated (file INTEGER, id TEXT, base TEXT, rel TEXT, split TEXT, size TEXT);
CREATE TABLE IF NOT EXISTS shape (file INTEGER, id TEXT, crowd INTEGER, body TEXT);
"""
_BODIES = """
INSERT OR IGNORE INTO annotation SELECT base, '{"size":' || size || ',"shapes":[' || coalesce(
    (SELECT group_concat(body, ',') FROM (SELECT body FROM shape s WHERE s.file = a.file AND s.id = a.id
        ORDER BY crowd DESC, s.rowid)), '') || ']}' FROM annotated a
"""
_LOST = """
SELECT count(*), min(id) FROM shape s WHERE NOT EXISTS (SELECT 1 FROM annotated a WHERE a.file = s.file AND a.id = s.id)
"""


def fill_annotations(db: sqlite3.Connection, found: Arrangement, places: Places) -> None:
    """Writes a mask for every image that the files list, with its annotations beside it; images are there already.

    Raises:
        LayoutError: for files that cannot be read, and for images that would lie outside the dataset.
        MissingExtraError: without what the extra `coco` brings.
    """
    if found.layout != "coco-panoptic" and find_spec("pycocotools") is None:
        package = "pycocotools"
        raise MissingExtraError(package, "coco")
    for statement in _TABLES.split(";"):
        db.execute(statement)
    for number, ((_, path), source) in enumerate(zip(found.shards, found.sources, strict=True)):
        if found.layout == "cvat":
            _index_cvat(db, number, path, source, places)
        else:
            _index_images(db, number, path, source, places)
            if found.layout == "coco":
                _index_coco(db, number, path, places)
            else:
                _index_panoptic(db, number, path, places)
    if found.layout != "coco-panoptic":
        _keep_bodies(db, found, places)
    db.execute("DROP TABLE annotated")
    _leave_out(db, places)


def _keep_bodies(db: sqlite3.Connection, found: Arrangement, places: Places) -> None:
    db.execute("CREATE INDEX shape_image ON shape (file, id)")
    db.execute("CREATE INDEX annotated_image ON annotated (file, id)")
    try:
        db.execute(_BODIES)
    except sqlite3.DataError as error:
        message = f"the annotations of one image are larger than a table holds: {error}"
        raise LayoutError(message, path=found.shards[0][1]) from error
    lost, example = db.execute(_LOST).fetchone()
    if lost:
        message = f"{lost:,} annotations are of images that are not listed, such as image {example}; they are left out"
        report(db, [Finding.of("lost-annotation", message, path=found.shards[0][1].name)])
    db.execute("DROP TABLE shape")
    folders = [places.number(path.parent) for _, path in found.shards]
    for number, (_, path) in enumerate(found.shards):
        db.execute(
            "INSERT INTO file SELECT base, ?, ?, ?, 0, 0, split FROM annotated WHERE file = ?",
            (MASK, folders[number], path.name, number),
        )


def _index_images(db: sqlite3.Connection, number: int, path: Place, source: Source, places: Places) -> None:
    rows = (
        (number, image.id, *_named(image.file, path, source, None), orjson.dumps(image.size).decode())
        for image in coco.images(path)
    )
    db.executemany("INSERT INTO annotated VALUES (?, ?, ?, ?, ?, ?)", _told(rows, places))


def _named(file: str, path: Place, source: Source, subset: str | None) -> tuple[str, str, str | None]:
    """Key, path and split of an image.

    Raises:
        LayoutError: where it would lie outside the dataset.
    """
    rel = inside(file)
    if rel is None:
        message = f"the image {file[:200]!r} would lie outside the dataset; paths must lie below it"
        raise LayoutError(message, path=path)
    first, slash, _ = rel.partition("/")
    split = source.split or (split_of(subset) if subset else None) or (split_of(first) if slash else None)
    return source.prefix + split_ending(rel)[0], rel, split


def _told(rows: Iterator[Any], places: Places) -> Iterator[Any]:
    for count, row in enumerate(rows):
        if count % 1024 == 0:
            places.tell(0)
        yield row


def _body(shape: dict[str, Any]) -> str:
    try:
        line = line_of(shape)
    except (TypeError, ValueError) as error:
        return line_of({"label": shape.get("label"), "fault": f"it cannot be kept as JSON: {error}"})
    if len(line) > _LONGEST:
        return line_of({"label": shape.get("label"), "fault": f"it is longer than {_LONGEST:,} bytes"})
    return line


def _index_coco(db: sqlite3.Connection, number: int, path: Place, places: Places) -> None:
    names = coco.labels(path)
    rows = ((number, image, crowd, _body(shape)) for image, crowd, shape in coco.shapes(path, names))
    db.executemany("INSERT INTO shape VALUES (?, ?, ?, ?)", _told(rows, places))


def _index_cvat(db: sqlite3.Connection, number: int, path: Place, source: Source, places: Places) -> None:
    for count, image in enumerate(_told(cvat.images(path), places)):
        row = (number, str(count), *_named(image.file, path, source, image.split), orjson.dumps(image.size).decode())
        db.execute("INSERT INTO annotated VALUES (?, ?, ?, ?, ?, ?)", row)
        shapes = ((number, str(count), 0, _body(shape)) for shape in image.shapes)
        db.executemany("INSERT INTO shape VALUES (?, ?, ?, ?)", shapes)


def _index_panoptic(db: sqlite3.Connection, number: int, path: Place, places: Places) -> None:
    """The PNGs that a panoptic file names, each with what its values mean."""
    db.execute("CREATE INDEX IF NOT EXISTS annotated_image ON annotated (file, id)")
    beside = path.parent / path.name.rpartition(".")[0]
    folder = beside if beside.is_dir() else path.parent
    store(db, _segments(db, number, path, folder, places), places.tell)


def _segments(
    db: sqlite3.Connection, number: int, path: Place, folder: Place, places: Places
) -> Iterator[Row | Finding | None]:
    place = places.number(folder)
    for image, file, labels in coco.segments(path, coco.labels(path)):
        row = db.execute("SELECT base, split FROM annotated WHERE file = ? AND id = ?", (number, image)).fetchone()
        rel = inside(file)
        if rel is None:
            message = f"the mask {file[:200]!r} would lie outside the dataset; paths must lie below it"
            raise LayoutError(message, path=path)
        if row is None:
            yield Finding.of("mask-missing", f"{path.name}: {file} is of image {image}, which is not listed", path=file)
            continue
        try:
            size, time = state_of(folder / rel)
        except OSError:
            missing = Finding.of("mask-missing", f"{path.name}: {file} is listed and not there", path=file)
            yield replace(missing, severity="error")
            continue
        body = orjson.dumps(labels, option=orjson.OPT_SORT_KEYS).decode()
        db.execute("INSERT OR IGNORE INTO annotation VALUES (?, ?)", (row[0], body))
        yield (row[0], MASK, place, rel, size, time, row[1])


def _leave_out(db: sqlite3.Connection, places: Places) -> None:
    """Images that no file lists: one finding for all of them."""
    where = "WHERE side = 1 AND base NOT IN (SELECT base FROM file WHERE side = 0)"
    count, folder, rel = db.execute(f"SELECT count(*), folder, min(rel) FROM file {where}").fetchone()
    if count:
        message = (
            f"{count:,} images are in no file of annotations and are left out, such as {places.shown[folder]}{rel}"
        )
        report(db, [Finding.of("mask-missing", message)])
        db.execute(f"DELETE FROM file {where}")

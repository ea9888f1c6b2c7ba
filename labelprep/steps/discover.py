"""Discovery: from a folder to a plan of samples, without opening a picture.

The layout decides where masks and images lie (`arrange`), scanning fills a table (`fill`), SQL pairs it (`pairing`),
and what remains is a `Plan` on disk. Nothing depends on the order in which a file system lists its entries.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

from labelprep.errors import EnvironmentFailure, LayoutError
from labelprep.findings import Finding
from labelprep.formats.folders import class_tables, file_names
from labelprep.formats.layouts import ENDINGS, NAME_LISTS, PRESETS, Arrangement
from labelprep.formats.unread import unread_files
from labelprep.spec import DatasetSpec
from labelprep.steps import pairing
from labelprep.steps.arrange import arrange
from labelprep.steps.fill import fill
from labelprep.steps.places import Places
from labelprep.steps.plan import Plan, Sample
from labelprep.steps.scan import readable_name
from labelprep.steps.suffixes import find_suffix, strip_suffix
from labelprep.steps.unpaired import gather_unpaired, nearest, report_unpaired
from labelprep.storage.place import Place
from labelprep.storage.scratch import of_the_place

__all__ = ["Plan", "Sample", "discover"]


_SQL_STEPS = 1_000_000  # of SQLite's machine: a few hundredths of a second


def discover(dataset: DatasetSpec, workdir: Path, tell: Callable[[int], None] = lambda _: None) -> Plan:
    """Finds the samples of a dataset.

    Args:
        dataset: where it lies and how to read it; `limit` keeps the first samples in plan order.
        workdir: folder for the plan's file `plan.sqlite`, made where missing; an earlier plan there is replaced.
        tell: called all the time with the number of files that were found since the last call, 0 while they are paired.

    Raises:
        LayoutError: no masks, no pairs, no layout that fits, or more than one; the message names the choices.
        EnvironmentFailure: the plan cannot be written.
    """
    _refuse_undecodable(dataset.root)
    found = arrange(dataset)
    database = workdir / "plan.sqlite"
    try:
        workdir.mkdir(parents=True, exist_ok=True)
        database.unlink(missing_ok=True)
        with closing(pairing.connect(database, new=True)) as db:
            db.set_progress_handler(partial(_alive, tell), _SQL_STEPS)
            db.execute("BEGIN")
            plan = _planned(db, dataset, found, database, tell)
            db.execute("COMMIT")
    except LayoutError:
        database.unlink(missing_ok=True)
        raise
    except (OSError, sqlite3.Error) as error:
        if isinstance(error, sqlite3.Error) and not of_the_place(error):
            raise
        message = f"the plan cannot be written: {error}"
        raise EnvironmentFailure(message, path=database, hint="make room or permission, then run again") from error
    return plan


def _refuse_undecodable(root: Place) -> None:
    """SQLite and JSON hold text alone.

    Raises:
        LayoutError: for a path with bytes that are not valid UTF-8.
    """
    if isinstance(root, Path) and not (readable_name(str(root.absolute())) and readable_name(str(root.resolve()))):
        message = f"the folder's path is not valid UTF-8: {str(root.absolute())!a}"
        raise LayoutError(message, hint="rename the folder")


def _alive(tell: Callable[[int], None]) -> int:
    tell(0)
    return 0  # anything else would interrupt SQLite


def _planned(
    db: sqlite3.Connection, dataset: DatasetSpec, found: Arrangement, database: Path, tell: Callable[[int], None]
) -> Plan:
    places = Places(dataset.root, tell)
    left_out = fill(db, found, places)
    pairing.index(db)
    suffixes = [str(found.mask_suffix or ""), str(found.image_suffix or "")]
    detected = None
    if not (found.pairs or found.shards) and found.mask_suffix is None and found.image_suffix is None:
        detected = find_suffix(db)
    carried = 0
    if detected is not None:
        carried = strip_suffix(db, *detected)
        suffixes[detected[0]] = detected[1]
        pairing.index(db)
    seen = pairing.tally(db)
    _refuse_nothing(db, dataset, found, places, seen)
    pairing.refuse_doubles(db, places.shown)
    pairing.join(db)
    _report_pairs(db, found, places, seen)
    pairing.report(db, _apply_lists(db))
    db.execute("UPDATE sample SET split = NULL WHERE key IN (SELECT key FROM finding WHERE code = 'split-conflict')")
    count = _limited(db, dataset.limit)
    rule = _rule(found, seen, detected, carried, left_out)
    masks = found.sources[0].masks if found.sources else None
    tables = found.tables or class_tables(dataset.root, masks)
    if not tables and found.preset == PRESETS["voc"]:  # masks like VOC's, of whatever classes
        tables = class_tables(dataset.root, masks, NAME_LISTS)
    return Plan(
        layout=found.layout,
        why=f"{found.layout}: {found.why}{rule}",
        root=dataset.root,
        database=database,
        folders=tuple(zip(places.folders, places.shown, strict=True)),
        count=count,
        mask_suffix=suffixes[0],
        image_suffix=suffixes[1],
        class_table_candidates=tuple(tables or [t for t in (found.preset,) if t]),
        zero_ignored=found.zero_ignored,
    )


def _rule(
    found: Arrangement, seen: pairing.Tally, detected: tuple[int, str] | None, carried: int, left_out: int
) -> str:
    """The pairing rule in words, behind the folders."""
    if found.pairs or found.shards:
        return ""
    given = [
        f"{name} suffix {str(s)!r}" for name, s in (("mask", found.mask_suffix), ("image", found.image_suffix)) if s
    ]
    rule = " without the " + " and the ".join(given) if given else ""
    if detected is not None:
        side, suffix = detected
        total = (seen.masks, seen.images)[side]
        rule = f" without the suffix {suffix!r} that {carried} of {total} {('masks', 'images')[side]} carry"
    pairs = f"; paired by equal names{rule}" if seen.images else f"; named{rule}" if rule else ""
    return pairs + (f"; {left_out} pictures that do not carry the suffix are left out" if left_out else "")


def _refuse_nothing(
    db: sqlite3.Connection, dataset: DatasetSpec, found: Arrangement, places: Places, seen: pairing.Tally
) -> None:
    """No masks, or images and masks of which none pair: an error that shows what the names look like.

    Raises:
        LayoutError: with the option that usually mends it.
    """
    if seen.masks == 0 and found.pairs:
        told = db.execute("SELECT DISTINCT json_extract(body, '$.message') FROM finding ORDER BY rowid LIMIT 3")
        listed = "".join(f"\n  {message}" for (message,) in told) or "\n  the list is empty"
        message = f"none of the listed masks can be read ({found.why}):{listed}"
        raise LayoutError(message, path=dataset.root, hint="paths are taken from the list's folder, then the dataset's")
    if seen.masks == 0:
        endings = ", ".join(ENDINGS)
        suffix = f" whose names end in {str(found.mask_suffix)!r}" if found.mask_suffix else ""
        message = f"no masks ({found.layout}: {found.why}); looked for files{suffix} that end in {endings}"
        message += unread_files(name for source in found.sources if source.masks for name in file_names(source.masks))
        raise LayoutError(message, path=dataset.root, hint="--masks DIR, --mask-suffix SUFFIX or --pairs FILE")
    if seen.images == 0 or seen.pairs > 0 or found.pairs:
        return
    gather_unpaired(db)
    examples = []
    for base, folder, rel in db.execute("SELECT base, folder, rel FROM unpaired WHERE side = 0 ORDER BY base LIMIT 3"):
        near = nearest(db, pairing.IMAGE, base)
        beside = f"nearest image {places.shown[near[0]] + near[1]}" if near else "no image with a near name"
        examples.append(f"\n  {places.shown[folder] + rel}: {beside}")
    message = f"none of {seen.masks} masks pairs with one of {seen.images} images ({found.why}):{''.join(examples)}"
    raise LayoutError(
        message, path=dataset.root, hint="--image-suffix, --mask-suffix, --pairs FILE, or --layout masks without images"
    )


def _report_pairs(db: sqlite3.Connection, found: Arrangement, places: Places, seen: pairing.Tally) -> None:
    if found.pairs:
        query = (
            "SELECT key, folder, rel FROM sample WHERE image_rel IS NULL AND key NOT IN"
            " (SELECT key FROM finding WHERE key IS NOT NULL AND code IN ('image-missing', 'unreadable-file'))"
        )
        pairing.report(
            db,
            (
                Finding.of("image-missing", f"no image is listed for {places.shown[f] + r}", key=k)
                for k, f, r in db.execute(query)
            ),
        )
    elif seen.images == 0:
        message = f"there are no images, only {seen.masks} masks; sizes cannot be compared, training needs images"
        pairing.report(db, [Finding.of("image-missing", message)])
    else:
        report_unpaired(db, places.shown, listed_only=found.layout == "voc" and bool(found.lists))


def _apply_lists(db: sqlite3.Connection) -> Iterator[Finding]:
    """Splits from lists; names in two lists and names that are listed but missing are findings."""
    db.execute(
        "UPDATE sample SET split = (SELECT max(split) FROM listed WHERE name = key)"
        " WHERE key IN (SELECT name FROM listed WHERE split IS NOT NULL)"
    )
    conflicts = "SELECT name, min(split), max(split) FROM listed GROUP BY name HAVING count(DISTINCT split) > 1"
    for name, first, last in db.execute(conflicts):
        yield Finding.of("split-conflict", f"{name} is listed in the splits {first} and {last}", key=name)
    missing = (
        "SELECT name, origin, min(line) FROM listed WHERE name NOT IN (SELECT base FROM file) GROUP BY name, origin"
        " ORDER BY name, origin"
    )
    for name, origin, line in db.execute(missing):
        message = f"{origin}:{line}: {name} is listed, but there is no such mask and no such image"
        yield Finding.of("split-conflict", message, key=name)


def _limited(db: sqlite3.Connection, limit: int | None) -> int:
    """Keeps the first samples, and the findings of their names and of the whole set; returns how many there are."""
    if limit is not None:
        last = db.execute("SELECT key FROM sample ORDER BY key LIMIT 1 OFFSET ?", (limit - 1,)).fetchone()
        if last is not None:
            db.execute("DELETE FROM sample WHERE key > ?", last)
            db.execute("DELETE FROM finding WHERE key > ?", last)
    return int(db.execute("SELECT count(*) FROM sample").fetchone()[0])

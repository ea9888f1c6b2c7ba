"""Pairing on disk: masks and images meet in SQLite, so that no list of names stands in memory.

Table `file` holds every picture once: `base` (the name that pairs), `side`, where it lies, size and time. Everything
else is a question to it. Findings are rows, so that a million of them are no burden either.
"""

from __future__ import annotations

import json
import re
import sqlite3
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from labelprep.findings import Finding
from labelprep.formats.layouts import split_ending

MASK, IMAGE = 0, 1
# the keys' ending is .png, so that a last dot or blank of a key is in the way of nobody
_RESERVED = re.compile(
    r'[<>:"|?*\\\x00-\x1f]|[. ]/|(^|/)(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3])[ ]*(\.|/|$)',
    re.IGNORECASE,
)
SIDES = ("mask", "image")

_SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -16384;
CREATE TABLE file (base TEXT, side INTEGER, folder INTEGER, rel TEXT, size INTEGER, mtime INTEGER, split TEXT);
CREATE TABLE member (folder INTEGER, rel TEXT, start INTEGER, field TEXT, PRIMARY KEY (folder, rel)) WITHOUT ROWID;
CREATE TABLE listed (name TEXT, split TEXT, origin TEXT, line INTEGER);
CREATE TABLE refused (base TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE finding (code TEXT, key TEXT, body TEXT);
CREATE TABLE annotation (key TEXT PRIMARY KEY, body TEXT) WITHOUT ROWID;
CREATE TABLE sample (
    key TEXT PRIMARY KEY, split TEXT, folder INTEGER, rel TEXT, size INTEGER, mtime INTEGER,
    image_folder INTEGER, image_rel TEXT, image_size INTEGER, image_mtime INTEGER
) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Tally:
    """How many files were seen: masks, images, and masks that have an image."""

    masks: int
    images: int
    pairs: int


def fold(name: str) -> str:
    r"""Equal for names that some file system takes for one: composed form, case folded.

    >>> fold("Cafe\u0301/A") == fold("caf\u00e9/a")
    True
    """
    return (
        name.lower() if name.isascii() else unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
    )


def connect(path: Path, *, new: bool = False) -> sqlite3.Connection:
    """The plan's database; `new` makes its tables."""
    connection = sqlite3.connect(path, isolation_level=None)
    if new:
        connection.create_function("unportable", 1, unportable, deterministic=True)
        connection.executescript(_SCHEMA)
        connection.create_function("fold", 1, fold, deterministic=True)
        connection.create_function("backwards", 1, lambda name: name[::-1], deterministic=True)
    return connection


def report(db: sqlite3.Connection, findings: Iterable[Finding]) -> None:
    """Writes findings into the plan."""
    rows = ((f.code, f.key, json.dumps(f.to_dict(), ensure_ascii=False)) for f in findings)
    db.executemany("INSERT INTO finding VALUES (?, ?, ?)", rows)


def tally(db: sqlite3.Connection) -> Tally:
    """Counts the files and the names that pair; wants the index that `index` makes."""
    masks, images = (db.execute("SELECT count(*) FROM file WHERE side = ?", (s,)).fetchone()[0] for s in (MASK, IMAGE))
    pairs = db.execute(
        "SELECT count(DISTINCT m.base) FROM file m JOIN file i ON i.base = m.base AND i.side = 1 WHERE m.side = 0"
    ).fetchone()[0]
    return Tally(masks, images, pairs)


def index(db: sqlite3.Connection) -> None:
    """Sorts the files by name; again after `strip_suffix`."""
    db.execute("CREATE INDEX IF NOT EXISTS file_base ON file (base, side)")


def refuse_doubles(db: sqlite3.Connection, folders: list[str]) -> None:
    """Names that would give two samples one output, and masks or images that two samples would share."""
    db.execute("CREATE TABLE mask_key AS SELECT DISTINCT base, fold(base) AS folded FROM file WHERE side = 0")
    db.execute("CREATE INDEX mask_key_folded ON mask_key (folded)")
    db.execute("CREATE INDEX mask_key_base ON mask_key (base)")
    report(db, _several(db, folders, MASK, "two-masks"))
    report(db, _several(db, folders, IMAGE, "name-collision"))
    report(db, _collisions(db))
    report(db, _in_the_way(db))
    report(db, _unportable(db))
    report(db, _shared_images(db, folders))
    db.execute(
        "INSERT OR IGNORE INTO refused SELECT key FROM finding WHERE code IN ('two-masks', 'name-collision')"
        " AND key IS NOT NULL"
    )


def _several(db: sqlite3.Connection, folders: list[str], side: int, code: str) -> Iterator[Finding]:
    query = (
        "SELECT base, json_group_array(json_array(folder, rel)) FROM file WHERE side = ?1 AND base IN"
        " (SELECT base FROM file WHERE side = ?1 GROUP BY base HAVING count(*) > 1) AND base IN"
        " (SELECT base FROM mask_key) GROUP BY base"
    )
    for base, group in db.execute(query, (side,)):
        paths = sorted({folders[f] + rel for f, rel in json.loads(group)})
        what = "masks for one name" if side == MASK else "images for one mask"
        told = f"{len(paths)} {what}: {_some(paths)}" if len(paths) > 1 else f"{paths[0]} is there more than once"
        yield Finding.of(code, told, key=base, path=paths[0])


def _collisions(db: sqlite3.Connection) -> Iterator[Finding]:
    query = (
        "SELECT base, (SELECT json_group_array(base) FROM (SELECT base FROM mask_key k WHERE k.folded = m.folded"
        " ORDER BY base)) FROM mask_key m"
        " WHERE folded IN (SELECT folded FROM mask_key GROUP BY folded HAVING count(*) > 1)"
    )
    for base, group in db.execute(query):
        others = [name for name in json.loads(group) if name != base]
        how = "case" if any(o.lower() == base.lower() for o in others) else "Unicode form"
        shown = repr if how == "case" else ascii  # two forms of one letter look the same
        message = f"{shown(base)} differs only in {how} from {_some([shown(o) for o in others])}"
        yield Finding.of("name-collision", message, key=base)


def _in_the_way(db: sqlite3.Connection) -> Iterator[Finding]:
    """Folders that are called as another sample's mask or image will be, such as `a.png/` beside the mask `a.tif`."""
    told = set()
    for (base,) in db.execute("SELECT base FROM mask_key WHERE base GLOB '*.*/*'"):
        for end in (n for n, letter in enumerate(base) if letter == "/"):
            stem, ending = split_ending(base[:end])
            found = db.execute("SELECT base FROM mask_key WHERE folded = ?", (fold(stem),)).fetchone()
            if not ending or found is None:
                continue
            message = f"the folder {base[:end]!r} has the name that the output of {found[0]!r} gets"
            yield Finding.of("name-collision", message, key=base)
            if found[0] not in told:
                told.add(found[0])
                yield Finding.of("name-collision", message, key=found[0])


def unportable(name: str) -> bool:
    """Whether Windows has no such name: reserved characters and words, folders that end in a dot or a blank.

    >>> [name for name in ("a/b", "aux.1/b", "con", "a:b", "a./b", "a.", "auxiliary") if unportable(name)]
    ['aux.1/b', 'con', 'a:b', 'a./b']
    """
    return _RESERVED.search(name) is not None


def _unportable(db: sqlite3.Connection) -> Iterator[Finding]:
    for (base,) in db.execute("SELECT base FROM mask_key WHERE unportable(base)"):
        yield Finding.of("unportable-name", f"{base!r} is no name on Windows", key=base)


def _shared_images(db: sqlite3.Connection, folders: list[str]) -> Iterator[Finding]:
    """Only a list of pairs can name one image twice; folders never do."""
    query = (
        "SELECT i.base, i.folder, i.rel FROM file i"
        " JOIN (SELECT folder, rel FROM file WHERE side = 1 GROUP BY folder, rel"
        " HAVING count(DISTINCT base) > 1) d ON i.side = 1 AND i.folder = d.folder AND i.rel = d.rel"
    )
    for base, folder, rel in db.execute(query):
        message = f"its image {folders[folder] + rel} is listed for another mask too"
        yield Finding.of("two-masks", message, key=base, path=folders[folder] + rel)


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def join(db: sqlite3.Connection) -> None:
    """Fills the table of samples: every mask that is not refused, with its image where there is one."""
    db.execute(
        "INSERT INTO sample SELECT m.base, m.split, m.folder, m.rel, m.size, m.mtime, i.folder, i.rel, i.size, i.mtime"
        " FROM file m LEFT JOIN file i ON i.base = m.base AND i.side = 1"
        " WHERE m.side = 0 AND m.base NOT IN (SELECT base FROM refused) ORDER BY m.base"
    )

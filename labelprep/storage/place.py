"""Where files lie: a path on disk, or a URL with the same few methods that a path has.

A `Place` is a `pathlib.Path`, untouched, or a `Remote`. Code that says `place / "a.png"`, `.name` and `.read_bytes()`
works on both; what only disks have (links, locks, renaming) asks which one it is.
"""

from __future__ import annotations

import io
import json
import os
import posixpath
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path, PurePath
from typing import Any, TypeAlias

from labelprep.errors import EnvironmentFailure, UsageError
from labelprep.storage.file import File
from labelprep.storage.member import Member
from labelprep.storage.remote import Remote

__all__ = [
    "File",
    "Member",
    "Place",
    "Readable",
    "Remote",
    "absent",
    "files_below",
    "first_bytes",
    "for_pillow",
    "from_plain",
    "from_text",
    "is_below",
    "is_same",
    "joined",
    "keep_apart",
    "on_disk",
    "refuse_unwritable",
    "relative",
    "state_of",
    "to_place",
    "to_plain",
    "to_text",
]

SCHEMES = ("s3", "gs", "gcs", "memory")

Place: TypeAlias = Path | Remote
"""A path on disk, or a URL."""

Readable: TypeAlias = Path | File | Remote | Member
"""Where the bytes of a mask or image come from: a file, an object, or what lies in a container."""


def to_plain(place: Readable) -> str | list[Any]:
    """A place for JSON; `from_plain` is the way back."""
    return place.to_list() if isinstance(place, Member) else str(place)


def from_plain(value: str | list[Any]) -> Readable:
    """The place that `to_plain` wrote."""
    if isinstance(value, str):
        return to_place(value) if "://" in value else File(value)
    return Member(to_place(value[0]), *value[1:])


def to_text(place: Readable) -> str:
    """A place as one text, which for a member no path can be; `from_text` is the way back."""
    return f"\0{json.dumps(place.to_list())}" if isinstance(place, Member) else str(place)


def from_text(text: str) -> Readable:
    """The place that `to_text` wrote."""
    return from_plain(json.loads(text[1:]) if text.startswith("\0") else text)


def first_bytes(place: Readable, size: int) -> bytes:
    """The first bytes of a file, fewer where it ends.

    Raises:
        OSError: where it cannot be read.
    """
    return (File(place) if isinstance(place, Path) else place).read_range(0, size)


def absent(places: Sequence[Place]) -> list[Place]:
    """Those that are not there; objects are looked up in one listing, as asking for each would take a round trip."""
    objects = [place.path for place in places if isinstance(place, Remote)]
    scheme = next((place.scheme for place in places if isinstance(place, Remote)), "")
    top = posixpath.commonpath([posixpath.dirname(path) for path in objects]) if objects else ""
    held = {item.name for item in Remote(scheme, top).below()} if objects else set()
    return [p for p in places if (p.path not in held if isinstance(p, Remote) else not p.is_file())]


def files_below(folder: Place) -> Iterator[str]:
    """Every file below a place, by its path from there, in no order and without a list of names, which may be long.

    What cannot be listed, or is not there, holds nothing.
    """
    if isinstance(folder, Remote):
        yield from (item.name[len(folder.path) + 1 :] for item in folder.below())
        return
    yield from _files_below(folder, "")


def _files_below(folder: Path, front: str) -> Iterator[str]:
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _files_below(folder / entry.name, f"{front}{entry.name}/")
            else:
                yield front + entry.name


def joined(folder: Path, text: str) -> Place:
    """A place as it stands in a file of `folder`: a URL, or a path seen from there."""
    return to_place(text) if "://" in text else folder / text


def state_of(path: Readable) -> tuple[int, int]:
    """Bytes of a file or an object, and its time in nanoseconds or the number of its version.

    What lies in a container changes when that does.

    Raises:
        OSError: where there is none.
    """
    if isinstance(path, File):  # nearly all of them
        state = os.stat(path)  # noqa: PTH116
        return state.st_size, state.st_mtime_ns
    if isinstance(path, Member):
        return path.size, state_of(path.container)[1]
    if isinstance(path, Remote):
        found = path.stat()
        return found.size, found.version
    state = path.stat()
    return state.st_size, state.st_mtime_ns


def for_pillow(path: Readable) -> Path | io.BytesIO:
    """What `Image.open` takes.

    Raises:
        OSError: where an object is not there.
    """
    return Path(path) if isinstance(path, File | Path) else io.BytesIO(path.read_bytes())


def to_place(text: str | PurePath | Remote) -> Place:
    """The place that a text names: a URL, or else a path on disk.

    Raises:
        UsageError: for a scheme that is not known, and for a URL with credentials or without a bucket.

    >>> to_place("s3://bucket/set/") / "masks/a.png"
    Remote(scheme='s3', path='bucket/set/masks/a.png')
    >>> to_place("file:///data/set").as_posix()
    '/data/set'
    """
    if isinstance(text, Path | Remote):
        return text
    scheme, mark, path = str(text).partition("://")
    if not mark or not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*", scheme):
        return Path(text)
    scheme = scheme.lower()
    if scheme == "file" and path.startswith("/"):
        return Path(path[1:] if re.match(r"/[A-Za-z]:", path) else path)
    if scheme not in SCHEMES:
        message = (
            f"no way to read {scheme}://; expected a path, file:///… or one of {', '.join(f'{s}://' for s in SCHEMES)}"
        )
        raise UsageError(message)
    bucket = path.partition("/")[0]
    if "@" in bucket or ":" in bucket:
        message = f"the bucket of a {scheme}:// URL holds '@' or ':'; credentials never stand in a URL"
        raise UsageError(message, hint="give them as the store's own tools take them: environment, profile or role")
    parts = path.strip("/").split("/")
    if not bucket or {"", ".", ".."} & set(parts):
        message = f"expected {scheme}://BUCKET/FOLDER without empty parts, '.' or '..', got {text}"
        raise UsageError(message)
    return Remote(scheme, "/".join(parts))


def on_disk(path: Place, what: str) -> Path:
    """A place that only a disk can be.

    Raises:
        UsageError: for a URL.
    """
    if isinstance(path, Remote):
        message = f"{what} must lie on a disk"
        raise UsageError(message, path=path, hint="give a path; datasets and prepared folders alone may be URLs")
    return path


def is_below(inner: Place, outer: Place) -> bool:
    """Whether a place is another one or lies below it; never across stores."""
    if isinstance(inner, Remote) or isinstance(outer, Remote):
        return isinstance(inner, Remote) and inner.is_relative_to(outer)
    return inner.is_relative_to(outer)


def relative(inner: Place, outer: Place) -> str:
    """The way from a place to one below it, POSIX; "." where both are one.

    Raises:
        ValueError: where it does not lie below.
    """
    if is_below(inner, outer):
        return inner.relative_to(outer).as_posix()  # type: ignore[arg-type]  # both are of one kind
    message = f"{inner} does not lie below {outer}"
    raise ValueError(message)


def keep_apart(out: Place, source: Place, what: str) -> None:
    """Refuses an output inside the folder that it is made of, which the next run would read too, or around it.

    Args:
        out: the folder that is to be written.
        source: a folder that is read.
        what: what the source is, as the end of the message.

    Raises:
        UsageError: where one lies inside the other, or both are one.
    """
    if is_below(out.resolve(), source.resolve()):
        message = f"the output would lie inside {source}, {what}"
    elif is_below(source.resolve(), out.resolve()):
        message = f"the output would lie around {source}, {what}"
    else:
        return
    raise UsageError(message, path=out, hint="choose a folder beside it")


def refuse_unwritable(out: Place) -> None:
    """Tells before hours of work that a folder lies on a read-only disk, or is somebody else's; stores tell later.

    Raises:
        EnvironmentFailure: where nothing can be written into the folder, or where it would be made.
    """
    if isinstance(out, Remote):
        return
    there = next(folder for folder in (out.absolute(), *out.absolute().parents) if folder.exists())
    if there.is_dir() and not os.access(there, os.W_OK | os.X_OK):
        message = "cannot be written: no permission, or a read-only disk"
        raise EnvironmentFailure(message, path=there, hint="make it writable, or choose another folder: -o OUT")


def is_same(one: Place, other: Place) -> bool:
    """Whether two places that are there are one."""
    if isinstance(one, Remote) or isinstance(other, Remote):
        return one == other
    return one.samefile(other)

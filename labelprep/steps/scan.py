"""The files below a folder, streamed: no list of names in memory, links judged, nothing left out in silence."""

from __future__ import annotations

import heapq
import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PureWindowsPath
from typing import NamedTuple

from labelprep.errors import EnvironmentFailure
from labelprep.findings import Finding
from labelprep.formats.folders import is_folder
from labelprep.formats.layouts import ENDINGS, split_ending
from labelprep.formats.unread import unread_file
from labelprep.storage.place import Place, Remote, is_below

_DEPTH = 64  # folders inside folders; deeper is a loop that the system does not show as a link


class Entry(NamedTuple):
    """One picture.

    Attributes:
        stem: path below the folder, POSIX, without the last ending.
        rel: the same with the ending as it is written.
        ending: in lower case.
        size: bytes.
        mtime_ns: time of the last change, nanoseconds; of an object, the number of its version.
    """

    stem: str
    rel: str
    ending: str
    size: int
    mtime_ns: int


@dataclass(frozen=True)
class Borders:
    """Where links may lead.

    Attributes:
        folder: the folder that is scanned.
        allowed: folders whose content belongs to the dataset, resolved.
        skipped: a folder inside `folder` that is left out (images kept inside the folder of masks).
        endings: of the files that are wanted, in lower case.
    """

    folder: Place
    allowed: Sequence[Place]
    skipped: Place | None = None
    endings: tuple[str, ...] = ENDINGS

    def inside(self, target: Place) -> bool:
        """Whether a resolved path belongs to the dataset."""
        return any(is_below(target, base) for base in self.allowed)

    def unread(self, rel: str) -> Finding | None:
        """The finding for a file of a form that others write masks in; None for any other that is no picture."""
        return unread_file(rel) if self.endings == ENDINGS and readable_name(rel) else None


def scan(borders: Borders) -> Iterator[Entry | Finding]:
    """Every picture below a folder, in the order of the file system, and a finding for each that cannot be taken.

    Links to files are taken where they lead inside the dataset. Links to folders are followed once, after all real
    folders and in the order of their names, and not at all where they lead to a folder that is scanned already.
    """
    folder = borders.folder
    if isinstance(folder, Remote):
        yield from _objects(borders, folder)
        return
    home = folder.resolve()
    links: list[str] = []
    yield from _walk(borders, folder, "", links)
    heapq.heapify(links)
    visited: set[Place] = set()
    while links:
        rel = heapq.heappop(links)
        target = (folder / rel).resolve()
        if not borders.inside(target):
            yield refused(rel, "is a link to a folder outside the dataset")
        elif target in visited or target.is_relative_to(home) or home.is_relative_to(target):
            message = f"{rel} is a link to a folder that is scanned already; it is not followed"
            yield replace(Finding.of("unreadable-file", message, path=rel), severity="note", fix=None)
        else:
            visited.add(target)
            more: list[str] = []
            yield from _walk(borders, folder, f"{rel}/", more)
            for link in more:
                heapq.heappush(links, link)


def _objects(borders: Borders, folder: Remote) -> Iterator[Entry | Finding]:
    """The same of a store, where a key may be what no path can be."""
    start = len(folder.path) + 1
    for item in folder.below():
        rel = item.name[start:]
        stem, ending = split_ending(rel, borders.endings)
        unread = None if ending else borders.unread(rel)
        if not (ending or unread) or (borders.skipped is not None and _lies_in(item.name, borders.skipped)):
            continue
        parts = rel.split("/")
        if not _is_path(rel):
            yield refused(rel, "is a key with '.', '..' or nothing between two slashes, which no path can have")
        elif any(part.startswith(".") for part in parts) or "__MACOSX" in parts:
            continue
        else:
            yield unread or Entry(stem, rel, ending, item.size, item.version)


def _is_path(key: str) -> bool:
    """Whether a key can be a path below a folder on any system: written to disk, it must not leave the folder."""
    return not {"", ".", ".."} & set(re.split(r"[/\\]", key)) and not (
        sys.platform == "win32" and PureWindowsPath(key).drive
    )


def _lies_in(name: str, folder: Place) -> bool:
    return isinstance(folder, Remote) and name.startswith(f"{folder.path}/")


def refused(rel: str, why: str) -> Finding:
    """The finding for a path that is not taken; bytes that are no UTF-8 are shown as escapes."""
    shown = rel.encode("utf-8", "backslashreplace").decode()
    return Finding.of("unreadable-file", f"{shown} {why}", path=shown)


def readable_name(name: str) -> bool:
    """Whether a name is valid Unicode, so that it can be written to JSON and be a key."""
    if name.isascii():
        return True
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _walk(borders: Borders, folder: Path, top: str, links: list[str]) -> Iterator[Entry | Finding]:
    waiting = [top]
    while waiting:
        prefix = waiting.pop()
        try:
            with os.scandir(folder / prefix) as entries:
                for entry in entries:
                    if entry.name.startswith(".") or entry.name == "__MACOSX":
                        continue
                    if is_folder(entry):
                        yield from _enter(borders, entry, prefix, waiting, links)
                        continue
                    stem, ending = split_ending(entry.name, borders.endings)
                    if ending:
                        yield _take(borders, entry, prefix, prefix + stem, ending)
                    elif (unread := borders.unread(prefix + entry.name)) is not None:
                        yield unread
        except OSError as error:
            if not prefix:  # without it there is nothing to say of any file
                message = f"cannot be listed: {error.strerror or error}"
                raise EnvironmentFailure(
                    message, path=borders.folder, hint="make it readable, then run again"
                ) from error
            yield refused(prefix, f"cannot be listed: {error.strerror or error}")


def _enter(
    borders: Borders, entry: os.DirEntry[str], prefix: str, waiting: list[str], links: list[str]
) -> Iterator[Finding]:
    rel = prefix + entry.name
    if not readable_name(entry.name):
        yield refused(rel, f"is a folder whose name is not valid UTF-8: {entry.name!r}")
    elif is_link(entry):
        links.append(rel)
    elif rel.count("/") >= _DEPTH:
        yield refused(rel, f"lies more than {_DEPTH} folders deep")
    elif borders.skipped is None or Path(entry.path) != borders.skipped:
        waiting.append(f"{rel}/")


def is_link(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a symbolic link or a Windows junction."""
    junction = getattr(entry, "is_junction", None)  # from Python 3.12 on
    return entry.is_symlink() or bool(junction and junction())


def _take(borders: Borders, entry: os.DirEntry[str], prefix: str, stem: str, ending: str) -> Entry | Finding:
    rel = prefix + entry.name
    if not readable_name(rel):
        return refused(rel, f"has a name that is not valid UTF-8: {entry.name!r}")
    try:
        if entry.is_symlink() and not borders.inside(Path(entry.path).resolve()):
            return refused(rel, "is a link that leads out of the dataset")
        state = entry.stat()
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links before Python 3.13
        return refused(rel, f"cannot be read: {getattr(error, 'strerror', None) or 'a loop of links'}")
    if not entry.is_file():
        return refused(rel, "is no regular file")
    return Entry(stem, rel, ending, state.st_size, state.st_mtime_ns)

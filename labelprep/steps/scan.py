"""The files below a folder, streamed: no list of names in memory, links judged, nothing left out in silence."""

from __future__ import annotations

import heapq
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from labelprep.findings import Finding
from labelprep.formats.folders import is_folder
from labelprep.formats.layouts import split_ending

_DEPTH = 64  # folders inside folders; deeper is a loop that the system does not show as a link


@dataclass(frozen=True)
class Entry:
    """One picture.

    Attributes:
        stem: path below the folder, POSIX, without the last ending.
        rel: the same with the ending as it is written.
        ending: in lower case.
        size: bytes.
        mtime_ns: time of the last change, nanoseconds.
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
    """

    folder: Path
    allowed: Sequence[Path]
    skipped: Path | None = None

    def inside(self, target: Path) -> bool:
        """Whether a resolved path belongs to the dataset."""
        return any(target.is_relative_to(base) for base in self.allowed)


def scan(borders: Borders) -> Iterator[Entry | Finding]:
    """Every picture below a folder, in the order of the file system, and a finding for each that cannot be taken.

    Links to files are taken where they lead inside the dataset. Links to folders are followed once, after all real
    folders and in the order of their names, and not at all where they lead to a folder that is scanned already.
    """
    home = borders.folder.resolve()
    links: list[str] = []
    yield from _walk(borders, "", links)
    heapq.heapify(links)
    visited: set[Path] = set()
    while links:
        rel = heapq.heappop(links)
        target = (borders.folder / rel).resolve()
        if not borders.inside(target):
            yield refused(rel, "is a link to a folder outside the dataset")
        elif target in visited or target.is_relative_to(home) or home.is_relative_to(target):
            message = f"{rel} is a link to a folder that is scanned already; it is not followed"
            yield replace(Finding.of("unreadable-file", message, path=rel), severity="note", fix=None)
        else:
            visited.add(target)
            more: list[str] = []
            yield from _walk(borders, f"{rel}/", more)
            for link in more:
                heapq.heappush(links, link)


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


def _walk(borders: Borders, top: str, links: list[str]) -> Iterator[Entry | Finding]:
    waiting = [top]
    while waiting:
        prefix = waiting.pop()
        try:
            with os.scandir(borders.folder / prefix) as entries:
                for entry in entries:
                    if entry.name.startswith(".") or entry.name == "__MACOSX":
                        continue
                    if is_folder(entry):
                        yield from _enter(borders, entry, prefix, waiting, links)
                    elif split_ending(entry.name)[1]:
                        yield _take(borders, entry, prefix)
        except OSError as error:
            yield refused(prefix or ".", f"cannot be listed: {error.strerror or error}")


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


def _take(borders: Borders, entry: os.DirEntry[str], prefix: str) -> Entry | Finding:
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
    stem, ending = split_ending(rel)
    return Entry(stem, rel, ending, state.st_size, state.st_mtime_ns)

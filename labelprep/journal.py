"""The journal of a prepared folder: one line a sample that is done, which survives whatever kills the run.

The driver alone writes it, one append a batch. A kill may leave its last line unfinished; that sample is done again.
"""

from __future__ import annotations

import json
import os
import posixpath
import shutil
import time
from collections.abc import Iterable, Iterator

from labelprep.errors import EnvironmentFailure, naming
from labelprep.prepared import STATE
from labelprep.storage.atomic import discard, write_chunks, write_lines
from labelprep.storage.parts import Parts
from labelprep.storage.place import Place, Remote

FORMER = "former.jsonl"  # beside the journal: the lines of runs that were replaced
SYNC_EVERY = 1.0  # seconds of work that a loss of power may cost; a killed run loses nothing that is written


class Journal:
    """The journal of one folder, on a disk or in a store, where nothing can be appended and parts are written instead.

    Args:
        out: the prepared folder.
    """

    def __init__(self, out: Place) -> None:
        self._path = path = out / STATE / "journal.jsonl"
        self._parts = Parts(path) if isinstance(path, Remote) else None
        self._torn = _is_torn(path)
        self._next_sync = time.monotonic() + SYNC_EVERY

    def lines(self) -> Iterator[tuple[str, str, str]]:
        """(key, ending of the image, line) of every whole line."""
        return _read(self._path)

    def former_lines(self) -> Iterator[tuple[str, str, str]]:
        """The same of the runs that were replaced."""
        return _read(self._path.with_name(FORMER))

    def append(self, lines: bytes) -> None:
        """Writes whole lines behind the others.

        Raises:
            EnvironmentFailure: where the journal cannot be written.
        """
        path = self._path
        if self._parts is not None:
            self._parts.append(lines)
        if isinstance(path, Remote):
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("ab") as file:
                file.write(b"\n" + lines if self._torn else lines)
                self._torn = False
                file.flush()
                if time.monotonic() >= self._next_sync:  # at every batch of eight masks it took a tenth of a run
                    os.fsync(file.fileno())
                    self._next_sync = time.monotonic() + SYNC_EVERY
        except OSError as error:
            message = f"cannot write: {error.strerror or error}"
            raise EnvironmentFailure(message, path=path, hint="make room or permission, then run again") from error

    def send(self) -> None:
        """Sends what a store was not told yet.

        Raises:
            EnvironmentFailure: where it does not take it.
        """
        if self._parts is not None:
            self._parts.send()

    def replace(self, lines: Iterable[bytes]) -> None:
        """Puts these lines, with their ends, in place of all, and forgets the runs before.

        Raises:
            EnvironmentFailure: where the journal cannot be written.
        """
        write_chunks(self._path, lines)
        if self._parts is not None:
            self._parts.clear()
        discard(self._path.with_name(FORMER))


def put_aside(out: Place) -> None:
    """Takes the journal's lines out of use, but keeps them at hand: what they tell of is swept at the end of the run.

    Raises:
        OSError: where the folder cannot be changed.
    """
    journal = out / STATE / "journal.jsonl"
    former = journal.with_name(FORMER)
    if isinstance(journal, Remote) or isinstance(former, Remote):
        _put_aside_objects(journal, former)
        return
    if not journal.exists():
        return
    if former.exists():
        with journal.open("rb") as lines, former.open("ab") as file:
            file.write(b"\n")
            shutil.copyfileobj(lines, file)
        journal.unlink()
    else:
        journal.replace(former)


def _put_aside_objects(journal: Place, former: Place) -> None:
    if next(_read(journal), None) is not None:
        whole = (line for place in (former, journal) for *_, line in _read(place))
        write_lines(former, (line.rstrip("\n") for line in whole))
    if isinstance(journal, Remote):
        Parts(journal).clear()
        journal.unlink(missing_ok=True)


def _read(journal: Place) -> Iterator[tuple[str, str, str]]:
    """(key, ending of the image, line) of every whole line; what a killed run left unfinished is passed over."""
    for line in _lines_in(journal):
        try:
            text = line.decode()
            row = json.loads(text)["row"]
            key, image = row["key"], row["image"]
        except (ValueError, KeyError, TypeError):
            continue
        yield key, posixpath.splitext(image)[1] if image else "", text


def _lines_in(journal: Place) -> Iterator[bytes]:
    if isinstance(journal, Remote) and journal.name != FORMER:
        yield from Parts(journal).lines()
        return
    try:
        with naming(journal):
            file = journal.open("rb")  # as bytes, because a kill may cut a character in two
    except FileNotFoundError:
        return
    with naming(journal), file:
        yield from file


def _is_torn(journal: Place) -> bool:
    """Whether the journal ends in the middle of a line, which the next line must not continue; no object does."""
    if isinstance(journal, Remote):
        return False
    try:
        with naming(journal), journal.open("rb") as file:
            if file.seek(0, os.SEEK_END) == 0:
                return False
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"
    except FileNotFoundError:
        return False

"""A folder for the tables of one run, gone when the run is over; a killed run's goes when the next one starts."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from labelprep.errors import EnvironmentFailure
from labelprep.interrupts import deferred
from labelprep.storage.lock import exclusive

PREFIX = "labelprep-"
YOUNG = 60.0  # seconds in which a folder may be made and not be locked yet
# What SQLite says of the place, and not of the question
_PLACE = {
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CORRUPT,  # also where a page could not be read
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_NOTADB,
}

_DISK = {errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EFBIG}


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder of the run's own below the system's folder for temporary files.

    Raises:
        EnvironmentFailure: where it cannot be made, or the tables in it cannot be written or read.
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    except OSError as error:
        message = f"no folder for temporary files: {error.strerror or error}"
        raise EnvironmentFailure(message, path=error.filename, hint="set TMPDIR to a folder with room") from error
    try:
        with kept_tables(folder), ExitStack() as held:
            with suppress(EnvironmentFailure):  # where nothing can be locked, nothing is swept
                held.enter_context(exclusive(folder))
            _sweep(folder)
            yield folder
    finally:
        with deferred():  # a second Ctrl-C may strike meanwhile
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def kept_tables(folder: Path | None = None) -> Iterator[None]:
    """Says of tables that a disk does not take or give back where they lie.

    Args:
        folder: of the tables; None for those that SQLite puts among the system's temporary files.

    Raises:
        EnvironmentFailure: where the disk is full or fails.
    """
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        if not of_the_place(error):
            raise
        message = f"the tables of this run cannot be kept: {error}"
        place = folder or os.environ.get("TMPDIR")
        raise EnvironmentFailure(message, path=place, hint="make room, or set TMPDIR to another folder") from error


def of_the_place(error: sqlite3.Error | OSError) -> bool:
    """Whether an error is about the disk of the tables: no mistake of ours, and not about a file that it names."""
    if isinstance(error, OSError):
        return error.filename is None and error.errno in _DISK
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _PLACE


def _sweep(mine: Path) -> None:
    """Removes the folders of runs that were killed: nobody holds them."""
    for folder in mine.parent.glob(f"{PREFIX}*"):
        with suppress(OSError, EnvironmentFailure):  # somebody else's, or held
            state = folder.lstat()
            ours = folder != mine and state.st_uid == mine.lstat().st_uid and (folder / ".labelprep" / "lock").is_file()
            if ours and not folder.is_symlink() and time.time() - state.st_mtime > YOUNG:
                with exclusive(folder):
                    shutil.rmtree(folder, ignore_errors=True)

"""One run at a time in a folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from labelprep.errors import EnvironmentFailure

_LOCKED_BYTE = 1 << 30  # far behind the text, because Windows locks bytes against readers


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Holds a folder for this process; the system lets go of it when the process ends, however it ends.

    Raises:
        EnvironmentFailure: where another run holds it, naming that process, or the folder cannot be written or locked.
    """
    path = folder / ".labelprep" / "lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = path.open("a+", encoding="utf-8")
    except OSError as error:
        message = f"cannot write: {error.strerror or error}"
        raise EnvironmentFailure(message, path=path, hint="make room or permission, or choose another `out`") from None
    with stream:
        if not _locked(stream, path):
            stream.seek(0)
            message = f"another run (process {stream.read().strip() or 'unknown'}) works in {folder}"
            raise EnvironmentFailure(message, code="busy", hint="wait for it to end, or stop it")
        stream.truncate(0)
        stream.write(f"{os.getpid()}\n")
        stream.flush()
        try:
            yield
        finally:
            stream.truncate(0)


def _locked(stream: IO[str], path: Path) -> bool:
    try:
        return _try_lock(stream)
    except OSError as error:
        message = f"cannot be locked: {error.strerror or error}"
        raise EnvironmentFailure(
            message, path=path, hint="choose another `out`, on a file system with locks"
        ) from error


if sys.platform == "win32":
    import msvcrt

    def _try_lock(stream: IO[str]) -> bool:
        stream.seek(_LOCKED_BYTE)
        try:
            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
        except PermissionError:  # held; another error says that locks do not work here
            return False
        finally:
            stream.seek(0)
        return True

else:
    import fcntl

    def _try_lock(stream: IO[str]) -> bool:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

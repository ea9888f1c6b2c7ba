"""One run at a time in a folder."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from labelprep.errors import EnvironmentFailure
from labelprep.storage.place import Place, Remote

_LOCKED_BYTE = 1 << 30  # far behind the text, because Windows locks bytes against readers


@contextmanager
def exclusive(folder: Place) -> Iterator[Callable[[], None]]:
    """Holds a folder for this process; the system lets go of it when the process ends, however it ends.

    Process and host stand in the lock file for people alone: only the system's lock says whether a folder is held.

    Yields:
        Raises `EnvironmentFailure` where the folder is not held any more, which only a store can bring about.

    Raises:
        EnvironmentFailure: where another run holds it, naming its process, or the folder cannot be written or locked.
    """
    if isinstance(folder, Remote):
        from labelprep.storage.lease import leased

        with leased(folder) as check:
            yield check
        return
    path = folder / ".labelprep" / "lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0))
    except OSError as error:
        message = f"cannot write: {error.strerror or error}"
        raise EnvironmentFailure(message, path=path, hint="make room or permission, or choose another folder") from None
    try:
        if not _locked(file, path):
            message = f"another run ({_holder(file)}) works in {folder}"
            raise EnvironmentFailure(message, code="busy", hint="wait for it to end, or stop it")
        _write(file, f"process {os.getpid()} on {platform.node() or 'this machine'}\n")
        try:
            yield lambda: None
        finally:
            _write(file, "")
    finally:
        with suppress(OSError):  # it is gone all the same
            os.close(file)


def _locked(file: int, path: Path) -> bool:
    try:
        return _try_lock(file)
    except OSError as error:
        message = f"cannot be locked: {error.strerror or error}"
        raise EnvironmentFailure(
            message, path=path, hint="choose another folder, on a file system with locks"
        ) from error


def _holder(file: int) -> str:
    with suppress(OSError):
        os.lseek(file, 0, os.SEEK_SET)
        return os.read(file, 1000).decode("utf-8", "replace").strip() or "unknown process"
    return "unknown process"


def _write(file: int, text: str) -> None:
    """Writes who holds the folder, where that is possible; on a full disk the lock holds all the same."""
    with suppress(OSError):
        os.ftruncate(file, 0)
        os.lseek(file, 0, os.SEEK_SET)
        os.write(file, text.encode("utf-8", "replace"))


if sys.platform == "win32":
    import msvcrt

    def _try_lock(file: int) -> bool:
        os.lseek(file, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except PermissionError:  # held; another error says that locks do not work here
            return False
        return True

else:
    import fcntl

    def _try_lock(file: int) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

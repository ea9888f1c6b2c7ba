"""Files written whole or not at all."""

from __future__ import annotations

import contextlib
import filecmp
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from labelprep.errors import EnvironmentFailure, UsageError
from labelprep.storage.place import Place, Remote

TEMPORARY = ".tmp"
Somewhere = TypeVar("Somewhere", Path, Remote, Place)
_COMPARED = 1 << 20  # bytes at a time
_TEMPORARY = re.compile(rf"\.[0-9a-f]{{16}}\.(\d+){re.escape(TEMPORARY)}")  # what temporary_name gives
_DEVICES = "/dev"  # holds names that are links to plain files, such as /dev/stdout in `> file`


def write_atomic(path: Place, data: bytes) -> None:
    """Writes a file whole or not at all: a temporary file in the same folder, then `os.replace`.

    Raises:
        UsageError: where something else than a file lies there.
        EnvironmentFailure: disk full, no permission; the temporary file is gone.
    """
    if isinstance(path, Remote):
        _send(path, lambda: path.put(data))
    else:
        _exchange(str(path), data)


def write_below(folder: Place, path: str, data: bytes) -> None:
    """Writes a file below a folder as `write_atomic` does; no link on the way may lead out of the folder.

    Args:
        folder: the folder.
        path: from there, POSIX.
        data: the content.

    Raises:
        UsageError: where what is written would land elsewhere, or something else than a file lies there.
        EnvironmentFailure: disk full, no permission; the temporary file is gone.
    """
    if isinstance(folder, Remote):
        write_atomic(folder / path, data)
        return
    whole = os.path.join(folder, path)  # noqa: PTH118 - a `Path` takes as long as a link to look for
    if _may_lead_out(str(folder), whole):
        confined(folder, Path(whole))
    _exchange(whole, data)


def _exchange(path: str, data: bytes) -> None:
    temporary = _temporary_beside(path)
    try:
        try:
            _write(temporary, data)
        except FileNotFoundError:  # the first file of a folder
            os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
            _write(temporary, data)
        os.replace(temporary, path)  # noqa: PTH105 - the atomic one on every system
    except OSError as error:
        discard(Path(temporary))
        message = f"cannot write: {error.strerror or error}"
        raise EnvironmentFailure(message, path=path, hint="make room or permission, then run again") from error


def _write(path: str, data: bytes) -> None:
    """Without a buffer, as all is there: for every mask, that is a fifth of the time."""
    with open(path, "wb", buffering=0) as file:  # noqa: PTH123
        rest = memoryview(data)
        while rest:
            rest = rest[file.write(rest) :]


def write_lines(path: Place, lines: Iterable[str], *, before_change: Callable[[], None] | None = None) -> None:
    """Writes lines of UTF-8 text, streamed, whole or not at all; a file that holds them already is left alone.

    Args:
        path: the file.
        lines: without their line ends.
        before_change: called when all is written beside the file and only the exchange is left to do.

    Raises:
        UsageError: where something else than a file lies there.
        OSError: what the lines themselves raise of a file elsewhere.
        EnvironmentFailure: disk full, no permission; the temporary file is gone.
    """
    write_chunks(path, (f"{line}\n".encode() for line in lines), before_change=before_change)


def write_chunks(path: Place, chunks: Iterable[bytes], *, before_change: Callable[[], None] | None = None) -> None:
    """The same of bytes, one chunk behind the other."""
    if isinstance(path, Remote):
        _send_chunks(path, chunks, before_change)
        return
    temporary = temporary_name(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.writelines(chunks)
        if path.is_file() and filecmp.cmp(path, temporary, shallow=False):
            return
        if before_change is not None:
            before_change()
        os.replace(temporary, path)  # noqa: PTH105 - the atomic one on every system
    except OSError as error:
        if isinstance(error.filename, str) and Path(error.filename) not in (temporary, path, *path.parents):
            raise  # a file that the chunks come from
        message = f"cannot write: {error.strerror or error}"
        raise EnvironmentFailure(message, path=path, hint="make room or permission, then run again") from error
    finally:
        discard(temporary)  # also where the chunks themselves end in an error


def _send(path: Remote, put: Callable[[], None]) -> None:
    """Puts an object, which is seen whole or not at all.

    Raises:
        EnvironmentFailure: where it is not taken.
    """
    try:
        put()
    except OSError as error:
        message = f"cannot write: {error.strerror or error}"
        raise EnvironmentFailure(message, path=path, hint="check the bucket and what your credentials allow") from error


def _send_chunks(path: Remote, chunks: Iterable[bytes], before_change: Callable[[], None] | None) -> None:
    from labelprep.storage.scratch import scratch

    with scratch() as folder:
        whole = folder / "whole"
        try:
            with whole.open("wb") as file:
                file.writelines(chunks)
        except OSError as error:
            message = f"cannot write: {error.strerror or error}"
            raise EnvironmentFailure(message, path=folder, hint="make room, then run again") from error
        if _holds(path, whole):
            return
        if before_change is not None:
            before_change()
        _send(path, lambda: path.put_file(whole))


def _holds(path: Remote, whole: Path) -> bool:
    """Whether an object has the content of a file."""
    try:
        if path.stat().size != whole.stat().st_size:
            return False
        with path.open("rb") as there, whole.open("rb") as here:
            return all(there.read(len(part)) == part for part in iter(lambda: here.read(_COMPARED), b""))
    except FileNotFoundError:
        return False


def temporary_name(path: Path) -> Path:
    """A name beside `path` that nobody else uses, on this host or another, and that is short whatever `path` is called.

    Raises:
        UsageError: where something lies at `path` that is no file and must not be replaced by one.
    """
    return Path(_temporary_beside(str(path)))


def _temporary_beside(path: str) -> str:
    _check_replaceable(path)
    folder = os.path.dirname(path) or "."  # noqa: PTH120
    return f"{folder}/.{secrets.token_hex(8)}.{os.getpid()}{TEMPORARY}"


def _check_replaceable(path: str) -> None:
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116
    except OSError:  # nothing there, or a link to nothing; all else is told by whoever writes
        return
    if stat.S_ISREG(mode) and os.path.dirname(path) != _DEVICES:  # noqa: PTH120
        return
    kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    what = kinds.get(stat.S_IFMT(mode), "a device")
    message = f"is {what}; expected a file, or nothing, which a file can take the place of"
    raise UsageError(message, path=path, hint="give the name of a file")


def sweep_temporary(folder: Place) -> None:
    """Removes the temporary files in a folder whose processes have gone without removing them; stores have none."""
    if isinstance(folder, Remote):
        return
    with contextlib.suppress(OSError):
        for path in folder.glob(f".*{TEMPORARY}"):
            found = _TEMPORARY.fullmatch(path.name)
            if found and not _is_running(int(found[1])):
                discard(path)


def _is_running(process: int) -> bool:
    if os.name == "nt":  # where signal 0 is not a question
        return process == os.getpid()
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def confined(folder: Place, path: Somewhere) -> Somewhere:
    """A path below a folder, unless a link on the way leads out of it; stores have no links.

    Raises:
        UsageError: where what is written there would land elsewhere.
    """
    if isinstance(path, Remote) or isinstance(folder, Remote):
        return path
    if not _may_lead_out(str(folder), str(path)) or path.parent.resolve().is_relative_to(folder.resolve()):
        return path
    message = f"{path.parent.relative_to(folder)} is a link that leads out of {folder}; nothing is written there"
    raise UsageError(message, path=path, hint="put a real folder in its place")


def _may_lead_out(folder: str, path: str) -> bool:
    """Whether there is a link or a `..` on the way; a look at each folder costs less than resolving all of them."""
    if not path.startswith(f"{folder}{os.sep}"):
        return True
    here = folder
    for part in path[len(folder) + 1 :].replace(os.sep, "/").split("/")[:-1]:
        here = f"{here}/{part}"
        if part == ".." or os.path.islink(here):  # noqa: PTH114 - a tenth of the time, for every mask
            return True
    return False


def discard(path: Place) -> None:
    """Removes a temporary file where that is possible; what cannot be removed is swept at the next start."""
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)

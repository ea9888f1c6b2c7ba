"""An object in a store, with the few methods of a path that labelprep uses; nothing is loaded before one is called."""

from __future__ import annotations

import errno
import fnmatch
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath
from typing import IO, TYPE_CHECKING, Any, Literal, overload

from labelprep.errors import EnvironmentFailure, UsageError

if TYPE_CHECKING:
    from labelprep.storage.fetch import Found

_CHUNK = 1 << 20  # bytes of one request while an object is read bit by bit


@dataclass(frozen=True, order=True)
class Remote:
    """An object in a store, or the folder of all objects whose keys start alike.

    Attributes:
        scheme: `s3`, `gs`, `gcs` or `memory`.
        path: bucket and key, without slashes at the ends.
    """

    scheme: str
    path: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.path}"

    def __truediv__(self, other: str | PurePath) -> Remote:
        """The place below this one.

        Raises:
            UsageError: for a path that climbs out, or an absolute one.
        """
        rest = other if isinstance(other, str) else other.as_posix()
        if rest.startswith("/") or ".." in rest.split("/"):
            message = f"expected a path below it, got {rest!r}"
            raise UsageError(message, path=str(self))
        return self if rest in ("", ".") else Remote(self.scheme, f"{self.path}/{rest}".rstrip("/"))

    @property
    def name(self) -> str:
        """What stands behind the last slash."""
        return self.path.rpartition("/")[2]

    @property
    def stem(self) -> str:
        """The name without its last ending."""
        return PurePosixPath(self.name).stem

    @property
    def suffix(self) -> str:
        """The last ending of the name, as in `.png`."""
        return PurePosixPath(self.name).suffix

    @property
    def parent(self) -> Remote:
        """The folder around it; a bucket is its own parent."""
        return Remote(self.scheme, self.path.rpartition("/")[0] or self.path)

    def with_name(self, name: str) -> Remote:
        """Another name in the same folder."""
        return self.parent / name

    def as_posix(self) -> str:
        """The URL."""
        return str(self)

    def is_absolute(self) -> bool:
        """Always."""
        return True

    def resolve(self) -> Remote:
        """Itself: there are no links."""
        return self

    def samefile(self, other: object) -> bool:
        """Whether both are one place."""
        return self == other

    def is_relative_to(self, other: object) -> bool:
        """Whether it is `other` or lies below it."""
        return self == other or (
            isinstance(other, Remote) and self.scheme == other.scheme and self.path.startswith(f"{other.path}/")
        )

    def relative_to(self, other: object) -> PurePosixPath:
        """The way from `other` to it.

        Raises:
            ValueError: where it does not lie below.
        """
        if not isinstance(other, Remote) or not self.is_relative_to(other):
            message = f"{self} does not lie below {other}"
            raise ValueError(message)
        return PurePosixPath(self.path[len(other.path) + 1 :])

    def stat(self) -> Found:
        """Size and version of the object.

        Raises:
            FileNotFoundError: where there is none; a folder is none.
        """
        from labelprep.storage import fetch

        with fetch.asking(str(self)):
            info = self._system().info(self.path)
        if (state := fetch.found(self.path, info)).folder:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self))
        return state

    def is_file(self) -> bool:
        """Whether there is such an object."""
        try:
            self.stat()
        except FileNotFoundError:
            return False
        return True

    def is_dir(self) -> bool:
        """Whether there is anything below it."""
        return next(self.below(), None) is not None

    def exists(self) -> bool:
        """Whether it is an object, or anything lies below it."""
        return self.is_file() or self.is_dir()

    def children(self) -> Iterator[Found]:
        """The objects and folders directly below."""
        from labelprep.storage import fetch

        return fetch.listing(self.scheme, self.path, str(self), deep=False)

    def below(self) -> Iterator[Found]:
        """Every object below, however deep."""
        from labelprep.storage import fetch

        return fetch.listing(self.scheme, self.path, str(self), deep=True)

    def glob(self, pattern: str) -> Iterator[Remote]:
        """The objects directly below whose names fit a pattern without slashes."""
        names = (item.name.rpartition("/")[2] for item in self.children() if not item.folder)
        return (self / name for name in names if fnmatch.fnmatchcase(name, pattern))

    def read_bytes(self) -> bytes:
        """All bytes of the object.

        Raises:
            FileNotFoundError: where there is none.
            EnvironmentFailure: where it cannot be read.
        """
        return self.read_range(None, None)

    def read_range(self, start: int | None, stop: int | None) -> bytes:
        """The bytes from `start` to before `stop`, fewer where the object ends."""
        from labelprep.storage import fetch

        try:
            with fetch.asking(str(self)):
                data: bytes = self._system().cat_file(self.path, start=start, end=stop)
                return data
        except EnvironmentFailure:
            if start is None or self.stat().size > start:
                raise
            return b""  # S3 refuses a range behind the end, so any range of an empty object

    def read_text(self, encoding: str = "utf-8") -> str:
        """All of it as text."""
        return self.read_bytes().decode(encoding)

    @overload
    def open(self, mode: Literal["rb"]) -> io.BufferedReader: ...
    @overload
    def open(
        self, mode: Literal["r"] = ..., encoding: str | None = ..., *, newline: str | None = ...
    ) -> io.TextIOWrapper: ...
    def open(self, mode: str = "r", encoding: str | None = None, *, newline: str | None = None) -> IO[Any]:
        """Opens the object for reading, a megabyte at a time; objects are written whole, by `put`.

        Raises:
            FileNotFoundError: where there is none.
        """
        if mode not in ("r", "rb"):
            message = f"an object is read with mode 'r' or 'rb', not {mode!r}"
            raise ValueError(message)
        raw = io.BufferedReader(_Reader(self), _CHUNK)
        return raw if mode == "rb" else io.TextIOWrapper(raw, encoding or "utf-8", newline=newline)

    def put(self, data: bytes, *, new: bool = False) -> None:
        """Writes the object in one request: whole or not at all.

        Args:
            data: its content.
            new: refuse to replace one; of two that ask at the same time, one is refused.

        Raises:
            FileExistsError: with `new`, where there is one.
            EnvironmentFailure: where it cannot be written.
        """
        from labelprep.storage import fetch

        with fetch.asking(str(self)):
            self._system().pipe_file(self.path, data, mode="create" if new else "overwrite")

    def put_file(self, source: Path) -> None:
        """Writes the object from a file, in parts where it is large; it is seen when all parts are there."""
        from labelprep.storage import fetch

        with fetch.asking(str(self)):
            self._system().put_file(str(source), self.path)

    def unlink(self, missing_ok: bool = False) -> None:
        """Removes the object.

        Raises:
            FileNotFoundError: where there is none, unless `missing_ok`; S3 does not tell.
        """
        from labelprep.storage import fetch

        try:
            with fetch.asking(str(self)):
                self._system().rm_file(self.path)
        except FileNotFoundError:
            if not missing_ok:
                raise

    def _system(self) -> Any:
        from labelprep.storage.fetch import connect

        return connect(self.scheme, str(self))


class _Reader(io.RawIOBase):
    """An object as a file that is read and sought in."""

    def __init__(self, place: Remote) -> None:
        self._place, self._size, self._at = place, place.stat().size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:
        stop = min(self._at + len(buffer), self._size)
        if self._at >= stop:
            return 0
        data = self._place.read_range(self._at, stop)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

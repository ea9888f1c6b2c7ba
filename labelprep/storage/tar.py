"""Tar files read in place: where each member's bytes lie. Nothing is unpacked, and no name is taken for a path."""

from __future__ import annotations

import errno
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from labelprep.storage.remote import Remote

_HEADER_BYTES = 1 << 20  # of one long name or list of attributes
_BLOCK = 512


class DamagedTarError(Exception):
    """A tar file that cannot be read further; what came before holds."""


class EndlessTarError(DamagedTarError):
    """A tar file that ends between two members, without the mark that tells the end."""


@dataclass(frozen=True)
class Packed:
    """One member.

    Attributes:
        name: as the header has it.
        start: where its bytes begin.
        size: bytes.
        kind: `file`, `folder`, or what else it is, in words.
    """

    name: str
    start: int
    size: int
    kind: str


class _Headers:
    """The file that headers are read from: no more at once than a header can honestly be."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _HEADER_BYTES:
            message = f"a header of {size:,} bytes, more than {_HEADER_BYTES:,}"
            raise tarfile.ReadError(message)
        return self._file.read(size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def members(container: Path | Remote, file: IO[bytes], total: int) -> Iterator[Packed]:
    """The members of a tar file in their order, from their headers alone; memory is flat.

    Args:
        container: for messages.
        file: the open file; it may be read elsewhere between two members.
        total: its bytes.

    Raises:
        DamagedTarError: a header that is none, sizes that reach behind the end.
        EndlessTarError: an end that is not there.
    """
    before = -1
    try:
        with tarfile.open(name=container.name, fileobj=_Headers(file), mode="r:") as tar:
            while (info := tar.next()) is not None:
                tar.members = []  # type: ignore[attr-defined]  # it would keep them all
                if info.offset <= before or info.size < 0:
                    message = f"{info.name}: a header that leads back"
                    raise DamagedTarError(message)
                before = info.offset
                if info.offset_data + info.size > total:
                    message = f"{info.name}: {info.size:,} bytes are said to begin at {info.offset_data:,} of {total:,}"
                    raise DamagedTarError(message)
                yield Packed(info.name, info.offset_data, info.size, _kind(info))
            file.seek(tar.offset)
            _check_end(file.read(_BLOCK), tar.offset)
    except (tarfile.TarError, ValueError, OverflowError, EOFError, RecursionError) as error:
        message = str(error) or type(error).__name__
        raise DamagedTarError(message) from error


def _check_end(block: bytes, offset: int) -> None:
    """The library takes anything that is no header for the end."""
    if not block:
        message = "it ends without its end mark, so that more may have been cut off"
        raise EndlessTarError(message)
    if len(block) < _BLOCK or block.strip(b"\0"):
        message = f"what begins at {offset:,} is no whole header; nothing behind it can be read"
        raise DamagedTarError(message)


def _kind(info: tarfile.TarInfo) -> str:
    if info.issparse():
        return "a file with holes"
    if info.isreg():
        return "file"
    if info.isdir():
        return "folder"
    return "a link" if info.issym() or info.islnk() else "a device"


def read(container: Path | Remote, start: int, size: int) -> bytes:
    """Bytes of a container.

    Raises:
        OSError: where it has fewer.
    """
    if isinstance(container, Remote):
        data = container.read_range(start, start + size) if size else b""
    else:
        with container.open("rb", buffering=0) as file:
            file.seek(start)
            data = file.read(size)
    if len(data) < size:
        message = f"has {len(data):,} of {size:,} bytes where the member lies; it changed meanwhile"
        raise OSError(errno.EIO, message, str(container))
    return data

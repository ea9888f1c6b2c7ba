"""A file on a disk by its path as text, for sets of millions: to make a `Path` takes longer than to open the file."""

from __future__ import annotations

import os
from collections.abc import Iterator

_READ = os.O_RDONLY | getattr(os, "O_BINARY", 0)


class File(str):
    """A path, with the few methods of a place that reading needs; `open`, `os` and JSON take it as it is.

    >>> File("masks/a.b.png").name, File("masks/a.b.png").suffix, File("masks/.a").suffix
    ('a.b.png', '.png', '')
    """

    __slots__ = ()

    @property
    def name(self) -> str:
        """What stands behind the last slash."""
        return os.path.basename(self)  # noqa: PTH119

    @property
    def suffix(self) -> str:
        """The last ending of its name, as in `.png`."""
        return os.path.splitext(self)[1]  # noqa: PTH122

    def is_file(self) -> bool:
        """Whether it is there."""
        return os.path.isfile(self)  # noqa: PTH113

    def stat(self) -> os.stat_result:
        """Its size and times.

        Raises:
            OSError: where there is none.
        """
        return os.stat(self)  # noqa: PTH116

    def read_bytes(self) -> bytes:
        """All its bytes.

        Raises:
            OSError: where it cannot be read.
        """
        return self.read_range(0)

    def read_range(self, start: int, stop: int | None = None) -> bytes:
        """The bytes from `start` to before `stop`, fewer where it ends; None for all.

        Raises:
            OSError: where it cannot be read.
        """
        file = os.open(self, _READ)  # `open` asks the system three more questions, a third of the time for a mask
        try:
            if start:
                os.lseek(file, start, os.SEEK_SET)
            left = (os.fstat(file).st_size if stop is None else stop) - start
            data = os.read(file, left)
            if len(data) < left:  # shorter by now, or more than one call gives
                data = b"".join((data, *_pieces(file, left - len(data))))
            return data
        finally:
            os.close(file)


def _pieces(file: int, left: int) -> Iterator[bytes]:
    while left > 0 and (piece := os.read(file, left)):
        left -= len(piece)
        yield piece

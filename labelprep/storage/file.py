"""A file on a disk by its path as text, for sets of millions: to make a `Path` takes longer than to open the file."""

from __future__ import annotations

import os


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
        with open(self, "rb", buffering=0) as file:  # noqa: PTH123
            return file.read()

    def read_range(self, start: int, stop: int) -> bytes:
        """The bytes from `start` to before `stop`, fewer where it ends.

        Raises:
            OSError: where it cannot be read.
        """
        with open(self, "rb", buffering=0) as file:  # noqa: PTH123
            if start:
                file.seek(start)
            return file.read(stop - start)

"""A file inside a container, read in place: a member of a tar file, a cell of a parquet file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labelprep.storage.remote import Remote


@dataclass(frozen=True)
class Member:
    """One file inside a container, with the few methods of a place that reading needs.

    Attributes:
        container: the file around it.
        name: what it is called in there; a label, never a path on a disk.
        start: of a tar file, where its bytes begin; of a parquet file, its row, from 0.
        size: bytes; of a cell, what its column has on average.
        column: of a parquet file; "" in a tar file.
    """

    container: Path | Remote
    name: str
    start: int
    size: int
    column: str = ""

    def __str__(self) -> str:
        return f"{self.container}/{self.name}"

    @property
    def suffix(self) -> str:
        """The last ending of its name, as in `.png`."""
        return PurePosixPath(self.name).suffix

    def is_file(self) -> bool:
        """Whether the container is there."""
        return self.container.is_file()

    def read_bytes(self) -> bytes:
        """All its bytes.

        Raises:
            OSError: where the container cannot be read, or is no longer what it was.
        """
        return self.read_range(0, self.size)

    def read_range(self, start: int, stop: int) -> bytes:
        """The bytes from `start` to before `stop`, fewer where it ends; a cell counts to its own end.

        Raises:
            OSError: as `read_bytes`.
        """
        from labelprep.storage import tar

        if self.column:
            from labelprep.storage import parquet

            data = parquet.read_cell(self.container, self.column, self.start)
            return data if (start, stop) == (0, self.size) else data[start:stop]
        return tar.read(self.container, self.start + start, max(0, min(stop, self.size) - start))

    def to_list(self) -> list[Any]:
        """Plain values for JSON; `from_list` is the way back."""
        return [str(self.container), self.name, self.start, self.size, self.column]

"""Folders of index PNGs that nobody converted here: read by index, checked against a class table, counted."""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from labelprep.classes import ClassTable
from labelprep.errors import DamagedFileError, UsageError
from labelprep.steps.count import ClassCounts
from labelprep.steps.decode import decode
from labelprep.storage.place import Place, files_below

_SHOWN = 20  # problems in one message


def mask_files(folder: Path) -> Iterator[Path]:
    """All PNG files below a folder, streamed, in no order.

    Raises:
        UsageError: where there is none.
    """
    found = False
    for rel in files_below(folder):
        if rel.lower().endswith(".png"):
            found = True
            yield folder / rel
    if not found:
        message = "holds no PNG file; expected a folder of palette or gray PNGs whose values are class ids"
        raise UsageError(message, path=folder, hint="raw masks become such PNGs: labelprep convert DATASET -o OUT")


def ids_of(path: Place) -> NDArray[Any]:
    """The values of a palette or gray PNG, (H, W) uint8 or uint16; every checksum is compared.

    Raises:
        DamagedFileError: where the file does not decode, or holds colours.
    """
    try:
        decoded = decode(path.read_bytes())
    except OSError as error:
        message = f"cannot read it: {error.strerror or error}"
        raise DamagedFileError(message) from error
    if decoded.kind == "rgb" or decoded.format != "PNG":
        message = f"holds {decoded.format} of mode {decoded.mode}, not ids; expected a palette or gray PNG"
        raise DamagedFileError(message)
    return decoded.pixels


def count_ids(ids: NDArray[Any], table: ClassTable) -> ClassCounts:
    """Counts of one index mask (H, W).

    Raises:
        DamagedFileError: naming each id out of range and its pixels.
    """
    try:
        return ClassCounts.of(ids, len(table), table.ignore_index)
    except ValueError as error:
        raise DamagedFileError(str(error), code="id-out-of-range") from error


def count_folder(folder: Path, table: ClassTable) -> ClassCounts:
    """Exact counts over all palette and gray PNGs below a folder, their values taken as ids.

    Raises:
        UsageError: listing every file that does not decode or holds an id out of range.
    """
    counts, problems = ClassCounts.zero(len(table)), Problems()
    for path in mask_files(folder):
        try:
            counts += count_ids(ids_of(path), table)
        except DamagedFileError as error:
            problems.append(f"{path.relative_to(folder).as_posix()}: {error.message}")
    refuse(problems, folder, "mend the files, or convert them: labelprep convert DATASET -o OUT")
    return counts


class Problems:
    """What is wrong with any number of files: how many there are, and the first of them by name."""

    def __init__(self) -> None:
        self.count, self.first = 0, list[str]()

    def append(self, problem: str) -> None:
        """Takes one that begins with the file's name."""
        self.count += 1
        bisect.insort(self.first, problem)
        del self.first[_SHOWN:]


def refuse(problems: Problems, folder: Path, hint: str) -> None:
    """Raises one error for all problems, if there is one.

    Raises:
        UsageError: with the first of them and the number of all.
    """
    if problems.count:
        more = [f"… and {problems.count - _SHOWN} more"] if problems.count > _SHOWN else []
        listed = "\n  ".join([*problems.first, *more])
        message = f"{problems.count} files cannot be used:\n  {listed}"
        raise UsageError(message, path=folder, hint=hint)

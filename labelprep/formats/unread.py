"""Files that hold masks or samples for other tools and that are not read here, each with what to do."""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType
from typing import Final

from labelprep.findings import Finding

_VOLUME: Final = "a medical volume; save its slices as gray PNGs of ids"
_ARRAY: Final = "an array; save it as a gray PNG of ids"
_SHARD: Final = "a compressed shard; uncompress it (to .tar), and its samples are read in place"
UNREAD: Final = MappingProxyType(
    {
        ".nii.gz": _VOLUME,
        ".nii": _VOLUME,
        ".nrrd": _VOLUME,
        ".mha": _VOLUME,
        ".npy": _ARRAY,
        ".npz": _ARRAY,
        ".mat": _ARRAY,
        ".gif": "a picture; save it as PNG, which keeps every pixel",
        ".tar.gz": _SHARD,
        ".tgz": _SHARD,
        ".tar.bz2": _SHARD,
        ".tar.xz": _SHARD,
        ".tar.zst": _SHARD,
    }
)
"""What a file is and what to do, by the end of its name in small letters."""

SHARDS: Final = tuple(ending for ending, mend in UNREAD.items() if mend == _SHARD)


def unread_ending(name: str) -> str | None:
    """The end of a name in `UNREAD`, or None.

    >>> unread_ending("a/ct_01.NII.GZ"), unread_ending("train-000000.tgz"), unread_ending("a.png")
    ('.nii.gz', '.tgz', None)
    """
    lower = name.lower()
    return next((ending for ending in UNREAD if lower.endswith(ending)), None) if lower.endswith(_ALL) else None


_ALL: Final = tuple(UNREAD)


def unread_file(path: str) -> Finding | None:
    """The finding for a file that is not read, by its path; None for any other file."""
    ending = unread_ending(path)
    return None if ending is None else Finding.of("unread-form", UNREAD[ending], path=path)


def unread_files(names: Iterable[str]) -> str:
    """What a message says of such files where nothing else was found, or nothing.

    >>> unread_files(["b.nii.gz", "a.nii.gz", "notes.txt"])
    '\\n  not read: a.nii.gz and 1 more: a medical volume; save its slices as gray PNGs of ids'
    """
    found = dict[str, list[str]]()
    for name in names:
        if (ending := unread_ending(name)) is not None:
            found.setdefault(UNREAD[ending], []).append(name)
    lines = []
    for what, files in sorted(found.items()):
        more = f" and {len(files) - 1:,} more" if len(files) > 1 else ""
        lines.append(f"\n  not read: {min(files)}{more}: {what}")
    return "".join(lines)

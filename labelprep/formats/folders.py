"""Looking at folders: what lies in them, as far as a layout needs to know."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from labelprep.errors import LayoutError
from labelprep.formats.layouts import CLASS_TABLE_FILES, MASK_FOLDERS, PARTNER_ENDINGS, split_ending, split_of

_PROBE = 5_000  # entries looked at before a folder counts as one without pictures


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a folder or a link to one; a link that leads to itself is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def subfolders(root: Path) -> dict[str, Path]:
    """The folders directly below `root` by name, hidden ones and links that lead out of it left aside.

    Raises:
        LayoutError: where `root` is no readable folder.
    """
    try:
        with os.scandir(root) as entries:
            names = sorted(e.name for e in entries if is_folder(e) and not e.name.startswith((".", "__", "@")))
    except OSError as error:
        message = f"expected a folder: {error.strerror or error}"
        hint = "a list of pairs is given as --pairs FILE" if root.is_file() else "check the path"
        raise LayoutError(message, path=root, hint=hint) from error
    real = root.resolve()
    return {n: root / n for n in names if (root / n).resolve().is_relative_to(real)}


def outside_links(root: Path) -> list[str]:
    """Names of the links below `root` to folders outside it, which no rule follows."""
    real = root.resolve()
    with os.scandir(root) as entries:
        links = sorted(e.name for e in entries if e.is_symlink() and is_folder(e))
    return [n for n in links if not (root / n).resolve().is_relative_to(real)]


def pictures(folder: Path, *, deep: bool = True) -> Iterator[str]:
    """Endings of the pictures in a folder, in no order; looks at a bounded number of entries."""
    waiting = deque([folder])
    seen = 0
    while waiting and seen < _PROBE:
        try:
            with os.scandir(waiting.popleft()) as entries:
                for entry in entries:
                    seen += 1
                    if seen > _PROBE:
                        break
                    if entry.name.startswith("."):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        waiting.extend([Path(entry.path)] if deep else [])
                    elif ending := split_ending(entry.name)[1]:
                        yield ending
        except OSError:
            continue  # the scan reports it


def holds_pictures(folder: Path, *, deep: bool = True) -> bool:
    """Whether a picture lies in a folder or, with `deep`, below it."""
    return next(pictures(folder, deep=deep), None) is not None


def split_lists(folder: Path) -> list[tuple[str | None, Path]]:
    """The lists `train.txt`, `val.txt`, … in a folder with the split they name.

    `default.txt` (CVAT) is a split of that name; `trainval.txt` only names files that belong to the set.
    """
    files = sorted(folder.glob("*.txt")) if folder.is_dir() else []
    names = {"default": "default", "trainval": None}
    return [(names.get(p.stem, split_of(p.stem)), p) for p in files if p.stem in names or split_of(p.stem)]


def is_mask_folder(folder: Path) -> bool:
    """Whether a folder's name says that it holds masks."""
    name = folder.resolve().name.lower()
    return name in MASK_FOLDERS or name.startswith("segmentationclass") or name.endswith(PARTNER_ENDINGS)


def shown(folder: Path, root: Path) -> str:
    """A folder as a person would type it, from the dataset's root where it lies below it."""
    try:
        inside = folder.relative_to(root).as_posix()
    except ValueError:
        return folder.as_posix()
    return inside if inside != "." else folder.name or "."


def class_tables(root: Path, masks: Path | None) -> list[str]:
    """Class-table files beside the data: in the root, and beside the folder of masks when that is the root."""
    places = [root]
    if masks is not None and masks.resolve() == root.resolve() and is_mask_folder(root):
        places.append(root.resolve().parent)
    for place in places:
        with os.scandir(place) as entries:
            found = sorted(e.name for e in entries if e.name.lower() in CLASS_TABLE_FILES and e.is_file())
        if found:
            return [str(place / name) for name in found]
    return []

"""Looking at folders: what lies in them, as far as a layout needs to know."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Collection, Iterator
from itertools import islice
from pathlib import Path

from labelprep.errors import EnvironmentFailure, LayoutError
from labelprep.formats.layouts import CLASS_TABLE_FILES, MASK_FOLDERS, PARTNER_ENDINGS, split_ending, split_of
from labelprep.storage.place import Place, Remote, is_below, relative

_PROBE = 5_000  # entries looked at before a folder counts as one without pictures


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a folder or a link to one; a link that leads to itself is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def few_subfolders(root: Place) -> dict[str, Place]:
    """As `subfolders`, of a bounded number of entries: a folder of a million pictures is not walked for it."""
    return subfolders(root, _PROBE)


def subfolders(root: Place, most: int | None = None) -> dict[str, Place]:
    """The folders directly below `root` by name, hidden ones and links that lead out of it left aside.

    Args:
        root: the folder.
        most: entries that are looked at; None for all.

    Raises:
        LayoutError: where `root` is no folder.
        EnvironmentFailure: where it must not be listed.
    """
    if isinstance(root, Remote):
        return _remote_subfolders(root, most)
    try:
        with os.scandir(root) as entries:
            seen = islice(entries, most)
            names = sorted(e.name for e in seen if is_folder(e) and not e.name.startswith((".", "__", "@")))
    except PermissionError as error:
        message = f"cannot be listed: {error.strerror or error}"
        raise EnvironmentFailure(message, path=root, hint="make it readable, then run again") from error
    except OSError as error:
        message = f"expected a folder: {error.strerror or error}"
        taken = "" if root.is_absolute() else f": it is taken from {Path.cwd()}"
        hint = "a list of pairs is given as --pairs FILE" if root.is_file() else f"check the path{taken}"
        raise LayoutError(message, path=root, hint=hint) from error
    real = root.resolve()
    return {n: root / n for n in names if is_below((root / n).resolve(), real)}


def _remote_subfolders(root: Remote, most: int | None) -> dict[str, Place]:
    empty = True
    found: list[str] = []
    for item in islice(root.children(), most):
        empty, name = False, item.name.rpartition("/")[2]
        if item.folder and name and not name.startswith((".", "__", "@")):
            found.append(name)
    if empty:
        message = "expected a folder: no object's key starts like that"
        hint = "a list of pairs is given as --pairs FILE" if root.is_file() else "check bucket and folder"
        raise LayoutError(message, path=root, hint=hint)
    return {name: root / name for name in sorted(found)}


def outside_links(root: Place) -> list[str]:
    """Names of the links below `root` to folders outside it, which no rule follows; stores have none."""
    if isinstance(root, Remote):
        return []
    real = root.resolve()
    with os.scandir(root) as entries:
        links = sorted(e.name for e in entries if e.is_symlink() and is_folder(e))
    return [n for n in links if not (root / n).resolve().is_relative_to(real)]


def pictures(folder: Place, *, deep: bool = True) -> Iterator[str]:
    """Endings of the pictures in a folder, in no order; looks at a bounded number of entries."""
    return (split_ending(name)[1] for name in picture_names(folder, deep=deep))


def picture_names(folder: Place, *, deep: bool = True) -> Iterator[str]:
    """Names of the pictures in a folder without their folders, in no order; looks at a bounded number of entries."""
    return (name for name in file_names(folder, deep=deep) if split_ending(name)[1])


def files_in(folder: Place, *endings: str) -> list[Place]:
    """The files directly in a folder that end so, sorted by name; hidden ones are left aside.

    Where none is among the first thousands, no more are looked at.
    """
    found: list[str] = []
    for number, name in enumerate(_files_in(folder)):
        if name.lower().endswith(endings) and not name.startswith("."):
            found.append(name)
        elif number >= _PROBE and not found:
            break
    return [folder / name for name in sorted(found)]


def files_below(folder: Place, *endings: str) -> list[Place]:
    """The same of a folder and the folders directly in it."""
    inner = (path for name in few_subfolders(folder) for path in files_in(folder / name, *endings))
    return [*files_in(folder, *endings), *inner]


def file_names(folder: Place, *, deep: bool = True) -> Iterator[str]:
    """Names of the files in a folder without their folders, in no order; looks at a bounded number of entries."""
    if isinstance(folder, Remote):
        start = len(folder.path) + 1
        for item in islice(folder.below() if deep else folder.children(), _PROBE):
            if not item.folder and "/." not in f"/{item.name[start:]}":
                yield item.name.rpartition("/")[2]
        return
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
                    else:
                        yield entry.name
        except OSError:
            continue  # the scan reports it


def holds_pictures(folder: Place, *, deep: bool = True) -> bool:
    """Whether a picture lies in a folder or, with `deep`, below it; in one that must not be listed it may.

    The scan of such a folder says so, where another answer would make another layout of the dataset.
    """
    if isinstance(folder, Path):
        try:
            with os.scandir(folder):
                pass
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            return True
    return next(pictures(folder, deep=deep), None) is not None


def split_lists(folder: Place) -> list[tuple[str | None, Place]]:
    """The lists `train.txt`, `val.txt`, … in a folder with the split they name.

    `default.txt` (CVAT) is a split of that name; `trainval.txt` only names files that belong to the set.
    """
    files: list[Place] = sorted(folder.glob("*.txt"), key=lambda path: path.name) if folder.is_dir() else []
    names = {"default": "default", "trainval": None}
    return [(names.get(p.stem, split_of(p.stem)), p) for p in files if p.stem in names or split_of(p.stem)]


def is_mask_folder(folder: Place) -> bool:
    """Whether a folder's name says that it holds masks."""
    name = folder.resolve().name.lower()
    return name in MASK_FOLDERS or name.startswith("segmentationclass") or name.endswith(PARTNER_ENDINGS)


def shown(folder: Place, root: Place) -> str:
    """A folder as a person would type it, from the dataset's root where it lies below it."""
    try:
        inside = relative(folder, root)
    except ValueError:
        return folder.as_posix()
    return inside if inside != "." else folder.name or "."


def class_tables(root: Place, masks: Place | None, names: Collection[str] = CLASS_TABLE_FILES) -> list[str]:
    """Class-table files beside the data: in the root, and beside the folder of masks when that is the root.

    Args:
        root: the dataset's folder.
        masks: its folder of masks, where it has one.
        names: what such files are called, in small letters.
    """
    places = [root]
    if masks is not None and masks.resolve() == root.resolve() and is_mask_folder(root):
        places.append(root.resolve().parent)
    for place in places:
        if found := sorted(name for name in _files_in(place) if name.lower() in names):
            return [str(place / name) for name in found]
    return []


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # a link that leads to itself
        return False


def _files_in(folder: Place) -> Iterator[str]:
    if isinstance(folder, Remote):
        yield from (item.name.rpartition("/")[2] for item in folder.children() if not item.folder)
        return
    with os.scandir(folder) as entries:
        yield from (e.name for e in entries if _is_file(e))

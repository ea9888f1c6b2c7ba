"""What no sample stands behind any more goes from a prepared folder; what is somebody else's stays."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from labelprep.errors import EnvironmentFailure
from labelprep.ledger import Ledger
from labelprep.prepared import STATE
from labelprep.storage.atomic import TEMPORARY, discard
from labelprep.storage.place import Place, Remote

_AT_ONCE = 10_000  # files that are removed before the folders are looked through again


def sweep(out: Place, ledger: Ledger, *, images: bool, wait: Callable[[], object] = lambda: None) -> int:
    """Removes masks and images that an earlier run wrote and no sample stands behind any more, and temporary files.

    What the journals do not know is somebody else's, and stays.

    Args:
        out: the prepared folder.
        ledger: tells what every sample left there.
        images: whether the run links or copies images; else none belongs there.
        wait: called with every file that is looked at.

    Returns:
        How many masks were removed.
    """
    for folder in (out, out / STATE) if isinstance(out, Path) else ():  # objects are never seen unfinished
        for path in folder.glob(f".*{TEMPORARY}"):
            discard(path)

    def stale_mask(key: str, ending: str) -> bool:
        wait()
        return ending == ".png" and ledger.wrote(key) and not ledger.holds_mask(key)

    def stale_image(key: str, ending: str) -> bool:
        wait()
        return ledger.wrote(key, ending) and not (images and ledger.holds_image(key, ending))

    _sweep(out / "images", stale_image)
    return _sweep(out / "masks", stale_mask)


def _sweep(base: Place, stale: Callable[[str, str], bool]) -> int:
    """Removes what is stale and what is temporary below a folder; how many of it were stale.

    Nothing is removed while a folder is being listed, as some file systems then pass over other files.
    """
    if isinstance(base, Remote):
        return _sweep_objects(base, stale)
    removed = 0
    stay: set[Path] = set()  # or they would stand in the way of those behind them
    while True:
        found = list(islice((each for each in _stale_below(base, "", stale) if each[0] not in stay), _AT_ONCE))
        for path, ours in found:
            if _removed(path, base, ours=ours):
                removed += ours
            else:
                stay.add(path)
        if len(found) < _AT_ONCE:
            return removed


def _sweep_objects(base: Remote, stale: Callable[[str, str], bool]) -> int:
    removed = 0
    for item in base.below():
        if stale(*posixpath.splitext(item.name[len(base.path) + 1 :])):
            Remote(base.scheme, item.name).unlink(missing_ok=True)
            removed += 1
    return removed


def _removed(path: Path, base: Path, *, ours: bool) -> bool:
    """Removes a file, and the folders that it leaves empty; a temporary file that does not go waits for the next run.

    Raises:
        EnvironmentFailure: where a mask or image that no sample stands behind would be left.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        if not ours:
            return False
        message = f"cannot be removed, and no source stands behind it: {error.strerror or error}"
        raise EnvironmentFailure(message, path=path, hint="remove it, then run again") from error
    with suppress(OSError):
        while path != base:
            path = path.parent
            path.rmdir()
    return True


def _stale_below(folder: Path, prefix: str, stale: Callable[[str, str], bool]) -> Iterator[tuple[Path, bool]]:
    """Every file that has to go, and whether it is more than temporary; empty folders go at once."""
    with suppress(OSError):
        with os.scandir(folder) as entries:  # no list of names, of which there may be millions
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    yield from _stale_below(folder / entry.name, f"{prefix}{entry.name}/", stale)
                    continue
                stem, ending = os.path.splitext(entry.name)  # noqa: PTH122 - of millions of names
                ours = stale(prefix + stem, ending)
                if ours or (stem.startswith(".") and ending == TEMPORARY):
                    yield folder / entry.name, ours
        with suppress(OSError):
            folder.rmdir()

"""How loops are compiled, and kept on disk so that no process compiles them again."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import Any

from numba import config, njit

# Without numba's reference counts, as numba's own documentation does it (`register_jitable(_nrt=False)`): no loop of
# ours allocates, and counting the arrays of a tuple at every edge made street masks take 1.6 times as long, noise 3.
compiled: Any = partial(njit, _nrt=False)


def kernel(function: Any = None, **options: Any) -> Any:
    """Compiled once and kept, beside its file or in the user's cache folder; in memory where neither is writable.

    Args:
        function: what to compile; without it, a decorator with these options.
        options: of numba's.
    """
    if function is None:
        return partial(kernel, **options)
    try:
        made = compiled(cache=True, nogil=True, **options)(function)
    except RuntimeError:  # no folder that can be written
        return compiled(nogil=True, **options)(function)
    kept = made._cache
    # numba looks whether the file of the function itself has changed, not those of the functions that it calls, and
    # keeps loops with and without bounds checks under one name
    sources = _sources(Path(function.__code__.co_filename).parent)
    kept._cache_file._source_stamp = (kept._cache_file._source_stamp, sources, bool(config.BOUNDSCHECK))
    save = kept.save_overload

    def save_if_possible(signature: Any, overload: Any) -> None:
        with suppress(OSError):  # disk full: the next process compiles again
            save(signature, overload)

    kept.save_overload = save_if_possible
    return made


@cache
def _sources(folder: Path) -> str:
    """SHA-256 over the files of a folder with compiled loops, and over this file."""
    digest = hashlib.sha256()
    for path in sorted({*folder.glob("*.py"), Path(__file__)}):
        digest.update(path.read_bytes())
    return digest.hexdigest()

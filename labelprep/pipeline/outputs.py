"""Is what a stage left behind still there as it left it?

Sizes and times answer in a moment. Where they differ, as after a copy of the folder, the content decides.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from labelprep.errors import LabelprepError
from labelprep.prepared import STATE, Prepared
from labelprep.stages import StageResult
from labelprep.storage.place import Place, Remote
from labelprep.verify import verify


def trace(use: str, result: StageResult, others: Collection[Place] = ()) -> dict[str, str]:
    """What is kept of a result to recognise it: by sizes and times, and by content. Nothing of one in a store.

    Args:
        use: the kind of stage.
        result: what it left behind.
        others: folders of other stages, which may lie inside its own.
    """
    if isinstance(result.out, Remote):
        return {}
    files = list(_files(use, result, others))
    return {"seen": _seen(files), "content": _content(_vouched(use, files))}


def same(use: str, result: StageResult, kept: Mapping[str, str], others: Collection[Place] = ()) -> bool:
    """Whether a result is as it was when `kept` was traced; a result of which nothing was kept is."""
    if not kept:
        return True
    files = list(_files(use, result, others))
    if _seen(files) == kept["seen"]:
        return True
    return _content(_vouched(use, files)) == kept["content"] and (use != "convert" or _is_intact(result))


def _files(use: str, result: StageResult, others: Collection[Place]) -> Iterator[Path]:
    """The files of a result, in order; those that it must have also where they are missing."""
    out = result.out
    if not isinstance(out, Path):
        return
    if use == "convert":
        yield from _prepared_files(out)
    elif use == "weights":
        yield from (Path(file) for file in result.summary.get("files", ()))
    elif use == "split":
        yield from (out / f"{name}.txt" for name in result.summary.get("splits", ()))
    elif out.is_dir():
        skipped = [out / STATE, *(other for other in others if isinstance(other, Path) and other != out)]
        for path in sorted(out.rglob("*")):
            if path.is_file() and not any(path.is_relative_to(folder) for folder in skipped):
                yield path
    else:
        yield out


def _prepared_files(out: Path) -> Iterator[Path]:
    """The description of a prepared folder, and every mask that its manifest tells of."""
    yield from (out / name for name in ("findings.jsonl", "dataset.json", "manifest.jsonl"))
    with suppress(LabelprepError, OSError):
        prepared = Prepared.open(out)
        masks = (prepared.mask_path(row.key) for row in prepared.rows() if row.written)
        yield from (mask for mask in masks if isinstance(mask, Path))


def _vouched(use: str, files: list[Path]) -> list[Path]:
    """The files whose bytes are compared; identity and manifest vouch for all of a prepared folder but its findings."""
    return files[:1] if use == "convert" else files


def _is_intact(result: StageResult) -> bool:
    try:
        prepared = Prepared.open(result.out or Path())
        strays = all(f.code == "output-stray" for f in verify(prepared, lambda _: None))
        return prepared.identity == result.identity and strays
    except (LabelprepError, OSError):
        return False


def _seen(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        try:
            state = file.stat()
            facts: Any = [state.st_size, state.st_mtime_ns]
        except OSError:
            facts = None
        digest.update(json.dumps([file.as_posix(), facts]).encode())
    return digest.hexdigest()


def _content(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.name.encode("utf-8", "surrogateescape"))
        with suppress(OSError), file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()

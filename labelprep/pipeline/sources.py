"""The identity of what stages read: raw files by size and time, everything else by its bytes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from contextlib import suppress
from importlib import resources
from pathlib import Path

from labelprep.errors import UsageError
from labelprep.prepared import Prepared
from labelprep.spec import DatasetSpec
from labelprep.stages import Reporter, Silent
from labelprep.storage.place import Place, Remote, state_of, to_place
from labelprep.storage.remembered import Remembered

PRESET = "preset:"
SILENT = Silent()


def raw_fingerprint(dataset: DatasetSpec, reporter: Reporter = SILENT) -> str:
    """Fingerprint of the raw files from names, sizes, times and what is unpaired; opens no picture.

    Stages that read them remember their SHA-256 themselves, and do not read again what has not changed.

    Args:
        dataset: where it lies and how to read it.
        reporter: is told how many files are found, where that takes a while.

    Raises:
        LayoutError: where the dataset has no pairs or its layout is in doubt.
    """
    from labelprep.stages.dataset import discovered
    from labelprep.storage.scratch import scratch

    with scratch() as folder:
        plan = discovered(dataset, folder, reporter)
        found = hashlib.sha256()
        for finding in plan.findings():
            found.update(json.dumps(finding.to_dict()).encode() + b"\n")
        beside = plan.class_table if dataset.classes is None else None
        table = class_table_hash(beside) if beside else None
        return hashlib.sha256(json.dumps([plan.fingerprint(), found.hexdigest(), table]).encode()).hexdigest()


def class_table_hash(source: str) -> str | None:
    """SHA-256 of the bytes of a class table or preset; None where there is no such file."""
    if source.startswith(PRESET):
        file = resources.files("labelprep.presets") / f"{source.removeprefix(PRESET)}.yaml"
        return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else None
    path = to_place(source)
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


def outside_identity(path: Place, hashes: Remembered) -> str | None:
    """SHA-256 over names and bytes of a file or of the files below a folder; None where there is nothing.

    Of objects in a store, sizes and versions stand for the bytes.

    Of a prepared folder its description, manifest and splits stand for the rest.
    """
    if isinstance(path, Remote):
        return _identity_of_objects(path)
    if not path.exists():
        return None
    files = [path] if path.is_file() else sorted(path.rglob("*"))
    if (path / "manifest.jsonl").is_file():
        files = [path / "dataset.json", path / "manifest.jsonl", *sorted(path.glob("splits/*.txt"))]
    return _digest(((file.relative_to(path).as_posix(), file) for file in files if file.is_file()), hashes)


def _identity_of_objects(path: Remote) -> str | None:
    if (path / "manifest.jsonl").is_file():
        files = [path / "dataset.json", path / "manifest.jsonl", *(path / "splits").glob("*.txt")]
    else:
        files = [path] if path.is_file() else [Remote(path.scheme, item.name) for item in path.below()]
    found = []
    for file in files:
        with suppress(FileNotFoundError):
            found.append((str(file), *state_of(file)))
    return hashlib.sha256(json.dumps(sorted(found)).encode()).hexdigest() if found else None


def splits_identity(folder: Place) -> str | None:
    """SHA-256 over the lists in a prepared folder, which go before the dataset's own splits; None without any."""
    lists: Iterable[Place] = (folder / "splits").glob("*.txt")
    digest, files = hashlib.sha256(), sorted(lists, key=lambda file: file.name)
    for file in files:
        digest.update(json.dumps([file.name, hashlib.sha256(file.read_bytes()).hexdigest()]).encode())
    return digest.hexdigest() if files else None


def images_identity(folder: Place, images: Place | None, hashes: Remembered) -> str | None:
    """SHA-256 over keys and bytes of the images behind a prepared folder's masks; None where it is none.

    Also None for images in a store, of which the listing of the raw dataset tells sizes and versions at once.

    Args:
        folder: the prepared folder.
        images: where they moved to, if they did.
        hashes: spares the reading of those that have not changed.
    """
    try:
        prepared = Prepared.open(folder)
    except UsageError:
        return None
    rows = ((row.key, prepared.image_path(row, images)) for row in prepared.rows() if row.written)
    first = next((path for _, path in rows if path is not None), None)
    if first is None or isinstance(first, Remote):
        return None
    rows = ((row.key, prepared.image_path(row, images)) for row in prepared.rows() if row.written)
    return _digest(((key, path) for key, path in rows if isinstance(path, Path)), hashes)


def _digest(files: Iterable[tuple[str, Path]], hashes: Remembered) -> str:
    digest = hashlib.sha256()
    for name, path in files:
        digest.update(json.dumps([name, hashes.sha256(path.as_posix(), path)]).encode())
    return digest.hexdigest()

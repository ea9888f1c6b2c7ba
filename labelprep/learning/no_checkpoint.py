"""What a file is that was given in place of a checkpoint, and what to give instead. Imports no torch."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

from labelprep.errors import UsageError

OURS = "give the run folder or the checkpoint, such as best.pt, that `labelprep train` wrote"
FROZEN = "give the run folder or the checkpoint that it was made from"
FOREIGN = "predict with the program that trained it, and score its masks: labelprep eval --pred DIR --data OUT"
ELSE = "not a checkpoint that labelprep wrote, or damaged"
SHOWN = 4  # keys of a file of another program


def refuse_others(path: Path) -> None:
    """Refuses the files of models that are no checkpoints, by what is in them.

    Raises:
        UsageError: saying what it is.
    """
    with path.open("rb") as file:
        head = file.read(9)
    names = _members(path)
    if not head:
        found = "is empty", OURS
    elif path.suffix.lower() == ".onnx":
        found = "is an ONNX model, as `freeze` writes them: it runs without labelprep", FROZEN
    elif any(name.endswith(("/archive_format", "serialized_exported_program.json")) for name in names):
        found = "is a program of torch.export, as `freeze` writes them: it runs without labelprep", FROZEN
    elif any(name.endswith("/constants.pkl") for name in names):
        found = "is a TorchScript program, which has no class table", OURS
    elif head[8:] == b"{":
        beside = path.with_suffix(".pt")
        hint = f"give {beside}" if beside.is_file() else OURS
        found = "holds weights alone (safetensors), without class table and options", hint
    else:
        return
    raise UsageError(found[0], path=path, hint=found[1])


def unread(path: Path) -> UsageError:
    """For a file that torch does not read as plain values."""
    if "data.pkl" in {name.rpartition("/")[2] for name in _members(path)} and _is_whole(path):
        message = (
            "is a PyTorch file that holds code beside weights, such as a whole model; labelprep runs none from files"
        )
        return UsageError(message, path=path, hint=FOREIGN)
    return UsageError(ELSE, path=path, hint="train it anew: labelprep train OUT -o RUN")


def foreign(path: Path, values: object) -> UsageError:
    """For a file that torch reads, of another program."""
    what = f"a {type(values).__name__}"
    if isinstance(values, Mapping):
        more = ", …" if len(values) > SHOWN else ""
        what = f"the keys {', '.join(map(str, list(values)[:SHOWN]))}{more}" if values else "nothing in it"
    return UsageError(f"not a checkpoint that labelprep wrote: a PyTorch file with {what}", path=path, hint=FOREIGN)


def _members(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        return []


def _is_whole(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError):
        return False

"""Stages that are in the record of a chain and no longer in its spec: what they left must not go on acting."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from labelprep.errors import EnvironmentFailure
from labelprep.pipeline.chain import Chain
from labelprep.pipeline.outputs import same
from labelprep.pipeline.record import Entry, Record
from labelprep.spec import ConvertStage, SplitStage


def forget_gone(chain: Chain, record: Record, say: Callable[[str], None]) -> None:
    """Removes the lists of a `split` stage that left the spec: they would go before the dataset's own splits.

    Lists that somebody changed since stay, and the reader is told. Nothing else acts on its own; it stays.

    Args:
        chain: the stages that there are.
        record: loses the entries of those that there are no more.
        say: is told.

    Raises:
        EnvironmentFailure: where a list cannot be removed.
    """
    prepared = {stage.out for stage in chain.stages.values() if isinstance(stage, ConvertStage)}
    splits = any(isinstance(stage, SplitStage) for stage in chain.stages.values())
    for name, entry in list(record.entries.items()):
        ours = entry.out is not None and Path(entry.out).parent in prepared  # another spec may share the run folder
        if name in chain.stages or not ours or entry.parts.get("use") != "split":
            continue
        if not splits:
            _remove(name, entry, say)
        record.drop(name)


def _remove(name: str, entry: Entry, say: Callable[[str], None]) -> None:
    folder = Path(entry.out or "")
    lists = [path for n in entry.summary.get("splits", ()) if (path := folder / f"{n}.txt").is_file()]
    if not lists:
        return
    if not entry.output or not same("split", entry.result, entry.output):
        text = f"stage {name!r} is no longer in the spec, but its lists in {folder.as_posix()} were changed by somebody"
        say(f"warning: {text} and stay; they go before the dataset's own splits. Remove them if that is not meant")
        return
    for path in lists:
        try:
            path.unlink()
        except OSError as error:
            message = f"cannot remove the list of a stage that left the spec: {error.strerror or error}"
            raise EnvironmentFailure(message, path=path, hint="remove it, then run again") from error
    say(f"stage {name!r} is no longer in the spec: its lists in {folder.as_posix()} were removed")

"""The loop over shards: each whole or not at all; a run that was stopped goes on behind the last whole one."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import xxhash

from labelprep.errors import EnvironmentFailure
from labelprep.exports import packs
from labelprep.exports.packs import Sample
from labelprep.exports.values import Item, Pack
from labelprep.storage.atomic import confined, discard, temporary_name
from labelprep.storage.place import state_of

JOURNAL: Final = ".labelprep-export.jsonl"  # the whole shards of a run that is under way


class _Queue:
    """Items one after another, some of which may be given back."""

    def __init__(self, items: Iterator[Item]) -> None:
        self._items, self._back = items, deque[Item]()

    def __iter__(self) -> Iterator[Item]:
        return self

    def __next__(self) -> Item:
        return self._back.popleft() if self._back else next(self._items)

    def give_back(self, items: Iterable[Item]) -> None:
        self._back.extendleft(reversed([*items]))


class Shards:
    """Writes samples into shards below a folder, and remembers the whole ones until all are."""

    def __init__(
        self,
        out: Path,
        pack: Pack,
        size: int,
        sample: Callable[[Item], Sample | None],
        missed: Callable[[str], None],
    ) -> None:
        """Takes up a journal that a stopped run left.

        Args:
            out: the folder.
            pack: kind of the shards.
            size: bytes of samples from which on the next shard begins.
            sample: reads an item; None where its image cannot be read.
            missed: told the key of each that could not.
        """
        self.out, self.pack, self.size, self.sample, self.missed = out, pack, size, sample, missed
        self.known: dict[str, dict[str, Any]] = {}
        path = out / JOURNAL
        if path.is_file():
            for line in path.read_text("utf-8", errors="replace").splitlines():
                try:
                    note = json.loads(line)
                    self.known[note["shard"]] = note
                except (ValueError, KeyError, TypeError):  # half a line of a run that was killed
                    break

    def write(self, place: Callable[[int], str], items: Iterator[Item]) -> Iterator[Item]:
        """Writes the shards of one split; gives the items that are in one, each when its shard is whole.

        Args:
            place: the path of the shard of a number, below the folder.
            items: its samples.

        Raises:
            EnvironmentFailure: disk full, no permission; the shard that was begun is gone.
        """
        queue = _Queue(items)
        for number in itertools.count():
            path = confined(self.out, self.out / place(number))
            note = self.known.get(place(number))
            held = list(itertools.islice(queue, note["items"])) if note else []
            if note and self._is_whole(note, path, held):
                for key in note["unread"]:
                    self.missed(key)
                yield from (item for item in held if item.key not in note["unread"])
                continue
            queue.give_back(held)
            taken = self._write(path, place(number), queue)
            yield from taken
            if not taken:
                self._remove_behind(place, number)
                return

    def _write(self, path: Path, name: str, queue: _Queue) -> list[Item]:
        """Writes one shard of the first items of a queue; what is in it. No items, no shard."""
        temporary = temporary_name(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                taken, unread = self._fill(packs.opened(self.pack, file), queue)
            if taken:
                os.replace(temporary, path)  # noqa: PTH105 - the atomic one on every system
                self._note(path, name, taken, unread)
        except OSError as error:
            message = f"cannot write: {error.strerror or error}"
            raise EnvironmentFailure(message, path=path, hint="make room or permission, then run again") from error
        finally:
            discard(temporary)
        for item in unread:
            self.missed(item.key)
        return taken

    def _fill(self, shard: packs.Shard, queue: _Queue) -> tuple[list[Item], list[Item]]:
        """Puts items into a shard until it is full: those that are in it, and those that could not be read."""
        taken: list[Item] = []
        unread: list[Item] = []
        total = 0
        for item in queue:
            sample = self.sample(item)
            if sample is None:
                unread.append(item)
                continue
            if taken and total + sample.size > self.size:
                queue.give_back([item])
                break
            shard.add(sample)
            taken.append(item)
            total += sample.size
        shard.close()
        return taken, unread

    def _note(self, path: Path, name: str, taken: list[Item], unread: list[Item]) -> None:
        both = [*taken, *unread]
        note = {"shard": name, "items": len(both), "unread": [item.key for item in unread], "sources": _sources(both)}
        with (self.out / JOURNAL).open("a", encoding="utf-8", newline="\n") as file:
            file.write(json.dumps(note | _content(path)) + "\n")

    def _is_whole(self, note: dict[str, Any], path: Path, items: list[Item]) -> bool:
        """Whether a shard of an earlier run is what it was, and its samples are too."""
        return path.is_file() and _sources(items) == note["sources"] and _content(path).items() <= note.items()

    def _remove_behind(self, place: Callable[[int], str], number: int) -> None:
        """Removes shards of a run that had more to write."""
        while (path := confined(self.out, self.out / place(number))).is_file():
            path.unlink()
            number += 1

    def finish(self) -> None:
        """Forgets the journal, as all shards are whole."""
        discard(self.out / JOURNAL)


def _content(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def _sources(items: Iterable[Item]) -> str:
    """What samples were made of: names, ids, and sizes and times of the images; in any order."""
    digest = xxhash.xxh3_128()
    for item in sorted(items, key=lambda item: item.key):
        digest.update(f"{item.image_to}\0{item.mask_to}\0{item.row.xxh3}\0{state_of(item.image)}\n".encode())
    return digest.hexdigest()

"""The loop: sample by sample into another layout, each file whole or not at all."""

from __future__ import annotations

import itertools
import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from labelprep.errors import UsageError
from labelprep.exports import packs
from labelprep.exports.files import Files, Link
from labelprep.exports.layouts import LAYOUTS
from labelprep.exports.masks import check
from labelprep.exports.placing import Placing, Survey
from labelprep.exports.shards import Shards
from labelprep.exports.sidecars import as_json
from labelprep.exports.values import Item, Layout
from labelprep.nearest import did_you_mean
from labelprep.prepared import Prepared
from labelprep.storage.atomic import confined, sweep_temporary, write_atomic, write_lines
from labelprep.storage.place import Place, keep_apart

MARK: Final = "labelprep-export.json"  # what an export is of, and whether it is whole
SHARD_SIZE: Final = 500 << 20


@dataclass
class Exported:
    """What was written.

    Attributes:
        samples: how many, by split as the layout calls it.
        without_image: keys that were left out as they have no image, or it is not there or damaged; the first few.
        left_out: how many there are of them.
        unsplit: written masks that are in no split, while others are.
        linked: files that are hard links.
        other_ending: images that the layout's readers may pass over, as they end otherwise.
    """

    samples: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    without_image: list[str] = field(default_factory=list)
    left_out: int = 0
    unsplit: int = 0
    linked: int = 0
    other_ending: int = 0


def export(
    prepared: Prepared,
    layout: str,
    out: Path,
    *,
    images: Place | None = None,
    link: Link = "hard",
    shard_size: int = SHARD_SIZE,
    told: Callable[[int, int], None] | None = None,
) -> Exported:
    """Writes a prepared folder in another tool's layout.

    The same set gives the same tree; a run that was stopped goes on with the same call.

    Args:
        prepared: the folder.
        layout: a name of `LAYOUTS`.
        out: the folder to write: empty, or an export of the same set in the same layout.
        images: folder of the images, where they moved since convert.
        link: `hard` links files that need no change, where the file system allows; `copy` copies them.
        shard_size: bytes of samples in a shard, of layouts that have shards.
        told: called with the number of samples so far, and of all.

    Raises:
        UsageError: an unknown layout, an `out` that holds something else, names or classes that the layout cannot hold.
        EnvironmentFailure: disk full, no permission.
    """
    if layout not in LAYOUTS:
        message = f"no layout {layout!r}; expected {', '.join(LAYOUTS)}{did_you_mean(layout, LAYOUTS)}"
        raise UsageError(message)
    form = LAYOUTS[layout]
    packs.require(form.pack)
    keep_apart(out, prepared.root, "the prepared folder that is read")
    check(form, layout, prepared.table)
    mark: dict[str, Any] = {
        "layout": layout,
        "identity": prepared.identity_with_splits,
        "classes": list(prepared.table.names),
    }
    if form.pack:
        mark["shard_size"] = shard_size
    _claim(out, mark)
    writer = _Writer(prepared, form, out, images, Files(prepared, form, out, link), shard_size, told or _silent)
    known = prepared.splits()
    writer.write(known or (None,))
    writer.sidecars(known)
    write_atomic(out / MARK, as_json(mark | {"finished": True}))
    return writer.done


def _claim(out: Path, mark: dict[str, Any]) -> None:
    """Marks a folder as an export that is under way; refuses one that holds anything but the same export."""
    try:
        held = json.loads((out / MARK).read_bytes())
    except FileNotFoundError:
        sweep_temporary(out)
        held = None if not out.exists() or next(out.iterdir(), None) is None else {}
    except NotADirectoryError:
        message = "is a file; export writes a folder"
        raise UsageError(message, path=out) from None
    except ValueError:
        held = {}
    if held is not None and {word: held.get(word) for word in mark} != mark:
        what = "an export of another set or layout" if held else "something else"
        if held and held | {"finished": 0} == mark | {"finished": 0, "shard_size": held.get("shard_size")}:
            what = f"an export with shards of {held['shard_size']:,} bytes, not {mark['shard_size']:,}"
        message = f"holds {what}"
        raise UsageError(message, path=out, hint="give an empty folder for -o, or remove this one")
    if held is not None and not held.get("finished"):
        for folder, _, _ in os.walk(out):
            sweep_temporary(Path(folder))
    write_atomic(out / MARK, as_json(mark | {"finished": False}))


class _Writer:
    """Writes the samples of one export and counts them."""

    def __init__(
        self,
        prepared: Prepared,
        layout: Layout,
        out: Path,
        images: Place | None,
        files: Files,
        shard_size: int,
        told: Callable[[int, int], None],
    ) -> None:
        self.prepared, self.layout, self.out, self.images, self.files = prepared, layout, out, images, files
        self.shard_size = shard_size
        self.survey = Survey.of(prepared)
        self.done = Exported(unsplit=self.survey.unsplit)
        self.placing = Placing(prepared, layout, self.survey)
        self.told = told
        self.seen = 0
        repeated = self.survey.samples > self.survey.masks
        self.left: set[str] | None = set() if repeated else None
        self.written: set[tuple[str, str]] | None = set() if repeated and not layout.pack else None

    def write(self, splits: tuple[str | None, ...]) -> None:
        """Writes the samples, and the lists or shards that they stand in."""
        if self.layout.pack:
            self._write_shards(splits)
        else:
            self._write_files(splits)
        self.done.other_ending, self.done.linked = self.placing.other_ending, self.files.linked

    def sidecars(self, known: tuple[str, ...]) -> None:
        """Writes the files beside the samples."""
        splits = tuple(dict.fromkeys(map(self.layout.called, known or (None,))))
        for place, content in self.layout.sidecars(self.prepared, splits):
            write_atomic(confined(self.out, self.out / place), content)
        if self.layout.told is not None:
            for place, content in self.layout.told(self.prepared, self.done.samples):
                write_atomic(confined(self.out, self.out / place), content)

    def _write_files(self, splits: tuple[str | None, ...]) -> None:
        layout = self.layout
        lists: dict[str | None, list[str | None]] = defaultdict(list)
        for split in splits:
            lists[layout.list and layout.list.format(split=layout.called(split))].append(split)
        for place, its in lists.items():
            items = self._counted(filter(self._put, self._samples(its)))
            if place is None:
                for _ in items:
                    pass
                continue
            path = confined(self.out, self.out / place)
            lines = layout.lines(self.prepared, items) if layout.lines else self._lines(items)
            first = next(lines, None)
            if first is None and layout.lines:  # which has nothing to say of this set
                path.unlink(missing_ok=True)
                continue
            write_lines(path, itertools.chain([] if first is None else [first], lines))

    def _lines(self, items: Iterator[Item]) -> Iterator[str]:
        if self.layout.head:
            yield self.layout.head
        for item in items:
            line = self.layout.line(item)
            if "\n" in line or "\r" in line:
                message = f"a list has one sample a line, but {item.key!r} holds a line break"
                raise UsageError(message, hint="rename the mask and convert again")
            yield line

    def _write_shards(self, splits: tuple[str | None, ...]) -> None:
        layout = self.layout
        shards = Shards(self.out, layout.pack or "tar", self.shard_size, self.files.read, self._leave_out)
        for called in dict.fromkeys(map(layout.called, splits)):
            its = [split for split in splits if layout.called(split) == called]
            items = shards.write(
                lambda number, called=called: layout.shard.format(split=called, number=number),  # type: ignore[misc]
                self._samples(its),
            )
            for _ in self._counted(items):
                pass
        shards.finish()

    def _counted(self, items: Iterator[Item]) -> Iterator[Item]:
        for item in items:
            self.seen += 1
            self.told(self.seen, self.survey.samples)
            if self.written is None or (item.split, item.key) not in self.written:
                self.done.samples[item.split] += 1
            if self.written is not None:
                self.written.add((item.split, item.key))
            yield item

    def _samples(self, splits: list[str | None]) -> Iterator[Item]:
        for split in splits:
            for row in self.prepared.rows(split):
                if not row.written:
                    continue
                image = self.prepared.image_path(row, self.images)
                item = None if image is None else self.placing.placed(row, image, split)
                if item is not None and item.image.is_file():
                    yield item
                    continue
                self._leave_out(row.key)
                if item is not None:
                    self.files.remove(item)

    def _leave_out(self, key: str) -> None:
        self.seen += 1
        if self.left is not None:
            if key in self.left:
                return
            self.left.add(key)
        self.done.left_out += 1
        if len(self.done.without_image) < 3:
            self.done.without_image.append(key)

    def _put(self, item: Item) -> bool:
        if self.written is not None and (item.split, item.key) in self.written:
            return True
        if self.files.put(item):
            return True
        self._leave_out(item.key)
        return False


def _silent(_done: int, _total: int) -> None:
    """Tells nobody."""

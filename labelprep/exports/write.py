"""The loop: sample by sample into another layout, each file whole or not at all."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from labelprep.errors import DamagedFileError, EnvironmentFailure, UsageError, naming
from labelprep.exports import packs
from labelprep.exports.images import as_png
from labelprep.exports.layouts import LAYOUTS
from labelprep.exports.masks import check, mask_bytes
from labelprep.exports.packs import Sample
from labelprep.exports.placing import Placing, changes_image
from labelprep.exports.shards import Shards
from labelprep.exports.sidecars import as_json
from labelprep.exports.values import Item, Layout
from labelprep.prepared import Prepared
from labelprep.steps.images import bring
from labelprep.storage.atomic import confined, discard, sweep_temporary, write_atomic, write_lines
from labelprep.storage.place import Place

Link = Literal["hard", "copy"]
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
    told: Callable[[int], None] | None = None,
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
        told: called with the number of samples so far.

    Raises:
        UsageError: an unknown layout, an `out` that holds something else, names or classes that the layout cannot hold.
        EnvironmentFailure: disk full, no permission.
    """
    if layout not in LAYOUTS:
        message = f"no layout {layout!r}; expected {', '.join(LAYOUTS)}"
        raise UsageError(message)
    form = LAYOUTS[layout]
    packs.require(form.pack)
    check(form, layout, prepared.table)
    mark: dict[str, Any] = {
        "layout": layout,
        "identity": prepared.identity_with_splits,
        "classes": list(prepared.table.names),
    }
    if form.pack:
        mark["shard_size"] = shard_size
    _claim(out, mark)
    writer = _Writer(prepared, form, out, images, link, shard_size)
    known = prepared.splits()
    writer.write(known or (None,), told)
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
        message = f"holds {'an export of another set or layout' if held else 'something else'}"
        raise UsageError(message, path=out, hint="give an empty folder for -o, or remove this one")
    if held is not None and not held.get("finished"):
        for folder, _, _ in os.walk(out):
            sweep_temporary(Path(folder))
    write_atomic(out / MARK, as_json(mark | {"finished": False}))


class _Writer:
    """Writes the samples of one export and counts them."""

    def __init__(
        self, prepared: Prepared, layout: Layout, out: Path, images: Place | None, link: Link, shard_size: int
    ) -> None:
        self.prepared, self.layout, self.out, self.images, self.link = prepared, layout, out, images, link
        self.shard_size = shard_size
        self.done = Exported()
        self.placing = Placing(prepared, layout)
        self.turned = bool(prepared.info["options"].get("exif_rotate"))

    def write(self, splits: tuple[str | None, ...], told: Callable[[int], None] | None) -> None:
        """Writes the samples, and the lists or shards that they stand in."""
        if self.layout.pack:
            self._write_shards(splits, told)
        else:
            self._write_files(splits, told)
        written = sum(row.written for row in self.prepared.rows())
        self.done.unsplit = written - sum(self.done.samples.values()) - self.done.left_out
        self.done.other_ending = self.placing.other_ending

    def sidecars(self, known: tuple[str, ...]) -> None:
        """Writes the files beside the samples."""
        splits = tuple(dict.fromkeys(map(self.layout.called, known or (None,))))
        for place, content in self.layout.sidecars(self.prepared, splits):
            write_atomic(confined(self.out, self.out / place), content)
        if self.layout.told is not None:
            for place, content in self.layout.told(self.prepared, self.done.samples):
                write_atomic(confined(self.out, self.out / place), content)

    def _write_files(self, splits: tuple[str | None, ...], told: Callable[[int], None] | None) -> None:
        layout = self.layout
        lists: dict[str | None, list[str | None]] = defaultdict(list)
        for split in splits:
            lists[layout.list and layout.list.format(split=layout.called(split))].append(split)
        for place, its in lists.items():
            items = self._counted(filter(self._put, self._samples(its)), told)
            if place is None:
                for _ in items:
                    pass
                continue
            lines = layout.lines(self.prepared, items) if layout.lines else self._lines(items)
            write_lines(confined(self.out, self.out / place), lines)

    def _lines(self, items: Iterator[Item]) -> Iterator[str]:
        if self.layout.head:
            yield self.layout.head
        for item in items:
            line = self.layout.line(item)
            if "\n" in line or "\r" in line:
                message = f"a list has one sample a line, but {item.key!r} holds a line break"
                raise UsageError(message, hint="rename the mask and convert again")
            yield line

    def _write_shards(self, splits: tuple[str | None, ...], told: Callable[[int], None] | None) -> None:
        layout = self.layout
        shards = Shards(self.out, layout.pack or "tar", self.shard_size, self._packed, self._leave_out)
        for called in dict.fromkeys(map(layout.called, splits)):
            its = [split for split in splits if layout.called(split) == called]
            items = shards.write(
                lambda number, called=called: layout.shard.format(split=called, number=number),  # type: ignore[misc]
                self._samples(its),
            )
            for _ in self._counted(items, told):
                pass
        shards.finish()

    def _counted(self, items: Iterator[Item], told: Callable[[int], None] | None) -> Iterator[Item]:
        for item in items:
            self.done.samples[item.split] += 1
            if told is not None:
                told(sum(self.done.samples.values()))
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
                    self._remove(item)

    def _leave_out(self, key: str) -> None:
        self.done.left_out += 1
        if len(self.done.without_image) < 3:
            self.done.without_image.append(key)

    def _remove(self, item: Item) -> None:
        """Removes what an earlier run wrote of a sample whose image has gone since."""
        for place in () if self.layout.pack else filter(None, (item.image_to, item.mask_to)):
            discard(confined(self.out, self.out / place))

    def _packed(self, item: Item) -> Sample | None:
        """An item as a shard takes it; None where its image cannot be read."""
        try:
            image = self._image_bytes(item)
            if image is None:
                with naming(item.image):
                    image = item.image.read_bytes()
        except (DamagedFileError, FileNotFoundError):
            return None
        mask = mask_bytes(self.prepared, item.row, self.layout.form)
        return Sample(item, image, self.prepared.mask_path(item.key).read_bytes() if mask is None else mask)

    def _put(self, item: Item) -> bool:
        """Writes or links image and mask; False where the image cannot be read."""
        try:
            image = self._image_bytes(item)
        except (DamagedFileError, FileNotFoundError):
            self._leave_out(item.key)
            self._remove(item)
            return False
        if self.layout.mask is not None:
            mask = mask_bytes(self.prepared, item.row, self.layout.form)
            self._give(self.prepared.mask_path(item.key), self.out / item.mask_to, mask)
        self._give(item.image, self.out / item.image_to, image)
        return True

    def _image_bytes(self, item: Item) -> bytes | None:
        """The image as it is written anew, or None where the file itself will do."""
        if not changes_image(self.layout, item):
            return None
        with naming(item.image):
            return as_png(item.image, turned=self.turned)

    def _give(self, source: Place, target: Path, changed: bytes | None) -> None:
        if changed is not None:
            write_atomic(confined(self.out, target), changed)
        elif self.link == "hard" and isinstance(source, Path) and _linked(source, confined(self.out, target)):
            self.done.linked += 1
        else:
            bring(source, confined(self.out, target), "copy")


def _linked(source: Path, target: Path) -> bool:
    """Links a file where that can be done: not on another disk, or on a file system without links."""
    try:
        if not (target.exists() and target.samefile(source)):
            bring(source.resolve(), target, "hard")
    except EnvironmentFailure:
        return False
    return True

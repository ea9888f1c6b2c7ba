"""The loop: sample by sample into another layout, each file whole or not at all."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from labelprep.errors import EnvironmentFailure, UsageError
from labelprep.exports.layouts import LAYOUTS
from labelprep.exports.masks import as_png, check_form, mask_bytes
from labelprep.exports.sidecars import as_json
from labelprep.exports.values import Item, Layout
from labelprep.prepared import Prepared, Row
from labelprep.steps.images import bring
from labelprep.storage.atomic import confined, write_atomic, write_lines
from labelprep.storage.place import Place

Link = Literal["hard", "copy"]
MARK: Final = "labelprep-export.json"  # what an export is of, and whether it is whole
EVERYTHING: Final = "train"  # where samples of a set without splits go


@dataclass
class Exported:
    """What was written.

    Attributes:
        samples: how many, by split as the layout calls it.
        without_image: keys that were left out as they have no image, or it is not there; the first few.
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
        told: called with the number of samples so far.

    Raises:
        UsageError: an unknown layout, an `out` that holds something else, names or classes that the layout cannot hold.
        EnvironmentFailure: disk full, no permission.
    """
    if layout not in LAYOUTS:
        message = f"no layout {layout!r}; expected {', '.join(LAYOUTS)}"
        raise UsageError(message)
    form = LAYOUTS[layout]
    check_form(form.form, prepared.table, layout)
    mark = {"layout": layout, "identity": prepared.identity_with_splits, "classes": list(prepared.table.names)}
    _claim(out, mark)
    writer = _Writer(prepared, form, out, images, link)
    known = prepared.splits()
    splits = tuple(form.splits.get(split, split) for split in known) or (form.splits.get(EVERYTHING, EVERYTHING),)
    for place, content in form.sidecars(prepared, splits):
        write_atomic(confined(out, out / place), content)
    writer.write(known or (None,), told)
    written = sum(row.written for row in prepared.rows())
    writer.done.unsplit = written - sum(writer.done.samples.values()) - writer.done.left_out
    write_atomic(out / MARK, as_json(mark | {"finished": True}))
    return writer.done


def _in_split_folders(prepared: Prepared) -> bool:
    """Whether every key begins with the folder of its split, which a layout with such folders need not repeat."""
    return all(row.key.startswith(f"{split}/") for split in prepared.splits() for row in prepared.rows(split))


def _claim(out: Path, mark: dict[str, Any]) -> None:
    """Marks a folder as an export that is under way; refuses one that holds anything but the same export."""
    try:
        held = json.loads((out / MARK).read_bytes())
    except FileNotFoundError:
        held = None if not out.exists() or next(out.iterdir(), None) is None else {}
    except ValueError:
        held = {}
    if held is not None and {word: held.get(word) for word in mark} != mark:
        message = f"holds {'an export of another set or layout' if held else 'something else'}"
        raise UsageError(message, path=out, hint="give an empty folder for -o, or remove this one")
    write_atomic(out / MARK, as_json(mark | {"finished": False}))


class _Writer:
    """Writes the samples of one export and counts them."""

    def __init__(self, prepared: Prepared, layout: Layout, out: Path, images: Place | None, link: Link) -> None:
        self.prepared, self.layout, self.out, self.images, self.link = prepared, layout, out, images, link
        self.is_gray = prepared.info["options"].get("mask_mode") == "index"
        self.done = Exported()
        self.names: dict[tuple[str, str], str] = {}  # (split, name) -> key, where the name is not the key itself
        self.without_split = "{split}" in layout.mask and _in_split_folders(prepared)

    def write(self, splits: tuple[str | None, ...], told: Callable[[int], None] | None) -> None:
        """Writes the samples, and the lists that they stand in."""
        lists: dict[str | None, list[str | None]] = defaultdict(list)
        for split in splits:
            lists[self.layout.list and self.layout.list.format(split=self._called(split))].append(split)
        for place, its in lists.items():
            items = (item for split in its for item in self._samples(split, told))
            if place is None:
                for _ in items:
                    pass
                continue
            head = [self.layout.head] if self.layout.head else []
            lines = (line for part in (head, map(self._line, items)) for line in part)
            write_lines(confined(self.out, self.out / place), lines)

    def _called(self, split: str | None) -> str:
        return self.layout.splits.get(split or EVERYTHING, split or EVERYTHING)

    def _line(self, item: Item) -> str:
        line = self.layout.line(item)
        if "\n" in line or "\r" in line:
            message = f"a list has one sample a line, but {item.key!r} holds a line break"
            raise UsageError(message, hint="rename the mask and convert again")
        return line

    def _samples(self, split: str | None, told: Callable[[int], None] | None) -> Iterator[Item]:
        for row in self.prepared.rows(split):
            if not row.written:
                continue
            image = self.prepared.image_path(row, self.images)
            if image is None or not image.is_file():
                self.done.left_out += 1
                if len(self.done.without_image) < 3:
                    self.done.without_image.append(row.key)
                continue
            item = self._placed(row, image, split)
            self._put(item)
            self.done.samples[item.split] += 1
            if told is not None:
                told(sum(self.done.samples.values()))
            yield item

    def _placed(self, row: Row, image: Place, split: str | None) -> Item:
        called, ending = self._called(split), image.suffix
        name = self._name(row.key.removeprefix(f"{split}/") if self.without_split else row.key, row.key, called)
        if self.layout.image_ending == ".png":
            ending = ".png"
        elif self.layout.image_ending is not None and ending != self.layout.image_ending:
            self.done.other_ending += 1
        image_to = self.layout.image.format(split=called, name=name, ending=ending)
        return Item(row.key, name, called, image, image_to, self.layout.mask.format(split=called, name=name))

    def _name(self, name: str, key: str, split: str) -> str:
        if not self.layout.flat or ("/" not in name and "__" not in name):
            return name
        name = name.replace("/", "__")
        other = self.names.setdefault((split if self.without_split else "", name), key)
        if other != key:
            message = f"{key!r} and {other!r} would both be called {name!r} in a layout without folders"
            raise UsageError(message, hint="rename one of the masks and convert again")
        return name

    def _put(self, item: Item) -> None:
        mask = self.prepared.mask_path(item.key)
        changed = mask_bytes(mask, self.layout.form, self.prepared.table, is_gray=self.is_gray)
        self._give(mask, self.out / item.mask_to, changed)
        anew = as_png(item.image) if item.image_to.endswith(".png") and item.image.suffix.lower() != ".png" else None
        self._give(item.image, self.out / item.image_to, anew)

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

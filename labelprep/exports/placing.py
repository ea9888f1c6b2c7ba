"""Where a sample goes in a layout, and that no two go to one place."""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Self

from labelprep.errors import UsageError
from labelprep.exports.images import is_rgb_png
from labelprep.exports.values import Item, Layout
from labelprep.prepared import Prepared, Row
from labelprep.storage.key_set import KeySet
from labelprep.storage.place import Place


@dataclass(frozen=True)
class Survey:
    """What the lists of a set's splits are like.

    Attributes:
        samples: lines of all lists together; a sample may stand in several, as with folds.
        masks: written masks.
        unsplit: those in no list, where there are lists.
        in_folders: every key begins with the folder of its split, which a layout with such folders need not repeat.
    """

    samples: int
    masks: int
    unsplit: int
    in_folders: bool

    @classmethod
    def of(cls, prepared: Prepared) -> Self:
        """Reads all lists once."""
        splits = prepared.splits()
        samples, in_folders = 0, True
        with closing(KeySet(row.key for row in prepared.rows() if row.written)) as keys:
            for split in splits:
                for row in prepared.rows(split):
                    samples += keys.meet(row.key)
                    in_folders = in_folders and row.key.startswith(f"{split}/")
            unmet = sum(1 for _ in keys.unmet())
        masks = sum(row.written for row in prepared.rows())
        return cls(samples, masks, unmet, in_folders) if splits else cls(masks, masks, 0, True)


class Placing:
    """Places samples, and counts the images whose ending the layout's readers may pass over."""

    def __init__(self, prepared: Prepared, layout: Layout, survey: Survey) -> None:
        self.layout = layout
        self.other_ending = 0
        self._names: dict[tuple[str, str], str] = {}  # (split, name) -> key, where the name is not the key itself
        known = prepared.splits()
        told_apart = len({layout.called(split) for split in known}) == len(known)
        self._without_split = told_apart and "{split}" in (layout.shard or layout.image) and survey.in_folders

    def placed(self, row: Row, image: Place, split: str | None) -> Item:
        """The item of a row.

        Args:
            row: a line of the manifest.
            image: where its image lies.
            split: the split as the prepared folder calls it.

        Raises:
            UsageError: where another sample has the same name.
        """
        layout, called, ending = self.layout, self.layout.called(split), self._ending(image)
        key = row.key.removeprefix(f"{split}/") if self._without_split else row.key
        name = self._name(key, row.key, called)
        image_to = layout.image.format(split=called, name=name, ending=ending)
        mask_to = "" if layout.mask is None else layout.mask.format(split=called, name=name)
        return Item(row, name, called, split, image, image_to, mask_to)

    def _ending(self, image: Place) -> str:
        ending, layout = image.suffix, self.layout
        taken = layout.image_endings
        if not taken or ending in taken:
            return ending
        if layout.pack and ending.lower() in taken:  # inside a shard the name is ours
            return ending.lower()
        if layout.to_png:
            return ".png"
        self.other_ending += 1
        return ending

    def _name(self, key: str, whole: str, split: str) -> str:
        name = key.replace("/", "__") if self.layout.flat else key
        if self.layout.undotted:
            name = _undotted(name)
        if name == key and not (self.layout.flat and "__" in name) and not (self.layout.undotted and "_" in name):
            return name
        other = self._names.setdefault((split if self._without_split else "", name), whole)
        if other != whole:
            without = "folders" if self.layout.flat else "dots"
            message = f"{whole!r} and {other!r} would both be called {name!r} in a layout without {without}"
            raise UsageError(message, hint="rename one of the masks and convert again")
        return name


def changes_image(layout: Layout, item: Item) -> bool:
    """Whether an image is written anew rather than linked."""
    ending = item.image.suffix
    if layout.rgb:
        return not is_rgb_png(item.image)
    return item.image_to.endswith(".png") and ending.lower() != ".png"


def _undotted(name: str) -> str:
    r"""A name as webdataset groups by it: up to the first dot, and no `__x__`, which it takes for its own.

    >>> _undotted("v1.0/a.b"), _undotted("__a__/b")
    ('v1.0/a_b', '_a__/b')
    """
    path = PurePosixPath(name)
    return re.sub("^__", "_", path.with_name(path.name.replace(".", "_")).as_posix())

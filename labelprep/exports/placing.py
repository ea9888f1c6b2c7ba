"""Where a sample goes in a layout, and that no two go to one place."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from labelprep.errors import UsageError
from labelprep.exports.images import is_rgb_png
from labelprep.exports.values import Item, Layout
from labelprep.prepared import Prepared, Row
from labelprep.storage.place import Place


class Placing:
    """Places samples, and counts the images whose ending the layout's readers may pass over."""

    def __init__(self, prepared: Prepared, layout: Layout) -> None:
        self.layout = layout
        self.other_ending = 0
        self._names: dict[tuple[str, str], str] = {}  # (split, name) -> key, where the name is not the key itself
        known = prepared.splits()
        own_folders = "{split}" in (layout.shard or layout.image) and len(
            {layout.called(split) for split in known}
        ) == len(known)
        self._without_split = own_folders and _in_split_folders(prepared, known)

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


def _in_split_folders(prepared: Prepared, splits: tuple[str, ...]) -> bool:
    """Whether every key begins with the folder of its split, which a layout with such folders need not repeat."""
    return all(row.key.startswith(f"{split}/") for split in splits for row in prepared.rows(split))

"""Image and mask of one sample on their way out: linked, copied, written anew, or read into a shard."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from labelprep.errors import DamagedFileError, EnvironmentFailure, naming
from labelprep.exports.images import as_png
from labelprep.exports.masks import mask_bytes
from labelprep.exports.packs import Sample
from labelprep.exports.placing import changes_image
from labelprep.exports.values import Item, Layout
from labelprep.prepared import Prepared
from labelprep.steps.images import bring
from labelprep.storage.atomic import confined, discard, write_atomic
from labelprep.storage.place import Place

Link = Literal["hard", "copy"]


class Files:
    """Writes the files of samples, each whole or not at all, and counts hard links."""

    def __init__(self, prepared: Prepared, layout: Layout, out: Path, link: Link) -> None:
        self.prepared, self.layout, self.out, self.link = prepared, layout, out, link
        self.linked = 0
        self._turned = bool(prepared.info["options"].get("exif_rotate"))

    def remove(self, item: Item) -> None:
        """Removes what an earlier run wrote of a sample whose image has gone since."""
        for place in () if self.layout.pack else filter(None, (item.image_to, item.mask_to)):
            discard(confined(self.out, self.out / place))

    def read(self, item: Item) -> Sample | None:
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

    def put(self, item: Item) -> bool:
        """Writes or links image and mask; False where the image cannot be read, and nothing is left of it."""
        try:
            image = self._image_bytes(item)
        except (DamagedFileError, FileNotFoundError):
            self.remove(item)
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
            return as_png(item.image, turned=self._turned)

    def _give(self, source: Place, target: Path, changed: bytes | None) -> None:
        if changed is not None:
            write_atomic(confined(self.out, target), changed)
        elif self.link == "hard" and isinstance(source, Path) and _linked(source, confined(self.out, target)):
            self.linked += 1
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

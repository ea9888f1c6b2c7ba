"""What a layout says: where a sample's image and mask go, in which form, and which files stand beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from labelprep.prepared import Prepared, Row
from labelprep.storage.place import Place

Form = Literal["kept", "gray", "colours", "one-more", "background-first"]
"""How the ids stand in an exported mask.

- `kept`: the prepared file itself, palette or gray: pixel value = id, 255 = ignored.
- `gray`: pixel value = id in a gray PNG, for readers that turn palettes into colours.
- `colours`: an RGB PNG in the colours of the classes.
- `one-more`: pixel value = id + 1 in a gray PNG, 0 = ignored.
- `background-first`: a gray PNG where 0 is the background, and ignored pixels are the highest value.
"""

Kept = Literal["ids", "ignored", "keys", "splits", "names", "colours"]
"""What of a set a layout can carry, so that somebody who has the export alone gets it back.

- `ids`: the class of every pixel, under the same id.
- `ignored`: which pixels are ignored.
- `keys`: the folders and names of the samples.
- `splits`: which sample is in which split.
- `names`: of the classes.
- `colours`: of the classes.
"""
EVERYTHING_KEPT: tuple[Kept, ...] = ("ids", "ignored", "keys", "splits", "names", "colours")

Pack = Literal["tar", "parquet"]
Sidecars = Iterator[tuple[str, bytes]]


@dataclass(frozen=True)
class Item:
    """One sample on its way out.

    Attributes:
        row: its line of the manifest.
        name: the key, without the folder of its split where the layout has one, and without folders where it has none.
        split: the split it goes to, as the layout calls it.
        own_split: the split as the prepared folder calls it, or None for a set without splits.
        image: where the image lies.
        image_to: where it goes, POSIX, below the export.
        mask_to: where the mask goes; "" where the layout has no files of masks.
    """

    row: Row
    name: str
    split: str
    own_split: str | None
    image: Place
    image_to: str
    mask_to: str

    @property
    def key(self) -> str:
        """The prepared mask's key, POSIX."""
        return self.row.key


@dataclass(frozen=True)
class Layout:
    """Where things go. The places are patterns with `{split}`, `{name}` and `{ending}` (of the image, with its dot).

    Attributes:
        reader: who reads it, for people.
        image: place of an image.
        mask: place of a mask; None where masks stand in no files of their own.
        sidecars: further files, by place: class tables, configurations; takes the set and its splits.
        keeps: what it carries of a set.
        loses: what it does not carry, and what is done about it, for people.
        form: how ids stand in a mask.
        flat: names have no folders: `a/b` becomes `a__b`.
        undotted: names have no dots: `a.b` becomes `a_b`.
        image_endings: those that the reader takes; none given: all. Other images are written anew, without loss, with
            `to_png`; else they keep theirs, and that is said.
        to_png: images with other endings are written anew as PNG.
        rgb: so are PNGs that are not 8-bit RGB.
        splits: other names for splits.
        other_splits: the name of all splits that `splits` does not name; None: their own.
        list: place of the list of samples, a file for each split where it has `{split}`; None for none.
        head: first line of the list.
        line: line of a sample in it.
        lines: all lines of the list, in place of `head` and `line`.
        told: further files that tell what was written; takes the set and the number of samples by split.
        pack: samples go into shards of this kind, not into files of their own; `image` and `mask` are places in them.
        shard: place of a shard, with `{split}` and `{number}`.
        wide: its readers take 16-bit masks too.
    """

    reader: str
    image: str
    mask: str | None
    sidecars: Callable[[Prepared, tuple[str, ...]], Sidecars]
    keeps: tuple[Kept, ...] = EVERYTHING_KEPT
    loses: str = ""
    form: Form = "kept"
    flat: bool = False
    undotted: bool = False
    image_endings: tuple[str, ...] = ()
    to_png: bool = False
    rgb: bool = False
    splits: Mapping[str, str] = field(default_factory=dict)
    other_splits: str | None = None
    list: str | None = None
    head: str | None = None
    line: Callable[[Item], str] = lambda item: item.name
    lines: Callable[[Prepared, Iterator[Item]], Iterator[str]] | None = None
    told: Callable[[Prepared, Mapping[str, int]], Sidecars] | None = None
    pack: Pack | None = None
    shard: str = ""
    wide: bool = False

    def called(self, split: str | None) -> str:
        """A split of the prepared folder as the layout calls it; None is a set without splits."""
        own = split or EVERYTHING
        return self.splits.get(own, self.other_splits or own)


EVERYTHING = "train"  # where samples of a set without splits go

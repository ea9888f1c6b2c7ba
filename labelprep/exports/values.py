"""What a layout says: where a sample's image and mask go, in which form, and which files stand beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from labelprep.prepared import Prepared
from labelprep.storage.place import Place

Form = Literal["kept", "gray", "colours", "one-more"]
"""How the ids stand in an exported mask.

- `kept`: the prepared file itself, palette or gray: pixel value = id, 255 = ignored.
- `gray`: pixel value = id in a gray PNG, for readers that turn palettes into colours.
- `colours`: an RGB PNG in the colours of the classes.
- `one-more`: pixel value = id + 1 in a gray PNG, 0 = ignored.
"""


@dataclass(frozen=True)
class Item:
    """One sample on its way out.

    Attributes:
        key: the prepared mask's key, POSIX.
        name: the key, without the folder of its split where the layout has one, and without folders where it has none.
        split: the split it goes to, as the layout calls it.
        image: where the image lies.
        image_to: where it goes, POSIX, below the export.
        mask_to: where the mask goes.
    """

    key: str
    name: str
    split: str
    image: Place
    image_to: str
    mask_to: str


@dataclass(frozen=True)
class Layout:
    """Where things go. The places are patterns with `{split}`, `{name}` and `{ending}` (of the image, with its dot).

    Attributes:
        reader: who reads it, for people.
        image: place of an image.
        mask: place of a mask.
        sidecars: further files, by place: class tables, configurations; takes the set and its splits.
        form: how ids stand in a mask.
        flat: names have no folders: `a/b` becomes `a__b`.
        image_ending: the only ending that the reader takes. Other images are written anew, without loss, where it is
            `.png`; else they keep theirs, and that is said.
        splits: other names for splits.
        list: place of the list of samples, a file for each split where it has `{split}`; None for none.
        head: first line of the list.
        line: line of a sample in it.
    """

    reader: str
    image: str
    mask: str
    sidecars: Callable[[Prepared, tuple[str, ...]], Iterator[tuple[str, bytes]]]
    form: Form = "kept"
    flat: bool = False
    image_ending: str | None = None
    splits: Mapping[str, str] = field(default_factory=dict)
    list: str | None = None
    head: str | None = None
    line: Callable[[Item], str] = lambda item: item.name

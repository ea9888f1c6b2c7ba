"""The classes of the drawn street: names, ids in the drawing, and the colours of its masks."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

CLASSES: Mapping[str, tuple[int, int, int]] = MappingProxyType({
    "road": (104, 92, 132),
    "sidewalk": (222, 156, 196),
    "building": (178, 122, 82),
    "sky": (120, 186, 236),
    "tree": (44, 122, 66),
    "grass": (152, 204, 92),
    "car": (34, 72, 178),
    "person": (224, 52, 72),
    "pole": (172, 170, 156),
    "traffic-light": (250, 152, 30),
    "sign": (246, 226, 64),
    "bicycle": (128, 28, 92),
    "void": (0, 0, 0),
})  # fmt: skip
"""Name -> colour in the masks. Not closed under a swap of red and blue, so that a swapped mask is recognised."""

NEVER, TWIN = "tram", "cyclist"
DEMO_CLASSES: Mapping[str, tuple[int, int, int]] = MappingProxyType({
    name: color
    for drawn, shown in CLASSES.items()
    for name, color in {
        "car": {drawn: shown, NEVER: (20, 200, 180)},
        "void": {TWIN: CLASSES["person"], drawn: shown},
    }.get(drawn, {drawn: shown}).items()
})  # fmt: skip
"""The demo's table: a class behind the cars that is never drawn, and one at the end in the colour of another."""

ID: Mapping[str, int] = MappingProxyType({name: i for i, name in enumerate(CLASSES)})


def colors() -> NDArray[np.uint8]:
    """The classes' colours in id order, (13, 3) uint8 RGB; `void` comes last."""
    return np.array(list(CLASSES.values()), np.uint8)


def ids_of(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The ids (H, W) in the drawing's order of a clean RGB colour mask (H, W, 3)."""
    same = (mask[..., None, :] == colors()).all(-1)
    ids: NDArray[np.uint8] = same.argmax(-1).astype(np.uint8)
    return ids


def class_file() -> str:
    """The class table as a YAML file that `--classes` reads."""
    lines = [f"  - {{name: {name}, color: [{r}, {g}, {b}]}}" for name, (r, g, b) in CLASSES.items()]
    head = "# The drawn street. `void` is the bonnet and the rim of the picture: ignore it (--ignore void).\nclasses:\n"
    return head + "\n".join(lines) + "\n"


def demo_class_file() -> str:
    """The demo's class table; as a further fault, the second colour of grass is that of trees read backwards."""
    lines = []
    for name, color in DEMO_CLASSES.items():
        further = f", aliases: [{list(CLASSES['tree'][::-1])}]" if name == "grass" else ""
        lines.append(f"  - {{name: {name}, color: {list(color)}{further}}}")
    head = "# The demo's street. `void` is the bonnet and the rim of the picture.\nclasses:\n"
    return head + "\n".join(lines) + "\n"

"""Ultralytics' `data.yaml`: where images and masks lie, split by split. Its class table is read in `tables`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from labelprep.errors import ClassTableError, LayoutError
from labelprep.formats.folders import files_in
from labelprep.formats.layouts import Arrangement, Source, split_of
from labelprep.formats.lists import inside
from labelprep.formats.tables.text import Problems, read_text
from labelprep.formats.tables.values import Value, read_yaml
from labelprep.storage.place import Place

IMAGES = "images"
_OTHER = frozenset(
    {"path", "masks_dir", "names", "nc", "label_mapping", "download", "channels", "kpt_shape", "flip_idx"}
)
_HINT = "write it relative to the folder of the file (`path: .`), or name the folders: --images DIR --masks DIR"


@dataclass(frozen=True)
class _Split:
    """One entry such as `train: images/train`: the split, the way from the root, and where it stands."""

    name: str
    way: str
    line: int


def find_ultralytics(root: Place, folders: Mapping[str, Place]) -> list[Arrangement]:
    """A YAML file with `names` and `train` or `val` beside masks, each a reading; `data.yaml` alone where it is there.

    Sets for other tasks have such a file too: without a folder of masks there is no reading.

    Raises:
        LayoutError: where such a file leads out of the folder, or names no folder with a part `images`.
    """
    own = [path for path in (root / "data.yaml", root / "data.yml") if path.is_file()]
    known = [(path, told) for path in own if (told := _read(path)) is not None]
    others = [] if known else files_in(root, ".yaml", ".yml")[:20]
    known += [(path, told) for path in others if (told := _read(path)) is not None]
    inner = [root, *(folders[name] for name in list(folders)[:50])]
    return [
        _arranged(root, path, told)
        for path, told in known
        if any((place / _masks_dir(told)).is_dir() for place in inner)
    ]


def _masks_dir(told: Mapping[str, Value]) -> str:
    given = told["masks_dir"].plain if "masks_dir" in told else None
    return given if isinstance(given, str) and "/" not in given and inside(given) == given else "masks"


def _read(path: Place) -> Mapping[str, Value] | None:
    try:
        told = read_yaml(read_text(path), Problems(str(path))).mapping
    except ClassTableError:
        return None
    return told if "names" in told and ("train" in told or "val" in told) else None


def _arranged(root: Place, path: Place, told: Mapping[str, Value]) -> Arrangement:
    top = _way(path, "path", told["path"]) if "path" in told and told["path"].plain else ""
    masks_dir = _masks_dir(told)
    if "masks_dir" in told and told["masks_dir"].plain != masks_dir:
        given = told["masks_dir"]
        message = f"{path}:{given.line}: masks_dir: expected the name of a folder, got {given.plain!r}"
        raise LayoutError(message, path=path)
    every = list(_splits(root, path, told, top))
    splits = list({split.way: split for split in reversed(every)}.values())[::-1]
    again = [s.name for s in every if s not in splits]
    lists = [s for s in splits if s.way.lower().endswith(".txt")]
    option = f"--layout ultralytics --classes {path.name}"
    why = f"{path.name} names the images of {', '.join(s.name for s in splits)}, with masks in {masks_dir}/"
    why += f" ({', '.join(again)} names the same again and is passed over)" if again else ""
    shared: dict[str, Any] = {"tables": (str(path),), "masks_dir": masks_dir}
    if lists and len(lists) < len(splits):
        message = f"{path}:{lists[0].line}: {lists[0].way} is a list and others are folders; expected all alike"
        raise LayoutError(message, path=path)
    if lists:
        pairs = tuple((split_of(s.name) or s.name, root / s.way) for s in splits)
        return Arrangement("ultralytics", why, option, pairs=pairs, dialect="images", **shared)
    sources = tuple(_source(root, path, s, masks_dir) for s in splits)
    return Arrangement("ultralytics", why, option, sources, **shared)


def _splits(root: Place, path: Place, told: Mapping[str, Value], top: str) -> Iterator[_Split]:
    for name, value in told.items():
        if name in _OTHER or not isinstance(name, str) or value.plain in (None, ""):
            continue
        if split_of(name) is None and not isinstance(value.plain, str):
            continue
        for one in value.items if value.is_list else (value,):
            way = _way(path, name, _as_ultralytics(root, top, one))
            if split_of(name) is not None or IMAGES in way.split("/"):
                yield _Split(name, f"{top}/{way}" if top else way, one.line)


def _as_ultralytics(root: Place, top: str, value: Value) -> Value:
    """`../train/images` is `train/images` where that is there: Roboflow writes so, and Ultralytics reads it so."""
    text = value.plain
    if isinstance(text, str) and text.startswith("../"):
        plain = inside(text[3:])
        if plain is not None and (root / top / plain).exists():
            return Value(plain, value.line)
    return value


def _way(path: Place, word: str, value: Value) -> str:
    """A path of the file in plain form, "" for its own folder.

    Raises:
        LayoutError: where it is no text, or leads out of the folder.
    """
    text = value.plain
    if isinstance(text, str) and text.strip() in (".", "./"):
        return ""
    plain = inside(text) if isinstance(text, str) and "://" not in text else None
    if plain is None:
        message = f"{path}:{value.line}: {word}: expected a path below the folder of {path.name}, got {text!r}"
        raise LayoutError(message, path=path, hint=_HINT)
    return plain


def _source(root: Place, path: Place, split: _Split, masks_dir: str) -> Source:
    masks = masks_for(split.way, masks_dir)
    if masks is None:
        message = f"{path}:{split.line}: {split.name}: expected a folder with a part called {IMAGES}, got {split.way!r}"
        raise LayoutError(message, path=path, hint=_HINT)
    parts = masks.split("/")
    parts.remove(masks_dir)
    prefix = "/".join(parts)
    images, there = root / split.way, root / masks
    for folder in (there, images):
        if not folder.is_dir():
            message = f"{path}:{split.line}: {split.name}: no folder {folder}"
            raise LayoutError(message, path=path, hint=_HINT)
    return Source(there, images, f"{prefix}/" if prefix else "", split_of(split.name) or split.name)


def masks_for(way: str, masks_dir: str) -> str | None:
    """The way to the masks: the last part `images` of the way to the images becomes `masks_dir`; None without one.

    >>> masks_for("images/train", "masks"), masks_for("train/images", "gt"), masks_for("train", "masks")
    ('masks/train', 'train/gt', None)
    """
    parts = way.split("/")
    if IMAGES not in parts:
        return None
    last = len(parts) - 1 - parts[::-1].index(IMAGES)
    return "/".join([*parts[:last], masks_dir, *parts[last + 1 :]])

"""Layouts of well-known sets: Cityscapes, ADE20K, COCO-Stuff, Mapillary Vistas."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from labelprep.errors import ClassTableError
from labelprep.formats.class_tables import PRESET, read_rows
from labelprep.formats.folders import few_subfolders, files_in, holds_pictures, picture_names, shown
from labelprep.formats.layouts import Arrangement, Source, Suffix, split_of
from labelprep.storage.place import Place

Folders = Mapping[str, Place]

# layout -> what its masks' names end in, and the class table that their values mean
CITYSCAPES: Final = MappingProxyType(
    {
        "cityscapes": ("labelIds", "preset:cityscapes"),
        "cityscapes-trainids": ("labelTrainIds", "preset:cityscapes-trainids"),
        "cityscapes-color": ("color", "preset:cityscapes"),
    }
)
_TRAIN_IDS: Final = 19
_LABEL_TRAIN_IDS: Final = "_labelTrainIds"
_VERSION: Final = re.compile(r"v\d+(\.\d+)*")


def by_split(folders: Iterable[tuple[str, Place, Place | None]]) -> tuple[Source, ...]:
    """Sources of (name of a split's folder, masks, images); keys begin with the split's own name where that is one.

    So `annotations/train2017/a.png` is `train/a`, unless the folders of two years would fall together.
    """
    given = list(folders)
    splits = [split_of(name) for name, _, _ in given]
    apart = len(set(splits)) == len(splits)
    return tuple(
        Source(masks, images, f"{split if split and apart else name}/", split)
        for (name, masks, images), split in zip(given, splits, strict=True)
    )


def names_table(root: Place, *names: str) -> tuple[str, ...]:
    """The first of some files that lies in a folder, as class table."""
    return next(((str(root / name),) for name in names if (root / name).is_file()), ())


def find_cityscapes(root: Place, folders: Folders) -> list[Arrangement]:
    """`gtFine/<split>/<city>/*_gtFine_{labelIds,labelTrainIds,color}.png` beside `leftImg8bit`, each a reading."""
    grade = next((g for g in ("gtFine", "gtCoarse") if g in folders and holds_pictures(folders[g])), None)
    if grade is None:
        return []
    masks, images = folders[grade], folders.get("leftImg8bit")
    beside = f", images in {shown(images, root)}" if images else " and no leftImg8bit/"
    endings = {kind: f"_{grade}_{kind}" for kind, _ in CITYSCAPES.values()}
    there: set[str] = set()
    for name in picture_names(masks):
        there |= {kind for kind, ending in endings.items() if name.lower().endswith(f"{ending}.png".lower())}
        if len(there) == len(endings):
            break
    found = []
    for layout, (kind, preset) in CITYSCAPES.items():
        if kind in there or not there:
            why = f"masks in {shown(masks, root)} that end in {endings[kind]}.png{beside}"
            tables = names_table(root, "metainfo.json") if kind == "labelTrainIds" else ()
            source, suffixes = (Source(masks, images),), (Suffix(endings[kind], ".png"), Suffix("_leftImg8bit"))
            option = f"--layout {layout}"
            found.append(Arrangement(layout, why, option, source, *suffixes, tables=tables, preset=preset))
    return found if there else found[:1]


def meant_by(classes: str | None, found: list[Arrangement]) -> Arrangement:
    """Of the kinds of masks in a Cityscapes folder the one whose values a class table means.

    Labels and colours stand for all 34 classes, train ids for the 19 that are scored: a table with an id above 18 means
    labels. Without a table, one that lies beside the data decides, and else the labels, which say most.
    """
    kinds = {a.layout: a for a in found}
    order, why = list(kinds), ""
    if classes is None:
        beside = kinds.get("cityscapes-trainids")
        if beside is not None and beside.tables:
            order, why = ["cityscapes-trainids"], f"as {beside.tables[0].rpartition('/')[2]} beside them means"
    else:
        few = _few(classes)
        if few is not None:
            wanted = ("cityscapes-trainids", "cityscapes-color", "cityscapes")[:: 1 if few else -1]
            order = [name for name in wanted if name in kinds]
            why = f"as {classes} means them" if len(kinds) > 1 else ""
    chosen = kinds[order[0]]
    others = [f"--layout {name} reads {CITYSCAPES[name][0]}" for name in kinds if name != chosen.layout]
    told = [*([why] if why else []), *others]
    return replace(chosen, why=chosen.why + (f" ({', '.join(told)})" if told else ""))


def _few(classes: str) -> bool | None:
    """Whether a class table means train ids; None for one that cannot be read, which is told later."""
    if classes.startswith(PRESET):
        return classes == CITYSCAPES["cityscapes-trainids"][1]
    try:
        rows = read_rows(classes).rows
    except ClassTableError:
        return None
    given = [row.id for row in rows if row.id is not None and row.id != 255]
    return max(given, default=len(rows) - 1) < _TRAIN_IDS if rows else None


def find_ade20k(root: Place, folders: Folders) -> list[Arrangement]:
    """`annotations/{training,validation}` with `images/…`, where 0 is ignored and k is class k - 1."""
    masks, images = folders.get("annotations"), folders.get("images")
    if masks is None:
        return []
    inner = {name: path for name, path in few_subfolders(masks).items() if split_of(name)}
    if not {"training", "validation"} & inner.keys():
        return []
    beside = {} if images is None else few_subfolders(images)
    sources = by_split((name, path, beside.get(name)) for name, path in inner.items() if holds_pictures(path))
    if not sources:
        return []
    places = _listed(root, [s.masks for s in sources])
    why = f"masks in {places}, images below images/; 0 is ignored, k is class k - 1"
    own = names_table(root, "objectInfo.txt")
    return [
        Arrangement("ade20k", why, "--layout ade20k", sources, tables=own, preset=PRESET + "ade20k", zero_ignored=True)
    ]


def is_ade20k(root: Place, found: Arrangement) -> bool:
    """Whether the folder says more than its folders' names, which others have too while their 0 is a class."""
    if any(path.name.lower().startswith("objectinfo") for path in files_in(root, ".txt")):
        return True
    masks = found.sources[0].masks
    first = next(picture_names(masks), "") if masks is not None else ""
    return first.startswith("ADE_")


def find_coco_stuff(root: Place, folders: Folders) -> list[Arrangement]:
    """`annotations/train2017/*_labelTrainIds.png` with `images/train2017`."""
    masks, images = folders.get("annotations"), folders.get("images")
    if masks is None:
        return []
    beside = {} if images is None else few_subfolders(images)
    sources = by_split(
        (name, path, beside.get(name))
        for name, path in few_subfolders(masks).items()
        if split_of(name) and any(n.lower().endswith("_labeltrainids.png") for n in picture_names(path))
    )
    if not sources:
        return []
    why = (
        f"masks in {_listed(root, [s.masks for s in sources])} that end in {_LABEL_TRAIN_IDS}.png, images below images/"
    )
    tables = names_table(root, "metainfo.json")
    suffix = Suffix(_LABEL_TRAIN_IDS, ".png")
    return [Arrangement("coco-stuff", why, "--layout coco-stuff", sources, suffix, tables=tables)]


def find_mapillary(root: Place, folders: Folders) -> list[Arrangement]:
    """`training/v2.0/labels` with `training/images`: a reading for each version of the labels, the newest first."""
    splits = {name: few_subfolders(path) for name, path in folders.items() if split_of(name)}
    versions = {v for inner in splits.values() for v in inner if _VERSION.fullmatch(v)}
    found = []
    for version in sorted(versions, key=_number, reverse=True):
        places = ((name, inner.get(version), inner.get("images")) for name, inner in splits.items())
        held = [(n, v / "labels", i) for n, v, i in places if v is not None and holds_pictures(v / "labels")]
        if sources := by_split(held):
            found.append(_mapillary(root, version, sources))
    held = [(n, i["labels"], i["images"]) for n, i in splits.items() if {"labels", "images"} <= i.keys()]
    if (
        not found
        and (root / "config.json").is_file()
        and (sources := by_split(h for h in held if holds_pictures(h[1])))
    ):
        found.append(_mapillary(root, "", sources))
    return found


def _mapillary(root: Place, version: str, sources: tuple[Source, ...]) -> Arrangement:
    why = f"masks in {_listed(root, [s.masks for s in sources])}, images beside them"
    config = f"config_{version}.json" if version else "config.json"
    tables = names_table(root, config)
    option = f"--layout mapillary --classes {config}"
    return Arrangement("mapillary", why, option, sources, tables=tables)


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


def _listed(root: Place, places: Iterable[Place | None]) -> str:
    return ", ".join(f"{shown(p, root)}/" for p in places if p is not None)

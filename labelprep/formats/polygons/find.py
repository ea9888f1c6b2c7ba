"""Which folders hold annotations instead of masks; looked at where no masks are found, or where they are asked for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import chain, islice

from labelprep.errors import LayoutError
from labelprep.formats.folders import class_tables, files_in, holds_pictures, shown, subfolders
from labelprep.formats.layouts import IMAGE_FOLDERS, Arrangement, Source, Suffix, split_of
from labelprep.formats.lists import inside
from labelprep.formats.polygons import coco, cvat
from labelprep.storage.place import Place, Remote, files_below

Folders = Mapping[str, Place]
_HEAD = 1 << 20  # bytes looked at to tell what a JSON is
_PROBE = 5_000  # names looked at for an ending
_ANNOTATIONS = ("annotations", "annotation", "labels", "json", "jsons", "labelme")
_OTHER_TASKS = ("captions", "person_keypoints", "image_info", "stuff")


def _head(path: Place) -> bytes:
    try:
        if isinstance(path, Remote):
            return path.read_range(0, _HEAD)
        with path.open("rb") as file:
            return file.read(_HEAD)
    except OSError:
        return b""  # whoever reads it says so


def _key(name: str, head: bytes) -> bool:
    return re.search(rb'"' + name.encode() + rb'"\s*:', head) is not None


def _has_below(folder: Place, ending: str) -> bool:
    return any(name.lower().endswith(ending) for name in islice(files_below(folder), _PROBE))


def _labelme_in(folder: Place) -> bool:
    heads = (_head(path) for path in files_in(folder, ".json")[:5])
    return any(_key("shapes", head) for head in heads)


def looks_like_coco(path: Place) -> bool:
    """Whether a JSON begins like one of COCO's: lists of images or annotations, in any order."""
    head = _head(path)
    listed = _key("image_id", head) or (_key("images", head) and _key("file_name", head))
    return listed and not _key("shapes", head)


def find_labelme(root: Place, folders: Folders) -> list[Arrangement]:
    """Labelme's JSON in the folder or in folders directly below it, with the images beside them or in `images`."""
    named = (path for name, path in folders.items() if name.lower() in IMAGE_FOLDERS)
    images = next((path for path in named if holds_pictures(path)), None)
    held = [name for name, folder in folders.items() if _labelme_in(folder) or _in_splits(folder)]
    if _labelme_in(root):
        sources = [Source(root, root)]
    elif len(held) == 1:
        folder = folders[held[0]]
        beside = images if images is not None and held[0].lower() in _ANNOTATIONS else folder
        sources = [Source(folder, beside, split=split_of(held[0]))]
    else:
        sources = [Source(folders[name], folders[name], f"{name}/", split_of(name)) for name in held]
    if not sources:
        return []
    where = ", ".join(f"{shown(s.masks, root)}/" for s in sources if s.masks)
    apart = f"images in {shown(images, root)}/" if images and sources[0].images == images else "images beside it"
    tables = tuple(class_tables(root, None)) or tuple(str(p) for p in [root / "labels.txt"] if p.is_file())
    return [
        Arrangement("labelme", f"labelme's JSON in {where}, {apart}", "--layout labelme", tuple(sources), tables=tables)
    ]


def _in_splits(folder: Place) -> bool:
    return any(_labelme_in(path) for name, path in subfolders(folder).items() if split_of(name))


def find_cityscapes_polygons(root: Place, folders: Folders) -> list[Arrangement]:
    """`gtFine/<split>/<city>/*_gtFine_polygons.json` with `leftImg8bit`."""
    masks, images = folders.get("gtFine"), folders.get("leftImg8bit")
    if masks is None or not _has_below(masks, "_polygons.json"):
        return []
    why = f"polygons in {shown(masks, root)}/{', images in leftImg8bit/' if images else ' and no leftImg8bit/'}"
    suffixes = (Suffix("_gtFine_polygons", ".json"), Suffix("_leftImg8bit"))
    option = "--layout cityscapes-polygons"
    source = (Source(masks, images),)
    return [Arrangement("cityscapes-polygons", why, option, source, *suffixes, preset="preset:cityscapes")]


def find_yolo(root: Place, folders: Folders) -> list[Arrangement]:
    """`labels/**/*.txt` with `images`, or both inside folders of splits."""
    tables = tuple(str(path) for path in (root / "data.yaml", root / "data.yml") if path.is_file())
    if "labels" in folders and _has_below(folders["labels"], ".txt"):
        sources = [Source(folders["labels"], folders.get("images"))]
    else:
        inner = [(name, subfolders(path)) for name, path in folders.items() if split_of(name)]
        sources = [
            Source(held["labels"], held.get("images"), f"{name}/", split_of(name))
            for name, held in inner
            if "labels" in held and _has_below(held["labels"], ".txt")
        ]
    if not sources:
        return []
    where = ", ".join(f"{shown(s.masks, root)}/" for s in sources if s.masks)
    why = f"YOLO's segments in {where}, images in images/ beside"
    return [Arrangement("yolo-segment", why, "--layout yolo-segment", tuple(sources), tables=tables)]


def _json_of_coco(root: Place, folders: Folders) -> Iterator[tuple[Place, bool]]:
    """(file, whether it is panoptic) for every JSON of COCO's in the folder, in `annotations` or in one of a split."""
    places = [path for name, path in folders.items() if name.lower() == "annotations" or split_of(name)]
    for path in chain(files_in(root, ".json"), *(files_in(place, ".json") for place in places)):
        if looks_like_coco(path):
            yield path, _key("segments_info", _head(path)) or path.name.lower().startswith("panoptic")


def _of_one_task(files: list[Place]) -> list[Place]:
    """`instances_*.json` alone where captions and keypoints of the same images lie beside them; stuff by itself."""
    named = [path for path in files if path.name.lower().startswith("instances")]
    others = [path for path in files if not path.name.lower().startswith(_OTHER_TASKS)]
    return named or others or [path for path in files if path.name.lower().startswith("stuff")]


def find_coco(root: Place, folders: Folders) -> list[Arrangement]:
    """`annotations/instances_*.json`, or another JSON with images and annotations."""
    files = _of_one_task([path for path, panoptic in _json_of_coco(root, folders) if not panoptic])
    return _collected("coco", files, root, folders, lambda path: next((i.file for i in coco.images(path)), ""))


def find_panoptic(root: Place, folders: Folders) -> list[Arrangement]:
    """`annotations/panoptic_*.json`, each with a folder of PNGs of the same name beside it."""
    files = [path for path, panoptic in _json_of_coco(root, folders) if panoptic]
    return _collected("coco-panoptic", files, root, folders, lambda path: next((i.file for i in coco.images(path)), ""))


def find_cvat(root: Place, folders: Folders) -> list[Arrangement]:
    """`annotations.xml` with `images`."""
    files = [path for path in files_in(root, ".xml") if b"<annotations" in _head(path)[:4096]]
    return _collected("cvat", files, root, folders, lambda path: next((i.file for i in cvat.images(path)), ""))


def _collected(
    layout: str, files: list[Place], root: Place, folders: Folders, first: Callable[[Place], str]
) -> list[Arrangement]:
    if not files:
        return []
    names = [_part(path, root) for path in files]
    prefixes = [f"{name}/" if len(files) > 1 else "" for name in names]
    sources = []
    for path, name, prefix in zip(files, names, prefixes, strict=True):
        images = _image_folder(path, name, root, folders, first(path))
        sources.append(Source(None, images, prefix, split_of(name)))
    comma = ", "
    where = comma.join(shown(path, root) for path in files)
    beside = sorted({f"{shown(s.images, root)}/" for s in sources if s.images is not None})
    why = f"annotations in {where}, {f'images in {comma.join(beside)}' if beside else 'and no images'}"
    shards = tuple((source.split, path) for source, path in zip(sources, files, strict=True))
    tables = tuple(class_tables(root, None)) or (str(files[0]),)
    return [Arrangement(layout, why, f"--layout {layout}", tuple(sources), shards=shards, tables=tables)]


def _part(path: Place, root: Place) -> str:
    """What tells one file of annotations from the others: `train2017` of `instances_train2017.json`, or its folder."""
    if path.parent != root and split_of(path.parent.name):
        return path.parent.name
    stem = path.name.rpartition(".")[0]
    last = re.split(r"[_.-]", stem)[-1]
    return last if split_of(last) else stem


def _image_folder(path: Place, part: str, root: Place, folders: Folders, first: str) -> Place | None:
    """The folder that the first image's name leads from."""
    name = inside(first)
    if name is None:
        message = f"the image {first[:200]!r} would lie outside the dataset" if first else "there is no image in it"
        raise LayoutError(message, path=path)
    images = [folder for name, folder in folders.items() if name.lower() in IMAGE_FOLDERS]
    tries = [root / part, *(folder / part for folder in images), *images, path.parent, root]
    return next((folder for folder in tries if (folder / name).is_file()), None)


_RULES = {
    "coco-panoptic": find_panoptic,
    "coco": find_coco,
    "cvat": find_cvat,
    "labelme": find_labelme,
    "cityscapes-polygons": find_cityscapes_polygons,
    "yolo-segment": find_yolo,
}
LOOKED_FOR = {
    "labelme": "*.json of labelme",
    "coco": "annotations/instances_*.json",
    "coco-panoptic": "annotations/panoptic_*.json with folders of the same names",
    "cvat": "annotations.xml",
    "cityscapes-polygons": "gtFine/<split>/<city>/*_gtFine_polygons.json",
    "yolo-segment": "labels/ with *.txt",
}


def find_before_masks(root: Place, folders: Folders) -> list[Arrangement]:
    """Annotations that look like masks: panoptic PNGs, and YOLO's segments where `data.yaml` promises masks.

    Raises:
        LayoutError: for a file of annotations that cannot be read.
        MissingExtraError: for one that needs the extra `coco`.
    """
    found = find_panoptic(root, folders)
    return found if found or "masks" in folders else find_yolo(root, folders)


def find_annotations(root: Place, folders: Folders, layout: str) -> list[Arrangement]:
    """Every reading of a folder as annotations that `layout` allows; with `auto`, of all of these layouts.

    Raises:
        LayoutError: for a file of annotations that cannot be read.
        MissingExtraError: for one that needs the extra `coco`.
    """
    return [found for name, rule in _RULES.items() if layout in ("auto", name) for found in rule(root, folders)]

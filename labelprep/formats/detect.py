"""Which layout a folder has: every rule says what it recognises, and more than one answer is a doubt."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from labelprep.errors import LayoutError
from labelprep.formats.benchmark_sets import (
    find_ade20k,
    find_cityscapes,
    find_coco_stuff,
    find_mapillary,
    is_ade20k,
    meant_by,
)
from labelprep.formats.data_yaml import find_ultralytics
from labelprep.formats.folders import holds_pictures, is_mask_folder, pictures, shown, split_lists, subfolders
from labelprep.formats.layouts import (
    IMAGE_FOLDERS,
    LAYOUTS,
    MASK_FOLDERS,
    PARTNER_ENDINGS,
    PRESETS,
    Arrangement,
    Source,
    Suffix,
    split_of,
)
from labelprep.formats.polygons.find import LOOKED_FOR as ANNOTATIONS_LOOKED_FOR
from labelprep.formats.polygons.find import find_annotations, find_before_masks
from labelprep.formats.polygons.forms import ANNOTATED
from labelprep.formats.shards import find_parquet, find_webdataset
from labelprep.formats.trainer_layouts import find_datumaro, find_hugging_face, find_mmseg, find_nnunet
from labelprep.nearest import did_you_mean
from labelprep.storage.place import Place, is_below

Folders = Mapping[str, Place]


def mirror(
    masks: Place,
    images: Place | None,
    root: Place,
    mask_suffix: Suffix | None = None,
    image_suffix: Suffix | None = None,
) -> Arrangement:
    """Masks and images in two trees of the same shape; masks alone without `images`."""
    lists = tuple((split, p) for split, p in split_lists(root / "splits") if split)
    place = shown(masks, root)
    source = (Source(masks, images),)
    if images is None:
        why = f"masks in {place} and no folder of images beside it"
        preset = PRESETS["voc"] if masks.name.lower().startswith("segmentationclass") else None
        return Arrangement(
            "masks", why, f"--layout masks --masks {place}", source, mask_suffix, None, lists, (), preset
        )
    beside = shown(images, root)
    why = f"images in {beside} and masks in {place}"
    option = f"--images {beside} --masks {place}"
    return Arrangement("mirror", why, option, source, mask_suffix, image_suffix, lists)


def find_voc(root: Place, folders: Folders) -> list[Arrangement]:
    """`SegmentationClass*` with `JPEGImages` and `ImageSets/Segmentation`; `SegmentationClass` goes first."""
    named = {n: p for n, p in folders.items() if n.lower().startswith("segmentationclass") and holds_pictures(p)}
    chosen = [p for n, p in named.items() if n.lower() == "segmentationclass"] or list(named.values())
    images = next((p for n, p in folders.items() if n.lower() == "jpegimages"), None)
    lists = tuple(split_lists(root / "ImageSets" / "Segmentation"))
    found = []
    for masks in chosen:
        others = [n for n in named if n != masks.name]
        beside = f", images in {images.name}/" if images else " and no JPEGImages/"
        extra = f" ({', '.join(others)} is there too: --masks {others[0]})" if others and len(chosen) == 1 else ""
        why = f"masks in {masks.name}/{beside}{', split lists in ImageSets/Segmentation/' if lists else ''}{extra}"
        option = f"--layout voc --masks {masks.name}"
        found.append(Arrangement("voc", why, option, (Source(masks, images),), None, None, lists, (), PRESETS["voc"]))
    return found


def _beside(folders: Folders) -> Iterator[tuple[str, str, str]]:
    """(X, its partner, the partner's ending) for each pair of folders such as X and X_labels."""
    for name in folders:
        for ending in PARTNER_ENDINGS:
            stem = name[: -len(ending)]
            if stem and name.lower().endswith(ending) and (stem in folders or split_of(stem)):
                yield stem, name, ending
                break


def find_split_pairs(root: Place, folders: Folders) -> list[Arrangement]:
    """Split folders side by side: `train` and `trainannot` (camvid), `train` and `train_labels` (camvid-kaggle)."""
    by_ending: dict[str, list[Source]] = {}
    for stem, name, ending in _beside(folders):
        if split_of(stem) and holds_pictures(folders[name]):
            source = Source(folders[name], folders.get(stem), f"{stem}/", split_of(stem))
            by_ending.setdefault(ending, []).append(source)
    found = []
    for ending, sources in by_ending.items():
        layout = "camvid" if ending == "annot" else "camvid-kaggle"
        names = ", ".join(s.masks.name + "/" for s in sources if s.masks)
        lists = tuple((s, p) for s, p in split_lists(root) if s) if layout == "camvid" else ()
        why = f"masks in {names}, images in folders of the same names without {ending!r}"
        why += f", pairs listed in {', '.join(p.name for _, p in lists)}" if lists else ""
        lone = tuple(Source(None, p, f"{n}/", split_of(n)) for n, p in folders.items() if split_of(n))
        taken = {s.images for s in sources}
        sources += [s for s in lone if s.images not in taken] if layout == "camvid-kaggle" else []
        found.append(Arrangement(layout, why, f"--layout {layout}", tuple(sources), pairs=lists, dialect="camvid"))
    return found


def find_mirror(root: Place, folders: Folders) -> list[Arrangement]:
    """Folders known by name, `X` with `X-mask`, or both kinds inside folders named after splits."""
    held = {n: p for n, p in folders.items() if n.lower() in IMAGE_FOLDERS | MASK_FOLDERS and holds_pictures(p)}
    images = [p for n, p in held.items() if n.lower() in IMAGE_FOLDERS]
    masks = [p for n, p in held.items() if n.lower() in MASK_FOLDERS]
    pairs = [(m, i) for m in masks for i in images]
    for stem, name, _ in _beside(folders):
        both = (folders[name], folders.get(stem))
        if not split_of(stem) and both[1] and both not in pairs and all(p and holds_pictures(p) for p in both):
            pairs = [p for p in pairs if p[0] != both[0]] + [(both[0], both[1])]
    if pairs:
        return [mirror(m, i, root) for m, i in pairs]
    if masks:
        return [mirror(m, None, root) for m in masks]
    return _split_first(root, folders)


def _split_first(root: Place, folders: Folders) -> list[Arrangement]:
    sources: list[Source] = []
    for name, folder in folders.items():
        if split_of(name):
            for inner in find_mirror(folder, subfolders(folder)):
                sources += [Source(s.masks, s.images, f"{name}/", split_of(name)) for s in inner.sources]
    if not sources:
        return []
    parts = [f"{shown(p, root)}" for s in sources for p in (s.images, s.masks) if p]
    why = f"images and masks inside folders named after splits: {', '.join(parts)}"
    if len({s.prefix for s in sources}) != len(sources):
        message = f"several folders of masks in one split: {', '.join(parts)}"
        raise LayoutError(message, path=root, hint="list the pairs in a file: --pairs FILE")
    layout = "mirror" if any(s.images for s in sources) else "masks"
    return [Arrangement(layout, why, f"--layout {layout}", tuple(sources))]


def find_masks(root: Place, folders: Folders) -> list[Arrangement]:
    """The folder itself is a folder of masks: by its name, or as lossless pictures with nothing beside them."""
    by_name = is_mask_folder(root)
    splits = [p for n, p in folders.items() if split_of(n)]
    flat = holds_pictures(root, deep=False)
    endings = set(pictures(root))
    plain = flat or (len(splits) == len(folders) and bool(splits))
    lossless = not endings & {".jpg", ".jpeg"} and root.resolve().name.lower() not in IMAGE_FOLDERS
    if not endings or not (by_name or (plain and lossless)):
        return []
    reason = "its name says so" if by_name else "it holds lossless pictures and no folder of images"
    preset = PRESETS["voc"] if root.resolve().name.lower().startswith("segmentationclass") else None
    why = f"the folder itself holds masks ({reason}), without images"
    return [Arrangement("masks", why, "--layout masks", (Source(root, None),), preset=preset)]


RULES: Mapping[str, Callable[[Place, Folders], list[Arrangement]]] = {
    "ultralytics": find_ultralytics,
    "mmseg": find_mmseg,
    "voc": find_voc,
    "cityscapes": find_cityscapes,
    "cityscapes-trainids": find_cityscapes,
    "cityscapes-color": find_cityscapes,
    "ade20k": find_ade20k,
    "coco-stuff": find_coco_stuff,
    "mapillary": find_mapillary,
    "nnunet": find_nnunet,
    "datumaro": find_datumaro,
    "hf": find_hugging_face,
    "hf-parquet": find_parquet,
    "wds": find_webdataset,
    "camvid": find_split_pairs,
    "camvid-kaggle": find_split_pairs,
    "mirror": find_mirror,
    "masks": find_masks,
}
LOOKED_FOR = {
    "ultralytics": "data.yaml with names and train or val",
    "mmseg": "img_dir/ and ann_dir/",
    "voc": "SegmentationClass*/",
    "cityscapes": "gtFine/<split>/<city>/*_gtFine_labelIds.png",
    "cityscapes-trainids": "gtFine/<split>/<city>/*_gtFine_labelTrainIds.png",
    "cityscapes-color": "gtFine/<split>/<city>/*_gtFine_color.png",
    "ade20k": "annotations/training/ or annotations/validation/",
    "coco-stuff": "annotations/train2017/*_labelTrainIds.png",
    "mapillary": "training/v2.0/labels/",
    "nnunet": "labelsTr/",
    "datumaro": "dataset_meta.json with images/ and masks/",
    "hf": "metadata.jsonl with file_name and a column of masks",
    "hf-parquet": "*.parquet with a column of masks",
    "wds": "*.tar, not compressed, with pictures in it",
    "camvid": "trainannot/",
    "camvid-kaggle": "train_labels/ or train_masks/",
    "mirror": "images/ and masks/, X/ and X-mask/, train/images/ and train/masks/",
    "masks": "masks/, labels/ or annotations/",
    "pairs": "pairs.csv, pairs.tsv or pairs.jsonl",
    **ANNOTATIONS_LOOKED_FOR,
}


def candidates(root: Place, layout: str, classes: str | None = None) -> list[Arrangement]:
    """Every reading of a folder that `layout` allows; with `auto`, of all layouts.

    A folder of masks alone is considered only where no rule found anything else, and a mirror only of folders that no
    other layout explains.

    Args:
        root: the folder.
        layout: a name of `LAYOUTS`, or `auto`.
        classes: the class table that is asked for: it decides between masks that say the same in other values.

    Raises:
        LayoutError: unknown layout, or no readable folder.
    """
    if layout not in (*LAYOUTS, "auto"):
        message = f"unknown layout {layout!r}; expected auto, {', '.join(LAYOUTS)}{did_you_mean(layout, LAYOUTS)}"
        raise LayoutError(message, path=root)
    folders = subfolders(root)
    if listed := [p for p in (root / f"pairs{e}" for e in (".csv", ".tsv", ".jsonl")) if p.is_file()]:
        found = [
            Arrangement("pairs", f"pairs listed in {p.name}", f"--pairs {p.name}", pairs=((None, p),)) for p in listed
        ]
        if layout in ("auto", "pairs"):
            return found
    if layout == "masks":
        inner = [a for a in find_mirror(root, folders) if a.layout == "masks"]
        alone = Arrangement(
            "masks", "asked for: every picture in it is a mask", "--layout masks", (Source(root, None),)
        )
        return inner or ([alone] if holds_pictures(root) else [])
    if layout == "auto":
        return _detected(root, folders, classes)
    if layout in ANNOTATED:
        return find_annotations(root, folders, layout)
    found = RULES[layout](root, folders) if layout in RULES else []
    if layout == "cityscapes" and found:
        return [meant_by(classes, found)]
    return [a for a in _of_table(found, root, classes) if a.layout == layout or layout == "mirror"]


def _detected(root: Place, folders: Folders, classes: str | None) -> list[Arrangement]:
    last = (find_mirror, find_masks, find_parquet, find_webdataset)  # tables and archives lie beside other sets too
    rules = dict.fromkeys(rule for rule in RULES.values() if rule not in last)
    found: list[Arrangement] = find_before_masks(root, folders)
    if found:
        return found
    for rule in rules:
        seen = _of_table(rule(root, folders), root, classes)
        if rule is find_cityscapes and seen:
            seen = [meant_by(classes, seen)]
        found += [a for a in seen if rule is not find_ade20k or is_ade20k(root, a)]
    explained = [s.masks for a in found for s in a.sources if s.masks]
    lists = any(a.dialect in ("hf", "images") and a.pairs for a in found)
    mirrors = [] if lists else find_mirror(root, folders)
    found += [a for a in mirrors if not any(_meet(s.masks, e) for s in a.sources for e in explained)]
    found = found or find_annotations(root, folders, "auto")
    return found or [*find_webdataset(root, folders), *find_parquet(root, folders)] or find_masks(root, folders)


def _meet(one: Place | None, other: Place) -> bool:
    """Whether one of two folders lies in the other."""
    return one is not None and (is_below(one, other) or is_below(other, one))


def _of_table(found: list[Arrangement], root: Place, classes: str | None) -> list[Arrangement]:
    """Of readings that bring class tables of their own the one whose table is asked for; of versions the newest."""
    named = [a for a in found if classes is not None and classes in (*a.tables, *(_from(root, t) for t in a.tables))]
    if named:
        return named
    return found[:1] if found and found[0].layout == "mapillary" else found


def _from(root: Place, table: str) -> str:
    return table.removeprefix(f"{root}/")

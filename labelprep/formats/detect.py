"""Which layout a folder has: every rule says what it recognises, and more than one answer is a doubt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from labelprep.errors import LayoutError
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
from labelprep.storage.place import Place

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


def find_cityscapes(root: Place, folders: Folders) -> list[Arrangement]:
    """`gtFine/<split>/<city>/*_gtFine_labelIds.png` with `leftImg8bit`."""
    masks, images = folders.get("gtFine"), folders.get("leftImg8bit")
    if masks is None or not holds_pictures(masks):
        return []
    why = f"masks in {shown(masks, root)}{f', images in {shown(images, root)}' if images else ' and no leftImg8bit/'}"
    source = (Source(masks, images),)
    suffixes = (Suffix("_gtFine_labelIds", ".png"), Suffix("_leftImg8bit"))
    return [Arrangement("cityscapes", why, "--layout cityscapes", source, *suffixes, preset=PRESETS["cityscapes"])]


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
        found.append(Arrangement(layout, why, f"--layout {layout}", tuple(sources), pairs=lists))
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


RULES = {
    "voc": find_voc,
    "cityscapes": find_cityscapes,
    "camvid": find_split_pairs,
    "camvid-kaggle": find_split_pairs,
    "mirror": find_mirror,
    "masks": find_masks,
}
LOOKED_FOR = {
    "voc": "SegmentationClass*/",
    "cityscapes": "gtFine/<split>/<city>/*_gtFine_labelIds.png",
    "camvid": "trainannot/",
    "camvid-kaggle": "train_labels/ or train_masks/",
    "mirror": "images/ and masks/, X/ and X-mask/, train/images/ and train/masks/",
    "masks": "masks/, labels/ or annotations/",
    "pairs": "pairs.csv, pairs.tsv or pairs.jsonl",
}


def candidates(root: Place, layout: str) -> list[Arrangement]:
    """Every reading of a folder that `layout` allows; with `auto`, of all layouts.

    A folder of masks alone is considered only where no rule found anything else.

    Raises:
        LayoutError: unknown layout, or no readable folder.
    """
    if layout not in (*LAYOUTS, "auto"):
        message = f"unknown layout {layout!r}; expected auto, {', '.join(LAYOUTS)}"
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
    rules = dict.fromkeys(rule for name, rule in RULES.items() if layout in ("auto", name) and name != "masks")
    found = [a for rule in rules for a in rule(root, folders) if layout in ("auto", a.layout) or rule is find_mirror]
    return found or (find_masks(root, folders) if layout == "auto" else [])

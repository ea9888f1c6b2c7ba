"""Layouts that trainers read: mmsegmentation, nnU-Net, datumaro, Hugging Face's image folders."""

from __future__ import annotations

from collections.abc import Mapping

from labelprep.formats.benchmark_sets import by_split, names_table
from labelprep.formats.folders import few_subfolders, holds_pictures, picture_names, shown, split_lists
from labelprep.formats.layouts import Arrangement, Source, Suffix, split_of
from labelprep.formats.lists import has_mask_column
from labelprep.storage.place import Place

Folders = Mapping[str, Place]
_SMALL = 10_000_000  # bytes of a file that is read whole to see what it is


def find_mmseg(root: Place, folders: Folders) -> list[Arrangement]:
    """`ann_dir` with `img_dir`, split by folders or by lists of stems."""
    masks, images = folders.get("ann_dir"), folders.get("img_dir")
    if masks is None or images is None or not holds_pictures(masks):
        return []
    lists = tuple((split, path) for folder in (root, root / "splits") for split, path in split_lists(folder))
    listed = f", split by {', '.join(shown(p, root) for _, p in lists)}" if lists else ""
    why = f"masks in ann_dir/, images in img_dir/{listed}"
    tables = names_table(root, "metainfo.json")
    return [Arrangement("mmseg", why, "--layout mmseg", (Source(masks, images),), lists=lists, tables=tables)]


def find_nnunet(root: Place, folders: Folders) -> list[Arrangement]:
    """`labelsTr/CASE.png` with `imagesTr/CASE_0000.png`, and the same with Ts; the first channel is the image."""
    sources = tuple(
        Source(folders[f"labels{part}"], folders.get(f"images{part}"), "", split)
        for part, split in (("Tr", "train"), ("Ts", "test"))
        if f"labels{part}" in folders and holds_pictures(folders[f"labels{part}"])
    )
    if not sources:
        return []
    places = ", ".join(f"{shown(s.masks, root)}/" for s in sources if s.masks)
    why = f"masks in {places}, images in imagesTr/ or imagesTs/ that end in _0000"
    if images := folders.get("imagesTr"):
        more = any(name.rpartition(".")[0].endswith("_0001") for name in picture_names(images))
        why += "; they have further channels, of which _0000 alone is taken for the image" if more else ""
    folds = root / "splits_final.json"
    lists = ((None, folds),) if folds.is_file() else ()
    why += ", split by the first fold of splits_final.json" if lists else ""
    tables = names_table(root, "dataset.json")
    return [Arrangement("nnunet", why, "--layout nnunet", sources, None, Suffix("_0000"), lists, tables=tables)]


def find_datumaro(root: Place, folders: Folders) -> list[Arrangement]:
    """`dataset_meta.json` with `images` and `masks`, in the root or inside each folder of a split."""
    name = "dataset_meta.json"
    if (root / name).is_file() and "masks" in folders and holds_pictures(folders["masks"]):
        source = (Source(folders["masks"], folders.get("images")),)
        why = f"masks in masks/, images in images/, classes in {name}"
        return [Arrangement("datumaro", why, "--layout datumaro", source, tables=(str(root / name),))]
    splits = {n: few_subfolders(path) for n, path in folders.items() if (path / "masks").is_dir()}
    held = [(n, i["masks"], i.get("images")) for n, i in splits.items() if "masks" in i and holds_pictures(i["masks"])]
    metas = [folder / name for folder in (root, *(folders[n] for n, _, _ in held)) if (folder / name).is_file()]
    if not held or not metas:
        return []
    why = f"masks in {', '.join(f'{shown(m, root)}/' for _, m, _ in held)}, images beside them, classes in {name}"
    return [Arrangement("datumaro", why, "--layout datumaro", by_split(held), tables=_one_of_each(metas))]


def _one_of_each(tables: list[Place]) -> tuple[str, ...]:
    """Class tables that differ; splits mostly repeat one."""
    found: dict[bytes, str] = {}
    for path in tables:
        with path.open("rb") as file:
            found.setdefault(file.read(_SMALL), str(path))
    return tuple(found.values())


def find_hugging_face(root: Place, folders: Folders) -> list[Arrangement]:
    """`metadata.jsonl` or `.csv` with `file_name` and a column of masks, in the root or in folders of splits."""
    places = [(None, root), *((split_of(name), path) for name, path in folders.items())]
    lists = [
        (split, path)
        for split, folder in places
        for path in (folder / "metadata.jsonl", folder / "metadata.csv")
        if path.is_file() and has_mask_column(path)
    ]
    if not lists:
        return []
    why = f"masks named in {', '.join(shown(path, root) for _, path in lists)}"
    tables = names_table(root, "id2label.json")
    return [Arrangement("hf", why, "--layout hf", pairs=tuple(lists), dialect="hf", tables=tables)]

"""From the dataset's options to one arrangement of folders, or an error that lists the choices."""

from __future__ import annotations

from dataclasses import replace

from labelprep.errors import LayoutError
from labelprep.formats.detect import LOOKED_FOR, candidates, find_mirror, mirror
from labelprep.formats.folders import file_names, outside_links, subfolders
from labelprep.formats.layouts import Arrangement, Source, Suffix
from labelprep.formats.polygons.forms import ANNOTATED
from labelprep.formats.unread import unread_files
from labelprep.spec import DatasetSpec
from labelprep.storage.place import Place, Remote, is_same

_CITYSCAPES = ("cityscapes", "cityscapes-trainids", "cityscapes-color")
_OWN_FOLDERS = ("auto", "mirror", "masks", "voc", *_CITYSCAPES)


def arrange(dataset: DatasetSpec) -> Arrangement:
    """The layout that the options name, or the only one that fits.

    Raises:
        LayoutError: none fits, more than one fits, or options that do not go together; lists what was looked for
            or every candidate with the option that chooses it.
    """
    root = dataset.root
    folders = subfolders(root)
    if dataset.pairs is not None:
        if dataset.layout not in ("auto", "pairs"):
            message = f"--pairs is a layout of its own and does not go with --layout {dataset.layout}"
            raise LayoutError(message, path=root)
        listed = _located(root, dataset.pairs, "--pairs")
        why = f"pairs listed in {dataset.pairs.as_posix()}, as asked for"
        return _with_suffixes(Arrangement("pairs", why, "", pairs=((None, listed),)), dataset)
    if dataset.images is not None or dataset.masks is not None:
        found = _given(dataset)
    else:
        found = candidates(root, dataset.layout, dataset.classes)
    if len(found) != 1:
        raise _none(root, dataset.layout, list(folders)) if not found else _doubt(root, found)
    chosen = found[0]
    if links := outside_links(root):
        chosen = replace(chosen, why=f"{chosen.why} (not followed, they lead out of the folder: {', '.join(links)})")
    return _with_suffixes(chosen, dataset)


def _located(root: Place, path: Place, option: str) -> Place:
    """A path given on the command line: absolute, or below the root, or below the current directory."""
    tries = (path,) if isinstance(path, Remote) or path.is_absolute() else (root / path, path)
    for place in tries:
        if place.exists():
            return place
    tried = " and ".join(map(str, tries))
    message = f"{option} {path}: not found; looked for {tried}"
    raise LayoutError(message, path=root)


def _given(dataset: DatasetSpec) -> list[Arrangement]:
    root, layout = dataset.root, dataset.layout
    if layout in ANNOTATED and dataset.images is not None and dataset.masks is None:
        elsewhere = _located(root, dataset.images, "--images")
        found = candidates(root, layout, dataset.classes)
        return [replace(a, sources=tuple(replace(s, images=elsewhere) for s in a.sources)) for a in found]
    if layout not in _OWN_FOLDERS:
        message = f"--images and --masks do not go with --layout {layout}"
        raise LayoutError(message, path=root, hint="leave --layout away, or give --pairs FILE")
    masks = None if dataset.masks is None else _located(root, dataset.masks, "--masks")
    images = None if dataset.images is None else _located(root, dataset.images, "--images")
    if layout == "auto" and masks is not None and masks.name.lower().startswith("segmentationclass"):
        layout = "voc" if images is None and any(a.layout == "voc" for a in candidates(root, "auto")) else layout
    if layout in ("voc", *_CITYSCAPES) or masks is None:
        found = candidates(root, "mirror" if masks is None and layout == "auto" else layout, dataset.classes)
        return [_moved(a, masks, images, root) for a in found[: 1 if masks else None]]
    if images is None and layout != "masks":
        beside = find_mirror(masks.parent, subfolders(masks.parent))
        near = [s.images for a in beside for s in a.sources if s.images and s.masks and is_same(s.masks, masks)]
        if len(near) > 1:
            return [mirror(masks, n, root) for n in near]
        images = near[0] if near else None
    return [mirror(masks, images, root)]


def _moved(found: Arrangement, masks: Place | None, images: Place | None, root: Place) -> Arrangement:
    """The same layout with the folders that were asked for."""
    source = found.sources[0]
    moved = mirror(masks or source.masks or root, images or source.images, root)
    return replace(found, why=moved.why, sources=moved.sources) if found.preset else moved


def _with_suffixes(found: Arrangement, dataset: DatasetSpec) -> Arrangement:
    masks = _named(found.mask_suffix, dataset.mask_suffix, dataset.mask_prefix)
    images = _named(found.image_suffix, dataset.image_suffix, dataset.image_prefix)
    alike = any(_one_folder(s) for s in found.sources) and found.layout not in ANNOTATED  # endings tell those apart
    if alike and masks is None and images is None:
        message = "images and masks lie in one folder, and nothing tells them apart"
        raise LayoutError(
            message, path=dataset.root, hint="--image-suffix .jpg --mask-suffix _mask.png, or --pairs FILE"
        )
    return replace(found, mask_suffix=masks, image_suffix=images)


def _named(own: Suffix | None, suffix: str | None, prefix: str | None) -> Suffix | None:
    """How the names of one side are told from the names that pair: as asked for, else as the layout has it."""
    if suffix is not None:
        own = Suffix.parse(suffix)
    return own if prefix is None else replace(own or Suffix(), prefix=prefix)


def _one_folder(source: Source) -> bool:
    return source.masks is not None and source.images is not None and is_same(source.masks, source.images)


def _doubt(root: Place, found: list[Arrangement]) -> LayoutError:
    lines = "".join(f"\n  {a.layout}: {a.why}: {a.option}" for a in found)
    message = f"the folders can be read in {len(found)} ways; choose one:{lines}"
    return LayoutError(message, path=root)


def _none(root: Place, layout: str, folders: list[str]) -> LayoutError:
    plain = "mirror" if layout == "auto" else layout
    named = f"{LOOKED_FOR[plain]} ({plain})"
    if layout == "auto":
        named += f", and for the layouts {', '.join(n for n in LOOKED_FOR if n != plain)}"
    held = ", ".join(folders[:12]) + (", …" if len(folders) > 12 else "") if folders else "no folders"
    links = outside_links(root)
    held += f", and links that lead out of it: {', '.join(links)}" if links else ""
    inner = [n for n in folders[:50] if any(a.layout != "masks" for a in _quiet(root / n))]
    hint = "name the folders: --images DIR --masks DIR, list the pairs: --pairs FILE, or say --layout masks"
    hint = f"did you mean {(root / inner[0]).as_posix()}?" if inner else hint
    message = f"no masks found; looked for {named}; the folder holds {held}{unread_files(file_names(root))}"
    return LayoutError(message, path=root, hint=hint)


def _quiet(folder: Place) -> list[Arrangement]:
    """What a folder one level down could be; doubt there is no concern here."""
    try:
        return candidates(folder, "auto")
    except LayoutError:
        return []

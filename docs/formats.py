"""Writes the last section of docs/formats.md from the registries of the code: `python docs/formats.py`.

Each registry must be covered exactly: a format that is added, renamed or dropped must be described here.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from labelprep.exports import LAYOUTS as WRITTEN
from labelprep.exports.values import EVERYTHING_KEPT
from labelprep.formats.layouts import ENDINGS as PICTURES
from labelprep.formats.layouts import LAYOUTS as READ
from labelprep.formats.tables.dialects import DIALECTS
from labelprep.formats.tables.says import Says
from labelprep.formats.weight_files import ENDINGS as WEIGHTS

TITLE = "## Every format\n"
HEAD = """
Written by `python docs/formats.py` from the code's own lists of formats; tests hold it to them. For a layout "kept" is
what `convert` gets back from what `export` wrote: `ids` the class of every pixel under the same id, `ignored` which
pixels are ignored, `keys` folders and names of the samples, `splits` (train, val, test), `names` and `colours` of the
classes. Where a format is only read, it is what `convert` takes from it. An image that is written anew as PNG loses its
metadata.

| format | read | write | what is kept | what is lost |
|---|---|---|---|---|
"""
INSTANCES = "ids, names, splits"

# layouts that are only read: kept, lost
READ_ONLY = {
    "masks": ("ids, ignored, keys, splits", "images"),
    "cityscapes-trainids": ("as `cityscapes`, which is written so", ""),
    "cityscapes-color": ("ids, ignored, keys, splits, names, colours", "instances"),
    "labelme": (INSTANCES, "groups, flags, `imagePath`, order of what is covered"),
    "coco-panoptic": (f"{INSTANCES}, ignored, colours", "instances, `iscrowd`"),
    "cvat": (f"{INSTANCES}, colours", "attributes, tracks, polylines, points"),
    "cityscapes-polygons": (f"{INSTANCES}, ignored", "instances, order of what is covered"),
    "yolo-segment": (INSTANCES, "instances, boxes, colours"),
}
# layouts that are read and written: what reading somebody else's loses besides
BESIDES = {
    "nnunet": "channels but the first, folds but the first",
    "coco": "instances, boxes, keypoints",
    "hf": "other columns",
    "hf-parquet": "other columns",
    "wds": "other fields",
    "mapillary": "instances, panoptic",
    "pairs": "other columns",
}
WEIGHTS_KEEP = {
    "json": ("all: weights, names, method, counts, hashes", ""),
    "csv": ("names, pixels, images, frequency, weights", "method, hashes"),
    "npy": ("weights as float32", "names, method, counts, hashes"),
    "pt": ("weights as float32", "names, method, counts, hashes"),
    "yaml": ("weights", "names, method, counts, hashes"),
    "mmseg": ("weights", "names, method, counts, hashes"),
    "keras": ("weights by id", "names, method, counts, hashes"),
}
IDS = {"place": "ids (order of rows)", "from-1": "ids (order of rows)", "first": "ids", "all": "ids"}
IDS_LOST = {
    "place": "ids in source masks",
    "from-1": "ids in source masks",
    "first": "further ids",
    "all": "names of merged classes",
}
COLORS = {"none": "", "one": "one colour", "maybe": "one colour", "all": "colours"}
COLORS_LOST = {"none": "colours", "one": "further colours", "maybe": "further colours", "all": ""}
IGNORED = {"marked": "ignored", "kept": "", "joined": "ignored (as one)", "ids": "ignored ids", "out": ""}
IGNORED_LOST = {
    "marked": "",
    "kept": "that classes are ignored",
    "joined": "names of ignored classes",
    "ids": "names of ignored classes",
    "out": "ignored classes",
}


def section() -> str:
    """The section with its title."""
    rows = [*_layouts(), *_pictures(), *_tables(), *_weights()]
    return TITLE + HEAD + "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def _covered(name: str, described: Iterable[str], there: Iterable[str]) -> None:
    if wrong := set(described) ^ set(there):
        message = f"{name} of docs/formats.py and of the code differ: {', '.join(sorted(wrong))}"
        raise SystemExit(message)


def _listed(parts: Iterable[str], comma: str = ", ") -> str:
    return comma.join(part for part in parts if part)


def _layouts() -> Iterator[tuple[str, ...]]:
    _covered("READ_ONLY", READ_ONLY, set(READ) - set(WRITTEN))
    _covered("BESIDES", BESIDES, set(BESIDES) & set(WRITTEN))
    for name in dict.fromkeys((*READ, *WRITTEN)):
        if (layout := WRITTEN.get(name)) is None:
            yield f"layout `{name}`", "yes", "", *READ_ONLY[name]
            continue
        kept = "all" if set(layout.keeps) == set(EVERYTHING_KEPT) else ", ".join(layout.keeps)
        besides = f"reading: {BESIDES[name]}" if name in BESIDES else ""
        yield f"layout `{name}`", "yes" * (name in READ), "yes", kept, _listed((layout.loses, besides), "; ")


def _pictures() -> Iterator[tuple[str, ...]]:
    lost = "colours of pixels beyond those of classes; blended and unknown ones are findings"
    for ending in PICTURES:
        is_png = ending == ".png"
        lossy = "exactness, where it is lossy: a finding" if ending in (".jpg", ".jpeg", ".webp") else ""
        kept = "ids, ignored, colours" if is_png else "ids, ignored"
        yield f"mask `*{ending}`", "yes", "yes" * is_png, kept, _listed((lossy, lost), "; ")


def _tables() -> Iterator[tuple[str, ...]]:
    for dialect in DIALECTS:
        kept, lost = _said(dialect.says)
        yield f"{dialect.title} (`{dialect.name}`)", "yes", "yes", kept, lost
    yield "`preset:NAME`", "yes", "", "all", ""


def _said(says: Says) -> tuple[str, str]:
    """What a dialect has words for, and what it has none for."""
    kept = _listed(("names" if says.names else "", IDS[says.ids], COLORS[says.colors], IGNORED[says.ignored]))
    lost = (
        "" if says.names else "names",
        IDS_LOST[says.ids],
        COLORS_LOST[says.colors],
        IGNORED_LOST[says.ignored],
    )
    return kept, _listed(lost)


def _weights() -> Iterator[tuple[str, ...]]:
    _covered("WEIGHTS_KEEP", WEIGHTS_KEEP, WEIGHTS)
    for kind, ending in WEIGHTS.items():
        yield f"weights `*{ending}`", "yes", "yes", *WEIGHTS_KEEP[kind]


def with_section(page: str) -> str:
    """A page whose last section is the one written here."""
    return page.partition(TITLE)[0].rstrip() + "\n\n" + section()


if __name__ == "__main__":
    path = Path(__file__).with_suffix(".md")
    path.write_text(with_section(path.read_text(encoding="utf-8")), encoding="utf-8")

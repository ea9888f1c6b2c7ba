"""Files beside the samples: class tables and configurations as other tools read them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from labelprep.class_rows import IgnoredClass, SegClass
from labelprep.classes import ClassTable
from labelprep.formats.class_tables import dump_table
from labelprep.formats.tables import ade20k
from labelprep.formats.tables.says import rows_for
from labelprep.prepared import Prepared

Sidecars = Iterator[tuple[str, bytes]]


def as_json(value: Any) -> bytes:
    """JSON for people and programs, the same bytes for the same value."""
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def of_masks(table: ClassTable, *, ignored: bool = True) -> ClassTable:
    """The class table of masks that were prepared: final ids, the colours they are painted in, one ignored class.

    What meant a class in the source masks is history by then.
    """
    kept = tuple(SegClass(c.id, c.name, c.color, (c.color,), (c.id,)) for c in table.classes)
    colors = () if table.void_color in {c.color for c in kept} else (table.void_color,)
    name = table.ignored[0].name if len(table.ignored) == 1 else "ignored"
    name = name if name not in table.names else f"{name} (ignored)"
    return ClassTable(kept, (IgnoredClass(name, colors, (table.ignore_index,)),) if ignored else (), table.source)


def _dumped(prepared: Prepared, dialect: str, *, ignored: bool) -> bytes:
    return dump_table(dialect, of_masks(prepared.table, ignored=ignored), dialect)[0]


def native(prepared: Prepared, _splits: tuple[str, ...]) -> Sidecars:
    """The class table of the masks as labelprep writes it."""
    yield "classes.yaml", _dumped(prepared, "native", ignored=bool(prepared.table.ignored))


def class_dict(prepared: Prepared, _splits: tuple[str, ...]) -> Sidecars:
    """`class_dict.csv`: name, r, g, b."""
    yield "class_dict.csv", _dumped(prepared, "csv", ignored=bool(prepared.table.ignored))


def label_colors(prepared: Prepared, _splits: tuple[str, ...]) -> Sidecars:
    """CamVid's `label_colors.txt`."""
    yield "label_colors.txt", _dumped(prepared, "label_colors", ignored=bool(prepared.table.ignored))


def labelmap(prepared: Prepared, _splits: tuple[str, ...]) -> Sidecars:
    """CVAT's `labelmap.txt`."""
    yield "labelmap.txt", _dumped(prepared, "labelmap", ignored=bool(prepared.table.ignored))


def mmseg(prepared: Prepared, _splits: tuple[str, ...]) -> Sidecars:
    """`METAINFO` of an mmsegmentation dataset."""
    yield "metainfo.json", _dumped(prepared, "mmseg", ignored=False)


def ultralytics(prepared: Prepared, splits: tuple[str, ...]) -> Sidecars:
    """`data.yaml`. Without `path` it means the folder that it stands in; `path: .` would mean the reader's own one."""
    head = "".join(f"{split}: images/{split}\n" for split in splits) + "masks_dir: masks\n"
    yield "data.yaml", head.encode() + _dumped(prepared, "ultralytics", ignored=False)


def datumaro(prepared: Prepared, splits: tuple[str, ...]) -> Sidecars:
    """`dataset_meta.json` with names and colours, once for all and in each split, where datumaro looks for it.

    Ignored pixels are the last label.
    """
    content = _dumped(prepared, "datumaro", ignored=True)
    for place in ("dataset_meta.json", *(f"{split}/dataset_meta.json" for split in splits)):
        yield place, content


def hugging_face(prepared: Prepared, splits: tuple[str, ...]) -> Sidecars:
    """`id2label.json`, and the dataset card that `datasets` and the Hub read."""
    return _hugging_face(prepared, {split: f"{split}/**" for split in splits})


def hugging_face_parquet(prepared: Prepared, splits: tuple[str, ...]) -> Sidecars:
    """The same for shards."""
    return _hugging_face(prepared, {split: f"data/{split}-*.parquet" for split in splits})


def _hugging_face(prepared: Prepared, places: Mapping[str, str]) -> Sidecars:
    yield "id2label.json", _dumped(prepared, "id2label", ignored=False)
    files = "".join(f"\n  - split: {split}\n    path: {place}" for split, place in places.items())
    card = f"""---
task_categories:
- image-segmentation
configs:
- config_name: default
  data_files:{files}
---
Pixel value of a mask = class id of `id2label.json`; {prepared.table.ignore_index} = ignored.
"""
    yield "README.md", card.encode()


def nothing(_prepared: Prepared, _splits: tuple[str, ...]) -> Sidecars:
    """No further files: the list of samples says it all."""
    yield from ()


def mapillary(prepared: Prepared, _splits: tuple[str, ...]) -> Sidecars:
    """`config_v2.0.json`: the labels in id order."""
    yield "config_v2.0.json", _dumped(prepared, "mapillary", ignored=False)


def object_info(prepared: Prepared, _splits: tuple[str, ...]) -> Sidecars:
    """`objectInfo.txt` as ADE20K has it: Idx, Ratio, Train, Val, Stuff, Name, with the shares of the whole set."""
    pixels = prepared.totals.pixels
    rows = rows_for(of_masks(prepared.table, ignored=False), ade20k.SAYS)
    yield "objectInfo.txt", ade20k.dump(rows, (pixels / max(1, int(pixels.sum()))).tolist()).encode()

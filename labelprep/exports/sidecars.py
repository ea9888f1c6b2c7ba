"""Files beside the samples: class tables and configurations as other tools read them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from labelprep.formats.class_tables import dump_table
from labelprep.prepared import Prepared

Sidecars = Iterator[tuple[str, bytes]]


def as_json(value: Any) -> bytes:
    """JSON for people and programs, the same bytes for the same value."""
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def native(prepared: Prepared, _splits: tuple[str, ...]) -> Sidecars:
    """The class table as labelprep writes it, which alone says everything."""
    yield "classes.yaml", dump_table("classes.yaml", prepared.table)[0]


def class_dict(prepared: Prepared, _splits: tuple[str, ...]) -> Sidecars:
    """`class_dict.csv`: name, r, g, b."""
    yield "class_dict.csv", dump_table("class_dict.csv", prepared.table)[0]


def label_colors(prepared: Prepared, _splits: tuple[str, ...]) -> Sidecars:
    """CamVid's `label_colors.txt`."""
    yield "label_colors.txt", dump_table("label_colors.txt", prepared.table)[0]


def labelmap(prepared: Prepared, _splits: tuple[str, ...]) -> Sidecars:
    """CVAT's `labelmap.txt`."""
    yield "labelmap.txt", dump_table("labelmap.txt", prepared.table)[0]


def mmseg(prepared: Prepared, _splits: tuple[str, ...]) -> Sidecars:
    """`METAINFO` of an mmsegmentation dataset."""
    table = prepared.table
    colors = [list(c.color) for c in table.classes]
    yield "metainfo.json", as_json({"classes": list(table.names), "palette": colors})


def ultralytics(prepared: Prepared, splits: tuple[str, ...]) -> Sidecars:
    """`data.yaml` with paths relative to itself. JSON strings are YAML strings, so that any name is quoted right."""
    quoted = [json.dumps(name, ensure_ascii=False) for name in prepared.table.names]
    lines = ["path: .", *(f"{split}: images/{split}" for split in splits), "masks_dir: masks", "names:"]
    lines += [f"  {number}: {name}" for number, name in enumerate(quoted)]
    yield "data.yaml", ("\n".join(lines) + "\n").encode()


def datumaro(prepared: Prepared, _splits: tuple[str, ...]) -> Sidecars:
    """`dataset_meta.json` with names and colours; ignored pixels are the last label."""
    table = prepared.table
    names = [*table.names, table.ignored[0].name if len(table.ignored) == 1 else "ignored"]
    colors = [*(c.color for c in table.classes), table.void_color]
    meta = {
        "label_map": {str(number): name for number, name in enumerate(names)},
        "segmentation_colors": [list(color) for color in colors],
    }
    yield "dataset_meta.json", as_json(meta)


def hugging_face(prepared: Prepared, splits: tuple[str, ...]) -> Sidecars:
    """`id2label.json`, and the dataset card that `datasets` and the Hub read."""
    names = prepared.table.names
    yield "id2label.json", as_json({str(number): name for number, name in enumerate(names)})
    files = "".join(f"\n  - split: {split}\n    path: {split}/**" for split in splits)
    card = f"""---
task_categories:
- image-segmentation
configs:
- config_name: default
  data_files:{files}
---
Pixel value of a mask = class id of `id2label.json`; 255 = ignored.
"""
    yield "README.md", card.encode()


def mapillary(prepared: Prepared, _splits: tuple[str, ...]) -> Sidecars:
    """`config_v2.0.json`: the labels in id order."""
    labels = [
        {"name": c.name, "readable": c.name, "color": list(c.color), "evaluate": True, "instances": False}
        for c in prepared.table.classes
    ]
    yield "config_v2.0.json", as_json({"version": 2.0, "labels": labels})


def object_info(prepared: Prepared, _splits: tuple[str, ...]) -> Sidecars:
    """`objectInfo.txt` as ADE20K has it: Idx, Ratio, Train, Val, Stuff, Name, with the shares of the whole set."""
    table, pixels = prepared.table, prepared.totals.pixels
    whole = max(1, int(pixels.sum()))
    lines = ["Idx\tRatio\tTrain\tVal\tStuff\tName"]
    lines += [f"{c.id + 1}\t{int(pixels[c.id]) / whole:.4f}\t0\t0\t0\t{c.name}" for c in table.classes]
    yield "objectInfo.txt", ("\n".join(lines) + "\n").encode()

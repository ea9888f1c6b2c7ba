"""Run by test_consumers.py with mmsegmentation: the dataset class that belongs to a layout.

Its plain Python parts alone, from mmcv-lite: reading files needs none of mmcv's compiled operators.
"""

import json
import sys
import types
from pathlib import Path


def read(kept, root, layout):
    operators = types.ModuleType("mmcv.ops")
    operators.point_sample = None
    sys.modules["mmcv.ops"] = operators
    import mmseg.datasets as sets
    from mmcv.transforms import LoadImageFromFile
    from mmseg.datasets.transforms import LoadAnnotations

    by_folders = {
        "mmseg": (sets.BaseSegDataset, "img_dir/{s}", "ann_dir/{s}", ("train", "val")),
        "cityscapes": (sets.CityscapesDataset, "leftImg8bit/{s}", "gtFine/{s}", ("train", "val")),
        "ade20k": (sets.ADE20KDataset, "images/{s}", "annotations/{s}", ("training", "validation")),
        "coco-stuff": (sets.COCOStuffDataset, "images/{s}", "annotations/{s}", ("train2017", "val2017")),
        "mapillary": (sets.MapillaryDataset_v2, "{s}/images", "{s}/v2.0/labels", ("training", "validation")),
    }
    kind, image, mask, splits = by_folders[layout]
    if Path(
        root, "metainfo.json"
    ).is_file():  # own classes are a class of one's own; as `metainfo` they would be a subset
        kind = type("Ours", (kind,), {"METAINFO": json.loads(Path(root, "metainfo.json").read_text("utf-8"))})
        kept.names = kind.METAINFO["classes"]
    for split in splits:
        rows = kind(
            data_root=root,
            data_prefix={"img_path": image.format(s=split), "seg_map_path": mask.format(s=split)},
            pipeline=[{"type": LoadImageFromFile}, {"type": LoadAnnotations}],
        )
        for row in rows:
            name = Path(row["img_path"]).relative_to(root).with_suffix("").as_posix()
            kept.keep(name, row["gt_seg_map"], row["img"][..., ::-1])


if __name__ == "__main__":
    from keep import run

    run(read)

"""One tiny set as each tool lays it out, written here by hand: folders, lists, class tables, values of masks."""

import io
import json
import tarfile

import numpy as np
from PIL import Image

from tests.dataset import blocks

NAMES = ("road", "building", "sky", "car", "person")
COLORS = ((128, 64, 128), (70, 70, 60), (70, 130, 180), (0, 0, 142), (220, 20, 60))
SAMPLES = (("train", "a"), ("train", "b"), ("val", "c"))


def ids(name):
    """Ids of a sample, with ignored pixels in one corner."""
    array = blocks(ord(name))
    array[:2, :3] = 255
    return array


EXPECTED = {f"{split}/{name}": ids(name) for split, name in SAMPLES}


def png(array, palette=None):
    image = Image.fromarray(array)
    if palette is not None:
        image = Image.fromarray(array, "P") if array.ndim == 2 else image
        image.putpalette(palette)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def photo(name, ending=".jpg"):
    rng = np.random.default_rng(ord(name))
    out = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (24, 32, 3), np.uint8)).save(out, "PNG" if ending == ".png" else "JPEG")
    return out.getvalue()


def painted(array, void=(0, 0, 0)):
    table = np.zeros((256, 3), np.uint8)
    table[: len(COLORS)] = COLORS
    table[255] = void
    return table[array]


def put(root, place, content):
    path = root / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def pairs(root, image, mask, *, values=lambda array: array, splits=None, ending=".jpg"):
    for split, name in SAMPLES:
        words = {"split": (splits or {}).get(split, split), "name": name}
        put(root, image.format(**words), photo(name, ending))
        put(root, mask.format(**words), png(values(ids(name))))


def metainfo(root):
    put(root, "metainfo.json", json.dumps({"classes": NAMES, "palette": COLORS}))


def ultralytics(root):
    pairs(root, "images/{split}/{name}.jpg", "masks/{split}/{name}.png", values=lambda a: np.where(a == 255, 0, a + 7))
    mapping = "".join(f"  {n + 7}: {n}\n" for n in range(5)) + "  0: ignore_label\n"
    names = "".join(f"  {n}: {name}\n" for n, name in enumerate(NAMES))
    put(root, "data.yaml", f"path: .\ntrain: images/train\nval: images/val\nnames:\n{names}label_mapping:\n{mapping}")


def ultralytics_lists(root):
    pairs(root, "images/{split}/{name}.jpg", "gt/{split}/{name}.png")
    for split in ("train", "val"):
        lines = [f"./images/{split}/{name}.jpg" for of, name in SAMPLES if of == split]
        put(root, f"{split}.txt", "\r\n".join([*lines, ""]))
    put(root, "data.yaml", f"train: train.txt\nval: val.txt\nmasks_dir: gt\nnames: {json.dumps(NAMES)}\n")


def mmseg(root):
    pairs(root, "img_dir/{split}/{name}.jpg", "ann_dir/{split}/{name}.png")
    metainfo(root)


def cityscapes(kind):
    """Labels are 7 more than the ids here, as Cityscapes' road is 7."""

    def draw(root):
        given = {"labelIds": lambda a: np.where(a == 255, 0, a + 7), "labelTrainIds": lambda a: a, "color": painted}
        image, mask = "{split}/x/{name}_leftImg8bit.png", "{split}/x/{name}_gtFine_" + f"{kind}.png"
        pairs(root, f"leftImg8bit/{image}", f"gtFine/{mask}", values=given[kind], ending=".png")
        rows = [{"id": n + 7, "name": name, "color": list(COLORS[n])} for n, name in enumerate(NAMES)]
        lines = [f"  - {json.dumps(row)}" for row in rows]
        far = "  - {id: 33, name: bicycle, color: [119, 11, 32], ignore: true}\n"
        void = "  - {id: 0, name: void, color: [0, 0, 0], ignore: true}\n"
        put(root, "classes.yaml", "renumber: true\nclasses:\n" + "\n".join(lines) + f"\n{far}{void}")

    return draw


def cityscapes_trainids(root):
    cityscapes("labelTrainIds")(root)
    (root / "classes.yaml").unlink()
    metainfo(root)


def ade20k(root):
    places = ("images/{split}/{name}.jpg", "annotations/{split}/{name}.png")
    splits = {"train": "training", "val": "validation"}
    pairs(root, *places, values=lambda a: np.where(a == 255, 0, a + 1).astype(np.uint8), splits=splits)
    lines = "".join(f"{n}\t0.1\t0\t0\t0\t{name}\n" for n, name in enumerate(NAMES, 1))
    put(root, "objectInfo.txt", f"Idx\tRatio\tTrain\tVal\tStuff\tName\n{lines}")


def coco_stuff(root):
    places = ("images/{split}2017/{name}.jpg", "annotations/{split}2017/{name}_labelTrainIds.png")
    pairs(root, *places)
    for split, name in SAMPLES:  # as the set comes, beside what was made of it
        put(root, f"annotations/{split}2017/{name}.png", png(np.full((24, 32), 180, np.uint8)))
    metainfo(root)


def mapillary(root):
    splits = {"train": "training", "val": "validation"}
    pairs(root, "{split}/images/{name}.jpg", "{split}/v1.2/labels/{name}.png", values=np.zeros_like, splits=splits)
    pairs(root, "{split}/images/{name}.jpg", "{split}/v2.0/labels/{name}.png", splits=splits)
    labels = [{"name": n, "readable": n, "color": c, "evaluate": True} for n, c in zip(NAMES, COLORS, strict=True)]
    put(root, "config_v1.2.json", json.dumps({"labels": labels[:1]}))
    put(root, "config_v2.0.json", json.dumps({"labels": labels}))
    put(root, "testing/images/z.jpg", photo("z"))


def nnunet(root):
    for split, name in SAMPLES:
        for channel in (0, 1):
            put(root, f"imagesTr/{split}__{name}_{channel:04d}.png", photo(name, ".png"))
        put(root, f"labelsTr/{split}__{name}.png", png(np.where(ids(name) == 255, 5, ids(name)).astype(np.uint8)))
    put(root, "imagesTs/z_0000.png", photo("z", ".png"))
    labels = {"background": 0} | {name: n for n, name in enumerate(NAMES) if n} | {"ignore": 5}
    told = {"channel_names": {"0": "R", "1": "G"}, "labels": labels, "numTraining": 3, "file_ending": ".png"}
    put(root, "dataset.json", json.dumps(told))
    put(root, "splits_final.json", json.dumps([{"train": ["train__a", "train__b"], "val": ["val__c"]}]))


def datumaro(root):
    pairs(root, "{split}/images/{name}.jpg", "{split}/masks/{name}.png", values=lambda a: painted(a, (1, 2, 3)))
    meta = {"label_map": dict(zip("01234", NAMES, strict=True)), "segmentation_colors": COLORS}
    for split in ("train", "val"):
        put(root, f"{split}/dataset_meta.json", json.dumps(meta))


def hf(root):
    pairs(root, "{split}/images/{name}.jpg", "{split}/masks/{name}.png")
    for split in ("train", "val"):
        names = [name for of, name in SAMPLES if of == split]
        lines = [json.dumps({"file_name": f"images/{n}.jpg", "mask_file_name": f"masks/{n}.png"}) for n in names]
        put(root, f"{split}/metadata.jsonl", "\n".join(lines) + "\n")
    put(root, "id2label.json", json.dumps(dict(zip("01234", NAMES, strict=True))))


def tar(members, format_=tarfile.GNU_FORMAT):
    """A tar file of (name or header, bytes)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format_) as file:
        for name, data in members:
            header = tarfile.TarInfo(name) if isinstance(name, str) else name
            header.size = header.size if data is None else len(data)
            file.addfile(header, None if data is None else io.BytesIO(data))
    return out.getvalue()


def wds(root):
    for split in ("train", "val"):
        members = []
        for of, name in SAMPLES:
            if of == split:
                members += [(f"{split}/{name}.cls", b"3"), (f"{split}/{name}.jpg", photo(name))]
                members += [(f"{split}/{name}.seg.png", png(ids(name)))]
        put(root, f"{split}-000000.tar", tar(members))
    put(root, "id2label.json", json.dumps(dict(zip("01234", NAMES, strict=True))))


def hf_parquet(root):
    import pyarrow as pa
    import pyarrow.parquet as pq

    (root / "data").mkdir(parents=True)
    for split in ("train", "val"):
        rows = [
            {
                "image": {"bytes": photo(name), "path": f"{name}.jpg"},
                "label": {"bytes": png(ids(name)), "path": None},
                "__key__": f"{split}/{name}",
                "scene": 3,
            }
            for of, name in SAMPLES
            if of == split
        ]
        pq.write_table(pa.Table.from_pylist(rows), root / f"data/{split}-00000-of-00001.parquet", row_group_size=1)
    put(root, "id2label.json", json.dumps(dict(zip("01234", NAMES, strict=True))))


LAYOUTS = {
    "ultralytics": ultralytics,
    "mmseg": mmseg,
    "cityscapes": cityscapes("labelIds"),
    "cityscapes-trainids": cityscapes_trainids,
    "cityscapes-color": cityscapes("color"),
    "ade20k": ade20k,
    "coco-stuff": coco_stuff,
    "mapillary": mapillary,
    "nnunet": nnunet,
    "datumaro": datumaro,
    "hf": hf,
    "hf-parquet": hf_parquet,
    "wds": wds,
}

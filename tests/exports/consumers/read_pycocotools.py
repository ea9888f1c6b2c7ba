"""Run by test_consumers.py with pycocotools: COCO's own API on annotations/stuff_*.json."""

from pathlib import Path


def read(kept, root):
    import numpy as np
    from PIL import Image
    from pycocotools.coco import COCO

    for path in sorted(Path(root).glob("annotations/stuff_*.json")):
        split = path.stem.removeprefix("stuff_")
        coco = COCO(path)
        kept.names = [coco.cats[i]["name"] for i in sorted(coco.cats)]
        for number, about in coco.imgs.items():
            mask = np.full((about["height"], about["width"]), 255, np.uint8)
            for annotation in coco.imgToAnns[number]:
                inside = coco.annToMask(annotation) == 1
                if inside.sum() != annotation["area"] or (mask[inside] != 255).any():
                    raise SystemExit(f"{about['file_name']}: area or overlap of {annotation['id']}")
                mask[inside] = annotation["category_id"] - 1
            image = Image.open(Path(root, "images", split, about["file_name"]))
            kept.keep(Path("images", split, about["file_name"]).with_suffix("").as_posix(), mask, image)


if __name__ == "__main__":
    from keep import run

    run(read)

"""Draws shapes with the tools' own code and writes what they gave: `peers.json`, which the tests compare with.

    python -m venv V
    V/bin/pip install cityscapesscripts pycocotools pillow
    V/bin/pip install --no-deps labelme
    V/bin/python tests/steps/polygons/make.py tests/steps/polygons/peers.json

labelme's `utils/shape.py` is loaded alone, as its package opens a window. The shapes come from a fixed seed, so that
the file is the same each time; it was made with labelme 6.3.1, cityscapesScripts 2.3.0, pycocotools 2.0.11, Pillow 13.
"""

import importlib.util
import json
import random
import sys
import tempfile
import types
from importlib import metadata
from pathlib import Path

import numpy as np

WIDTH, HEIGHT = 44, 36
LABELS = ("road", "car", "person", "pole")


def runs(pixels):
    """Values and how often each comes, along the rows."""
    flat = np.asarray(pixels).ravel()
    starts = np.concatenate(([0], np.flatnonzero(flat[1:] != flat[:-1]) + 1))
    return [[int(flat[s]), int(n)] for s, n in zip(starts, np.diff(starts, append=flat.size), strict=True)]


def point(rng, digits, margin=0):
    return [round(rng.uniform(-margin, WIDTH + margin), digits), round(rng.uniform(-margin, HEIGHT + margin), digits)]


def polygon(rng, digits, margin=0):
    return [point(rng, digits, margin) for _ in range(rng.randint(3, 9))]


def labelme_code():
    folder = Path(metadata.distribution("labelme").locate_file("labelme"))
    package = types.ModuleType("labelme")
    package.__path__ = [str(folder)]
    file = types.ModuleType("labelme._label_file")
    file.ShapeDict = dict
    sys.modules |= {"labelme": package, "labelme._label_file": file}
    spec = importlib.util.spec_from_file_location("labelme_shape", folder / "utils" / "shape.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def labelme_cases():
    code = labelme_code()
    many = {"rectangle": 2, "circle": 2, "line": 2, "point": 1, "linestrip": 4, "oriented_rectangle": 4}
    for seed in range(16):
        rng = random.Random(seed)
        digits = (0, 1, 2, 13)[seed % 4]
        shapes = []
        for _ in range(rng.randint(1, 8)):
            kind = rng.choice(["polygon", "polygon", "polygon", None, *many])
            points = polygon(rng, digits, seed % 3 * 9) if kind in ("polygon", None) else None
            points = points or [point(rng, digits) for _ in range(many[kind])]
            shapes.append({"label": rng.choice(LABELS), "points": points, "shape_type": kind})
        values = {label: n for n, label in enumerate(LABELS, 1)}
        drawn, _ = code.shapes_to_label((HEIGHT, WIDTH), shapes, values)
        yield {"shapes": shapes, "imageWidth": WIDTH, "imageHeight": HEIGHT}, drawn


def cityscapes_cases():
    from cityscapesscripts.preparation.json2labelImg import json2labelImg
    from PIL import Image

    labels = ("road", "car", "cargroup", "person", "persongroup", "polegroup", "license plate", "static", "sky", "pole")
    for seed in range(10):
        rng = random.Random(100 + seed)
        margin = seed % 3 * 9
        objects = [{"label": rng.choice(labels), "polygon": polygon(rng, seed % 2, margin)} for _ in range(7)]
        objects[3]["deleted"] = 1
        annotation = {"imgWidth": WIDTH, "imgHeight": HEIGHT, "objects": objects}
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder, "a.json"), Path(folder, "a.png")
            source.write_text(json.dumps(annotation))
            json2labelImg(str(source), str(target), "ids")
            yield annotation, np.asarray(Image.open(target))


def coco_cases():
    from pycocotools import mask as coco

    for seed in range(24):
        rng = random.Random(200 + seed)
        digits, margin = (0, 1, 2, 13)[seed % 4], seed % 3 * 9
        shapes, drawn = [], np.zeros((HEIGHT, WIDTH), np.uint8)
        for _ in range(rng.randint(1, 5)):
            parts = [[v for xy in polygon(rng, digits, margin) for v in xy] for _ in range(rng.randint(1, 3))]
            category = rng.randint(1, 4)
            mask = coco.decode(coco.merge(coco.frPyObjects(parts, HEIGHT, WIDTH)))
            drawn[mask > 0] = category
            segmentation = parts
            if rng.random() < 0.4:
                run = coco.encode(np.asfortranarray(mask))
                counts = run["counts"].decode()
                segmentation = {"counts": counts, "size": [HEIGHT, WIDTH]}
            shapes.append({"category_id": category, "segmentation": segmentation})
        yield {"width": WIDTH, "height": HEIGHT, "annotations": shapes}, drawn


def main(target):
    cases = {"labelme": labelme_cases, "cityscapes-polygons": cityscapes_cases, "coco": coco_cases}
    found = {
        name: [{"annotation": annotation, "runs": runs(drawn)} for annotation, drawn in make()]
        for name, make in cases.items()
    }
    Path(target).write_text(json.dumps({"size": [WIDTH, HEIGHT], "labels": LABELS} | found, indent=None) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])

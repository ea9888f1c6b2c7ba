"""A prepared folder, a training run and an evaluation, built by hand as the other stages write them."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labelprep import metrics
from labelprep.class_rows import ClassRow
from labelprep.classes import ClassTable
from labelprep.drawing import CLASSES, draw_scene
from labelprep.findings import Finding
from labelprep.prepared import Prepared, Row
from labelprep.steps.count import ClassCounts
from labelprep.steps.palette import save_palette
from labelprep.weights import ClassWeights

SIZE = (48, 64)
KEYS = ("train/a", "train/b", "train/c", "val/d", "val/e")


def street_table():
    rows = [ClassRow(name, (color,), ignore=name == "void") for name, color in CLASSES.items()]
    return ClassTable.build(rows, source="street.yaml")


def write_json(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values), encoding="utf-8")


def write_lines(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows), encoding="utf-8")


@dataclass
class Folders:
    """The folders and what was put into them."""

    root: Path
    table: ClassTable
    truths: dict

    @property
    def out(self):
        return self.root / "out"

    @property
    def run(self):
        return self.root / "run"

    @property
    def eval(self):
        return self.root / "eval"

    def confusion(self):
        total = np.zeros((12, 12), np.int64)
        for key in ("val/d", "val/e"):
            with Image.open(self.eval / "predictions" / f"{key}.png") as image:
                prediction = np.asarray(image)
            valid = self.truths[key] != 255
            np.add.at(total, (self.truths[key][valid], prediction[valid]), 1)
        return total


def build_prepared(folders):
    out, table = folders.out, folders.table
    counts, rows = ClassCounts.zero(12), []
    for n, key in enumerate(KEYS):
        image, ids = draw_scene(np.random.default_rng([7, n]), SIZE)
        index = np.where(ids == 12, 255, ids).astype(np.uint8)
        index[index == 11] = 0  # bicycle is absent
        folders.truths[key] = index
        path = folders.root / "raw" / "images" / f"{key}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
        save_palette(out / "masks" / f"{key}.png", index, table)
        one = ClassCounts.of(index, 12, 255)
        counts += one
        rows.append(Row(key, f"masks/{key}.png", f"images/{key}.png", key.split("/")[0], 1, "0" * 64, *SIZE, "0" * 32,
                        tuple(one.pixels.tolist()), one.ignored))  # fmt: skip
    rows.append(Row("train/f", "masks/train/f.png", findings=("damaged-file",)))
    findings = [
        Finding.of("lossy-mask", "is a JPEG", key=key, path=f"masks/{key}.jpg", pixels=10) for key in KEYS
    ] + [Finding.of("damaged-file", "CRC of IDAT does not match", key="train/f", path="masks/train/f.png")]  # fmt: skip
    info = {"schema_version": 1, "class_table": table.to_dict(), "options": {"link": "none", "exif_rotate": False},
            "versions": {"labelprep": "0.1.0"}, "totals": counts.to_dict()}  # fmt: skip
    write_json(out / "dataset.json", info)
    write_lines(out / "manifest.jsonl", [r.to_json() for r in rows])
    write_lines(out / "findings.jsonl", [f.to_dict() for f in findings])
    write_json(out / ".labelprep" / "source.json", {"root": "../raw"})
    identity = Prepared.open(out).identity
    ClassWeights.of(counts, table, prepared_hash=identity).save(out / "weights" / "class_weights.json")


def build_run(folders):
    epochs = [
        {"epoch": e, "train_loss": 2 / e, "val_loss": 2.2 / e, "train_accuracy": 0.5, "val_accuracy": 0.4,
         "val_miou": miou, "lr": 1e-3, "seconds": 1.5 * e}
        for e, miou in ((1, None), (2, 0.31), (3, 0.27))
    ]  # fmt: skip
    write_lines(folders.run / "history.jsonl", epochs)
    facts = {
        "options": {"model": "unet_small", "loss": "ce", "weights": "/tmp/w.json"},
        "parameters": 123,
        "class_table": folders.table.to_dict(),
        "table_hash": folders.table.hash,
        "data": {"identity": "a"},
    }
    write_json(folders.run / "run.json", facts)


def build_eval(folders):
    out, samples = folders.eval, []
    for key, shift in (("val/d", 2), ("val/e", 9)):
        prediction = np.roll(folders.truths[key], shift, 1) % 12
        save_palette(out / "predictions" / f"{key}.png", prediction, folders.table)
        entropy = (np.linspace(0, 65535, SIZE[0] * SIZE[1]).reshape(SIZE)).astype(np.uint16)
        path = out / "entropy" / f"{key}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(entropy).save(path)
        samples.append({"key": key, "iou_per_image": 1 / shift, "entropy_mean": 0.5, "entropy_sum": 9.0,
                        "image": f"../raw/images/{key}.png", "truth": f"../out/masks/{key}.png",
                        "prediction": f"predictions/{key}.png", "entropy": f"entropy/{key}.png"})  # fmt: skip
    confusion = folders.confusion()
    np.save(out / "confusion.npy", confusion)
    baseline = metrics.majority_baseline(confusion) | {"name": "road"}
    summary = metrics.summary(confusion, folders.table.names)
    write_json(out / "metrics.json", {**summary, "baseline": baseline, "split": "val", "images": 2})
    write_lines(out / "samples.jsonl", samples)


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """Folders that tests only read."""
    folders = Folders(tmp_path_factory.mktemp("built"), street_table(), {})
    build_prepared(folders)
    build_run(folders)
    build_eval(folders)
    return folders


@pytest.fixture
def folders(built, tmp_path):
    """Folders that a test may change."""
    import shutil

    shutil.copytree(built.root, tmp_path / "copy")
    return Folders(tmp_path / "copy", built.table, built.truths)

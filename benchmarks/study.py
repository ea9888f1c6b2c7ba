"""What class weights and Dice do for rare classes: two street and aerial sets, four losses, three seeds.

    python benchmarks/study.py --data DIR -o OUT [--sets camseq uuad] [--seeds 0 1 2] [--epochs N] [--table]

DIR holds `camseq/` (images/, masks/, label_colors.txt; its last 8 frames are validation) and `uuad/` (its own splits).
Every training has the same model, steps and rates; the weights after the last step are scored on the validation split,
so that no best epoch is chosen there. Trainings that are done are read back from OUT, one that was stopped goes on.

A class is rare where it has less than 1 % of the valid training pixels and pixels in the validation split.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from labelprep.cli.main import main as labelprep
from labelprep.prepared import Prepared

RARE = 0.01
HELD_OUT = 8  # the last frames of camseq
METHODS = {
    "CE": {"loss": "ce"},
    "weighted CE": {"loss": "ce", "weights": True},
    "weighted Dice": {"loss": "dice", "weights": True},
    "weighted CE + Dice": {"loss": "ce+dice", "weights": True},
}
SETS: dict[str, dict[str, Any]] = {
    "camseq": {"ignore": ["Void"], "resize": (240, 320), "crop": (96, 96), "epochs": 14},
    "uuad": {"ignore": ["Unlabelled"], "resize": None, "crop": (96, 96), "epochs": 5},
}
BUDGET = {
    "model": "unet_small",
    "batch_size": 2,
    "lr": 0.003,
    "schedule": "poly",
    "warmup": 1.0,
    "val_every": 1000,  # the last epoch alone
    "device": "cpu",
}


def run(*words: object) -> None:
    """One command of labelprep, which has to succeed."""
    try:
        labelprep([str(word) for word in words])
    except SystemExit as end:
        if end.code:
            raise


def prepare(name: str, root: Path, out: Path) -> Prepared:
    """The prepared folder with splits and inverse-frequency weights of the training split."""
    words = [word for ignored in SETS[name]["ignore"] for word in ("--ignore", ignored)]
    run("convert", root, "-o", out, "--scheduler", "inline", "-q", *words)
    if name == "camseq":
        keys = [row.key for row in Prepared.open(out).rows()]
        (out / "splits").mkdir(exist_ok=True)
        (out / "splits" / "train.txt").write_text("\n".join(keys[:-HELD_OUT]) + "\n")
        (out / "splits" / "val.txt").write_text("\n".join(keys[-HELD_OUT:]) + "\n")
    run("weights", out, "-o", out / "weights" / "inverse.json", "--split", "train", "-q")
    return Prepared.open(out)


def trainings(names: list[str], seeds: list[int]) -> Iterator[tuple[str, str, int]]:
    """(set, method, seed), all of one seed before the next, so that a stop leaves whole rows."""
    return ((name, method, seed) for seed in seeds for name in names for method in METHODS)


def confusion_of(
    prepared: Prepared, name: str, method: str, seed: int, out: Path, epochs: int | None
) -> list[list[int]]:
    """The validation confusion of one training, trained or read back."""
    run_folder = out / name / f"{method.replace(' ', '-')}-{seed}"
    done = run_folder / "study.json"
    if not done.is_file():
        from labelprep.learning.options import TrainOptions
        from labelprep.learning.train import train

        words = {key: value for key, value in SETS[name].items() if key != "ignore"}
        words |= {"epochs": epochs} if epochs else {}
        weights = prepared.root / "weights" / "inverse.json" if METHODS[method].get("weights") else None
        words |= {"loss": METHODS[method]["loss"], "weights": weights, "seed": seed, "cache": out / name / "cache"}
        options = TrainOptions(**BUDGET, **words)
        result = train(prepared, run_folder, options)
        seconds = sum(epoch.seconds for epoch in result.history)
        done.write_text(json.dumps({"confusion": result.confusion.tolist(), "seconds": seconds}))
        print(f"{name}, {method}, seed {seed}: mIoU {result.best.val_miou:.3f}, {seconds:.0f} s", flush=True)
    return json.loads(done.read_text())["confusion"]


def scores(prepared: Prepared, confusion: list[list[int]]) -> tuple[float | None, float]:
    """Mean IoU of the rare classes, None where there are none, and of all that the validation split holds."""
    counts = np.array(confusion)
    truth = counts.sum(1)
    union = truth + counts.sum(0) - np.diagonal(counts)
    iou = np.diagonal(counts) / np.maximum(union, 1)
    held = truth > 0
    scarce = iou[rare(prepared)]
    return float(scarce.mean()) if scarce.size else None, float(iou[held].mean())


def rare(prepared: Prepared) -> Any:
    """(C,) bool: below 1 % of the training pixels and present in validation."""
    trained, held_out = prepared.counts("train").pixels, prepared.counts("val").pixels
    return (trained < RARE * trained.sum()) & (held_out > 0)


def table(folders: dict[str, Prepared], results: dict[tuple[str, str, int], list[list[int]]]) -> str:
    """Markdown: mean and range over the seeds."""
    lines = []
    for name, prepared in folders.items():
        rows = {m: [scores(prepared, c) for (n, k, _), c in results.items() if (n, k) == (name, m)] for m in METHODS}
        names = [n for n, is_rare in zip(prepared.table.names, rare(prepared), strict=True) if is_rare]
        lines += [
            f"{name}: rare are {', '.join(names) or 'none'}",
            "",
            "| loss | mIoU of rare classes | mIoU of all | seeds |",
        ]
        lines += ["|---|---|---|---|"]
        lines += [
            f"| {m} | {spread([v[0] for v in r])} | {spread([v[1] for v in r])} | {len(r)} |" for m, r in rows.items()
        ]
        lines.append("")
    return "\n".join(lines)


def spread(values: list[float | None]) -> str:
    """Mean, least and most over the seeds; a dash where there is nothing."""
    known = [value for value in values if value is not None]
    return f"{statistics.mean(known):.3f} ({min(known):.3f} to {max(known):.3f})" if known else "-"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("-o", "--out", type=Path, default=Path("build/study"))
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, help="in place of those of the sets; needs an OUT of its own")
    parser.add_argument("--table", action="store_true", help="print what is done, train nothing")
    words = parser.parse_args()
    folders = {name: prepare(name, words.data / name, words.out / name / "prepared") for name in words.sets}
    results = {}
    for name, method, seed in trainings(words.sets, words.seeds):
        done = words.out / name / f"{method.replace(' ', '-')}-{seed}" / "study.json"
        if not words.table or done.is_file():
            confusion = confusion_of(folders[name], name, method, seed, words.out, words.epochs)
            results[name, method, seed] = confusion
    print(table(folders, results))


if __name__ == "__main__":
    main()

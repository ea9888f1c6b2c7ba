"""Masks per second, one core, file in and file out: labelprep beside other ways, and beside the floor.

    python benchmarks/convert.py [--data ../shared/data/camseq] [--sets camseq,drawn,noise,palette,gray,RGBA]
                                 [--rounds 7] [--copies 1] [--only NAME]... [--json]

All contestants read the same masks and write PNGs whose values are class ids; before anything is timed, every file of
every contestant is compared with labelprep's. They take turns within each round, and a ratio is the median over
rounds of the ratio within a round, so that a machine that slows down slows them all. Ratios are given in wall time and
in processor time, which other programs on the machine disturb less. What can be built once for all masks (look-up
tables, palettes) is built before the clock starts; `labelprep` is the whole convert stage, from the search for files
to the manifest, and `prepare_sample` the part of it that works on one mask.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, features
from rivals import Contestant, assembly, datumaro, datumaro_version, floor, install_datumaro, loop
from sets import Set, copied, make

from labelprep.prepare import prepare_sample
from labelprep.spec import ConvertStage, DatasetSpec, ValidateStage
from labelprep.stages import Inputs, RunContext, Silent, convert, validate
from labelprep.stages.dataset import context_of, job

ROOT = Path(__file__).resolve().parents[1]
SETS = ("camseq", "drawn", "noise", "palette", "gray", "RGBA")
SLOW = {"loop", "datumaro"}  # measured in the first three rounds alone


def dataset(this: Set) -> DatasetSpec:
    return DatasetSpec(root=this.root, ignore=this.ignore)


def run_of(this: Set) -> RunContext:
    """In this process alone: a guard child would work on the same core, and take half a second to start."""
    return RunContext(dataset=dataset(this), scheduler="inline", limits=None)


def ours(this: Set, level: str = "fast") -> Contestant:
    """The whole of `labelprep convert --no-guard`: discovery, checks, counts, hashes, journal, manifest and all."""
    return lambda out: convert.run(ConvertStage(out=out, png_level=level), Inputs(), run_of(this))


def only_validate(this: Set) -> Contestant:
    """The whole of `labelprep validate --no-guard`."""
    return lambda _: validate.run(ValidateStage(), Inputs(), run_of(this))


def alone(this: Set) -> Contestant:
    """`prepare_sample` of every mask, without discovery, journal and manifest."""
    with job(dataset(this), Silent()) as work:
        samples, table = list(work.plan.samples()), work.table

    def prepare(out: Path) -> None:
        context = context_of(dataset(this), table, out=out)
        for sample in samples:
            prepare_sample(sample, context)

    return prepare


def camseq(folder: Path, scratch: Path, copies: int) -> Set:
    if not (folder / "masks").is_dir():
        sys.exit(f"{folder}/masks: no such folder; name a folder with images, masks and a class table: --data DIR")
    ignore = ("Void",)
    if copies > 1:
        copied(folder, scratch / "copies", copies)
        folder = scratch / "copies"
    with job(DatasetSpec(root=folder, ignore=ignore), Silent()) as work:
        return Set(folder.name, folder, work.table.color_ids, work.table.palette.tobytes(), ignore)


def outputs(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.png") if path.parent.name != "SegmentationObject")


def check(name: str, found: Path, expected: Path) -> None:
    """Stops unless a contestant wrote labelprep's ids for every mask; Datumaro may number them otherwise."""
    pairs = list(zip(outputs(found), outputs(expected), strict=True))
    seen = set()
    for a, b in pairs:
        both = np.asarray(Image.open(a)).astype(np.int64) << 8 | np.asarray(Image.open(b))
        seen |= set(np.unique(both).tolist())
    theirs, our = {pair >> 8 for pair in seen}, {pair & 255 for pair in seen}
    equal = all(pair >> 8 == pair & 255 for pair in seen)
    if not pairs or len(theirs) != len(seen) or len(our) != len(seen) or not (equal or name == "datumaro"):
        sys.exit(f"{name} differs from labelprep")


def seconds(contestant: Contestant, out: Path) -> tuple[float, float]:
    """Wall and processor seconds of one pass over all masks."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    wall, processor = time.perf_counter(), time.process_time()
    own = contestant(out)
    if isinstance(own, tuple):  # it ran in another process
        return own
    return time.perf_counter() - wall, time.process_time() - processor


def measure(this: Set, rounds: int, python: Path | None, only: set[str]) -> dict[str, list[tuple[float, float]]]:
    """Wall and processor seconds of every contestant in every round; `only` those, where any are named."""
    with tempfile.TemporaryDirectory(prefix="labelprep-benchmark-") as scratch:
        place = Path(scratch)
        contestants = {"labelprep": ours(this)}
        seconds(contestants["labelprep"], place / "labelprep")
        contestants["floor"] = floor(this, place / "labelprep" / "masks")
        contestants |= {"prepare_sample": alone(this), "validate": only_validate(this)}
        contestants |= {"labelprep, small": ours(this, "small")}
        contestants |= {"assembly": assembly(this, None), "assembly, level 1": assembly(this, 1), "loop": loop(this)}
        if python is not None:
            contestants["datumaro"] = datumaro(this, python, place)
        for name in [name for name in contestants if only and name not in {"labelprep", *only}]:
            del contestants[name]
        for name in list(contestants)[1:]:  # unmeasured: fills caches and gives the outputs to compare
            seconds(contestants[name], place / name)
            if name != "validate":
                check(name, place / name, place / "labelprep")
        sizes = {name: sum(path.stat().st_size for path in outputs(place / name)) for name in contestants}
        shares = (f"{name} {size / len(this.masks):.0f}" for name, size in sizes.items() if size)
        print(f"{this.name}: bytes a mask: {'; '.join(shares)}", file=sys.stderr)
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in contestants}
        names = list(contestants)
        for turn in range(rounds):
            for name in names[turn % len(names) :] + names[: turn % len(names)]:
                if name not in SLOW or turn < 3:
                    taken[name].append(seconds(contestants[name], place / name))
    return taken


def machine(python: Path | None) -> dict[str, str]:
    """What the figures depend on."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        cpu = next((line.partition(": ")[2] for line in info.read_text().splitlines() if "model name" in line), cpu)
    zlib = features.version("zlib") or "unknown"
    packages = ("labelprep", "numpy", "numba", "pillow", "opencv-python", "zlib-ng", "isal", "deflate")
    return {
        "cpu": cpu,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in packages},
        "zlib of pillow": zlib + (" (zlib-ng)" if features.check_feature("zlib_ng") else ""),
        "datumaro": "left out" if python is None else datumaro_version(python),
    }


def summary(name: str, times: list[tuple[float, float]], reference: list[tuple[float, float]], masks: int) -> Any:
    """Masks per second, and how many times as long as labelprep it took."""
    wall, processor = ([t[i] / o[i] for t, o in zip(times, reference, strict=False)] for i in (0, 1))
    return {
        "contestant": name,
        "masks_per_second": masks / statistics.median(t[0] for t in times),
        "best": masks / min(t[0] for t in times),
        "times_as_long": statistics.median(wall),
        "least": min(wall),
        "most": max(wall),
        "times_as_long_processor": statistics.median(processor),
    }


LONG_NAMES = {
    "labelprep": "labelprep, the whole `convert`",
    "floor": "floor: zlib-ng inflate, Up filter, ISA-L level 1, plain read and write",
    "prepare_sample": "`prepare_sample` alone",
    "validate": "`validate`",
    "labelprep, small": "labelprep, `--png-level small`",
    "datumaro": "Datumaro",
}


def text(name: str, masks: int, rows: list[dict[str, Any]]) -> str:
    """A table in Markdown, as in docs/benchmarks.md."""
    lines = [
        f"{name}, {masks} masks:",
        "",
        "| contestant | masks/s (best) | times as long as labelprep (least to most) | in processor time |",
        "|---|---|---|---|",
    ]
    for row in rows:
        pace, best = (f"{value:.{0 if value >= 20 else 1}f}" for value in (row["masks_per_second"], row["best"]))
        times, least, most, processor = (
            f"{row[word]:.{3 if row[word] < 1 else 2 if row[word] < 20 else 0}f}"
            for word in ("times_as_long", "least", "most", "times_as_long_processor")
        )
        long_name = LONG_NAMES.get(row["contestant"], row["contestant"])
        lines.append(f"| {long_name} | {pace} ({best}) | {times} ({least} to {most}) | {processor} |")
    if lowest := [row for row in rows if row["contestant"] == "floor"]:
        wall, processor = (1 / lowest[0][word] for word in ("times_as_long", "times_as_long_processor"))
        lines += ["", f"The whole `convert` takes {wall:.2f} times the floor, {processor:.2f} times in processor time."]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "camseq")
    parser.add_argument("--sets", default="camseq", help=f"which of {','.join(SETS)}")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--masks", type=int, default=8, help="how many to draw for each drawn set")
    parser.add_argument("--copies", type=int, default=1, help="of every mask of --data")
    parser.add_argument("--only", action="append", default=[], metavar="CONTESTANT", help="beside labelprep")
    parser.add_argument("--no-datumaro", action="store_true")
    parser.add_argument("--json", action="store_true")
    words = parser.parse_args()
    python = None if words.no_datumaro else install_datumaro(ROOT / "build" / "datumaro")
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    cv2.setNumThreads(1)
    result: dict[str, Any] = {"machine": machine(python), "rounds": words.rounds}
    if not words.json:
        print("\n".join(f"{name:16}{value}" for name, value in result["machine"].items()), end="\n\n")
    with tempfile.TemporaryDirectory(prefix="labelprep-drawn-") as folder:
        for name in words.sets.split(","):
            this = (
                camseq(words.data, Path(folder), words.copies)
                if name == "camseq"
                else make(name, Path(folder), words.masks)
            )
            taken = measure(this, words.rounds, python, set(words.only))
            rows = [summary(who, times, taken["labelprep"], len(this.masks)) for who, times in taken.items()]
            result[name] = {"masks": len(this.masks), "results": rows}
            if not words.json:
                print(text(name, len(this.masks), rows), flush=True)
    if words.json:
        print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()

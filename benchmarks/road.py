"""Where the time of a run goes, what a second worker brings, what memory it takes: the road as a whole.

    python benchmarks/road.py profile [--data ../shared/data/camseq] [--copies 40]
    python benchmarks/road.py workers [--data DIR | --drawn] [--copies 150 900]
    python benchmarks/road.py large [--side 20000]

`profile` converts and validates copies of a set in this process and takes the time of each part of `prepare_sample`;
what is left over is labelprep's own. `workers` runs the command itself with one worker and with two, on a small and
a large set, and takes masks per second from the difference, so that starting up does not count; the memory (PSS) of
every process is sampled in runs of their own, as to ask for it takes a third of a core. `large` does so with one mask
of SIDE x SIDE pixels on each of the two paths.
"""

from __future__ import annotations

import argparse
import itertools
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sets import copied, make

from labelprep import prepare
from labelprep.png import fast, kernels, write
from labelprep.spec import ConvertStage, DatasetSpec, ValidateStage
from labelprep.stages import Inputs, RunContext, convert, validate
from labelprep.steps.palette import read_ids

DRAWN = 12  # masks, of which copies are made
ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data" / "camseq"


def timed(taken: Counter[str], name: str, work: Callable[..., Any]) -> Callable[..., Any]:
    def run(*args: Any, **words: Any) -> Any:
        began = time.perf_counter()
        try:
            return work(*args, **words)
        finally:
            taken[name] += time.perf_counter() - began

    return run


def profile(data: Path, copies: int, rounds: int) -> None:
    taken: Counter[str] = Counter()
    wholes, writing, parts = {}, {}, {}
    fast._inflate = timed(taken, "inflate", fast._inflate)
    kernels.decode_colors = timed(taken, "kernel", kernels.decode_colors)
    write.encode = timed(taken, "Up filter and deflate", write.encode)
    prepare.write_below = timed(taken, "write", prepare.write_below)
    prepare.prepare_sample = timed(taken, "prepare_sample", prepare.prepare_sample)
    with tempfile.TemporaryDirectory() as scratch:
        root, out = Path(scratch, "set"), Path(scratch, "out")
        masks = copied(data, root, copies)
        context = RunContext(DatasetSpec(root=root, ignore=("Void",)), scheduler="inline", limits=None)
        stages: dict[str, Callable[[], Any]] = {
            "convert": lambda: convert.run(ConvertStage(out=out), Inputs(), context),
            "validate": lambda: validate.run(ValidateStage(), Inputs(), context),
        }
        for name, stage in stages.items():
            runs = []
            for _ in range(rounds + 1):
                shutil.rmtree(out, ignore_errors=True)
                taken.clear()
                began = time.perf_counter()
                stage()
                runs.append({"all": time.perf_counter() - began, **taken})
            best = min(runs[1:], key=lambda run: run["all"])
            wholes[name] = whole = best.pop("all")
            inside = best.pop("prepare_sample")
            writing[name] = best.get("Up filter and deflate", 0.0) + best.get("write", 0.0)
            best["own, within prepare_sample"] = inside - sum(best.values())
            best["own, around it"] = whole - inside
            parts[name] = best | {"together": whole}
    print(
        f"{masks} masks, best of {rounds} rounds, milliseconds a mask:\n\n| part | convert | validate |\n|---|---|---|"
    )
    for part in parts["convert"]:
        print("|", part, *(f"| {p[part] / masks * 1e3:.3f}" if part in p else "|" for p in parts.values()), "|")
    less = wholes["convert"] - writing["convert"]
    print(f"\n`validate` takes {wholes['validate'] / less:.2f} of what `convert` takes less deflate and write")


def memory_of(group: Iterable[int]) -> list[int]:
    """Proportional set size of each process, in kB."""
    sizes = []
    for pid in group:
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        sizes.append(next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")))
    return sizes


def descendants(pid: int) -> list[int]:
    found = [pid]
    for parent in found:
        with suppress(OSError):  # it has gone
            for task in Path(f"/proc/{parent}/task").glob("*/children"):
                found += [int(child) for child in task.read_text().split()]
    return found


def run_command(root: Path, out: Path, words: list[str], *, look: bool = True) -> tuple[float, float, list[int]]:
    """Wall and processor seconds of one `labelprep convert`, and with `look` the largest memory of each process, kB."""
    shutil.rmtree(out, ignore_errors=True)
    command = [
        sys.executable,
        "-m",
        "labelprep",
        "-q",
        "convert",
        str(root),
        "-o",
        str(out),
        *words,
    ]
    largest: list[int] = []
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while look and process.poll() is None:
            seen = sorted(memory_of(descendants(process.pid)), reverse=True)
            largest = [max(pair) for pair in itertools.zip_longest(seen, largest, fillvalue=0)]
            time.sleep(0.05)
        process.wait()
        seconds = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, processor, largest


def light(data: Path, folder: Path) -> Path:
    """The masks of a set with flat images, of which tens of thousands of copies fit into memory."""
    root = folder / "light"
    (root / "images").mkdir(parents=True)
    shutil.copytree(data / "masks", root / "masks")
    for table in data.glob("*.txt"):
        shutil.copy(table, root)
    for path in sorted((root / "masks").iterdir()):
        with Image.open(path) as mask:
            Image.new("L", mask.size).save(root / "images" / path.name.replace("_L.png", ".png"))
    return root


def workers(data: Path | None, copies: list[int], rounds: int) -> None:
    kinds = {
        "1 worker": ["--scheduler", "local", "--jobs", "1"],
        "2 workers": ["--scheduler", "local", "--jobs", "2"],
        "inline, guarded": ["--scheduler", "inline"],
        "inline, --no-guard": ["--scheduler", "inline", "--no-guard"],
    }
    with tempfile.TemporaryDirectory() as scratch:
        few, many = Path(scratch, "few"), Path(scratch, "many")
        ignore = [] if data is None else ["--ignore", "Void"]
        data = light(data or make("drawn", Path(scratch), DRAWN).root, Path(scratch))
        more = copied(data, many, copies[1]) - copied(data, few, copies[0])
        out = Path(scratch, "out")
        times: dict[tuple[str, Path], list[tuple[float, float]]] = {}
        for _, (name, words), root in itertools.product(range(rounds), kinds.items(), (few, many)):
            times.setdefault((name, root), []).append(run_command(root, out, [*words, *ignore], look=False)[:2])
        print("| | masks/s (best) | processor time a mask | PSS of the processes, MB |\n|---|---|---|---|")
        paces = {}
        for name, words in kinds.items():
            shorts, longs = times[name, few], times[name, many]
            walls, costs = zip(*((b[0] - a[0], b[1] - a[1]) for a, b in zip(shorts, longs, strict=True)), strict=True)
            paces[name] = [more / statistics.median(walls), more / (min(longs)[0] - min(shorts)[0])]
            cost = statistics.median(costs) / more
            sizes = run_command(few, out, [*words, *ignore])[2]
            megabytes = ", ".join(f"{size / 1e3:.0f}" for size in sizes if size > 5000)
            print(f"| {name} | {paces[name][0]:,.0f} ({paces[name][1]:,.0f}) | {1e3 * cost:.2f} ms | {megabytes} |")
        ratios = [b / a for a, b in zip(paces["1 worker"], paces["2 workers"], strict=True)]
        print(f"\nThe second worker brings {ratios[0]:.2f} times (best {ratios[1]:.2f}).")


def large(side: int) -> None:
    colors = np.array([(37 * i % 251 + 4, 91 * i % 241 + 7, 53 * i % 239 + 11) for i in range(19)], np.uint8)
    rng = np.random.default_rng(0)
    ids = np.zeros((side, side), np.uint8)
    for _ in range(3000):
        (y, x), (h, w) = rng.integers(0, side, 2), rng.integers(side // 2000, side // 10, 2)
        ids[y : y + h, x : x + w] = rng.integers(19)
    table = "\n".join(f"{r} {g} {b}\tclass{i}" for i, (r, g, b) in enumerate(colors.tolist()))
    slow: dict[str, Any] = {"transparency": (1, 2, 3)}
    with tempfile.TemporaryDirectory() as scratch:
        for name, words in (("fast path", {}), ("Pillow path", slow)):
            root = Path(scratch, name)
            (root / "masks").mkdir(parents=True)
            (root / "label_colors.txt").write_text(table)
            Image.fromarray(colors[ids]).save(root / "masks" / "a.png", compress_level=1, **words)
            (root / "images").mkdir()
            Image.fromarray(ids).save(root / "images" / "a.png", compress_level=1)
            out = Path(scratch, "out " + name)
            seconds, _, sizes = run_command(root, out, ["--scheduler", "inline"])
            written = read_ids(out / "masks" / "a.png")
            bytes_a_pixel = (1000 * sum(sizes) - 300e6) / side**2
            print(f"{side} x {side}, {name}: {seconds:.1f} s, PSS {sum(sizes) / 1e6:.2f} GB together,", end=" ")
            print(f"300 MB and {bytes_a_pixel:.1f} bytes a pixel; exact: {np.array_equal(written, ids)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("what", choices=["profile", "workers", "large"])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--drawn", action="store_true", help="of `workers`: drawn masks of 2048x1024 in 19 classes")
    parser.add_argument("--copies", type=int, nargs="*", help="of the set: one number for `profile`, two for `workers`")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--side", type=int, default=20000)
    words = parser.parse_args()
    tasks: dict[str, Callable[[], None]] = {
        "profile": partial(profile, words.data, (words.copies or [40])[0], words.rounds),
        "workers": partial(workers, None if words.drawn else words.data, words.copies or [150, 900], words.rounds),
        "large": partial(large, words.side),
    }
    tasks[words.what]()


if __name__ == "__main__":
    main()

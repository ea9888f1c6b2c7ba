"""What a run of very many masks costs: memory of driver and scheduler over time, seconds of each part, bytes on disk.

    python benchmarks/scale.py [--masks 1000000] [--jobs 2] [--cluster] [--folder DIR] [--keep] [--json]

Draws a thousand tiny masks, links each of them many times below DIR (a temporary folder by default), a thousand names
in a folder, and runs `labelprep convert` on them as a process of its own. Twice a second it asks the system how much
memory driver (with `--scheduler local` the scheduler is a thread of it), scheduler and workers hold. With `--cluster`,
`dask scheduler` and its workers are processes of their own on loopback.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

DRAWN = 1000  # different masks; every other name is a link to one of them
IN_FOLDER = 1000
SIDE = 16  # pixels
COLORS = [(128, 64, 128), (70, 70, 60), (70, 130, 180), (0, 0, 142), (220, 20, 60), (0, 0, 0)]
EVERY = 0.5  # seconds between looks
SHOWN = (0, 1, 5, 10, 25, 50, 75, 90, 100)  # per cent of the masks


def draw(root, masks):
    """The dataset, or what is missing of it."""
    done = root / f"made-{masks}"
    if done.exists():
        return
    drawn, rng = root / "drawn", np.random.default_rng(0)
    drawn.mkdir(parents=True, exist_ok=True)
    colors = np.array(COLORS, np.uint8)
    for n in range(DRAWN):
        ids = np.kron(rng.integers(0, len(colors), (SIDE // 4, SIDE // 4)), np.ones((4, 4), np.int64))
        Image.fromarray(colors[ids]).save(drawn / f"{n}.png")
    (root / "data").mkdir(exist_ok=True)
    table = "".join(f"class{n},{r},{g},{b}\n" for n, (r, g, b) in enumerate(COLORS))
    (root / "data" / "class_dict.csv").write_text("name,r,g,b\n" + table)
    for n in range(masks):
        folder = root / "data" / "masks" / f"{n // IN_FOLDER:05}"
        if n % IN_FOLDER == 0:
            folder.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            os.link(drawn / f"{n % DRAWN}.png", folder / f"mask{n:09}.png")
    done.touch()


def held(process):
    """Bytes that a process holds of its own: its share of what it has in common with others is small."""
    with suppress(psutil.Error):
        info = process.memory_full_info() if sys.platform == "linux" else process.memory_info()
        return getattr(info, "uss", info.rss)
    return 0


class Looks(threading.Thread):
    """Looks at the run twice a second: (seconds, masks that are done, driver, scheduler, workers and guards)."""

    def __init__(self, run, scheduler, masks):
        super().__init__(daemon=True)
        self.run_, self.masks, self.done, self.rows = psutil.Process(run.pid), masks, 0, []
        self.scheduler = None if scheduler is None else psutil.Process(scheduler.pid)
        self.began, self.end, self.said, self.parts = time.monotonic(), threading.Event(), [], {}
        self.driver_seconds = 0.0  # of processor time

    def run(self):
        while not self.end.wait(EVERY):
            with suppress(psutil.Error):
                self.driver_seconds = sum(self.run_.cpu_times()[:2])
                children = self.run_.children(recursive=True)
                row = [time.monotonic() - self.began, self.done, held(self.run_)]
                row += [0 if self.scheduler is None else held(self.scheduler), sum(map(held, children))]
                self.rows.append(row)

    def listen(self, stream):
        """Reads what the run says, and keeps when it says it."""
        for line in stream:
            seconds = time.monotonic() - self.began
            self.said.append((seconds, line.rstrip()))
            if found := re.match(r"(\w+) ([\d,]+)", line):
                what, count = found[1], int(found[2].replace(",", ""))
                self.done = count if what == "convert" else self.done
                self.parts[what] = seconds


@contextmanager
def cluster(jobs, folder):
    """The address of a scheduler with workers, and the scheduler's process; nothing without jobs."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
    quiet = {"cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    port = address.rpartition(":")[2]
    words = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", port]
    processes = [subprocess.Popen([*words, "--no-dashboard"], **quiet)]
    words = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1", "--nworkers", str(jobs)]
    processes.append(subprocess.Popen([*words, "--local-directory", str(folder)], **quiet))
    try:
        yield address, processes[0]
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait()


def measure(command, masks, scheduler=None):
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1)
    looks = Looks(run, scheduler, masks)
    looks.start()
    looks.listen(run.stderr)
    code = run.wait()
    seconds = time.monotonic() - looks.began
    looks.end.set()
    looks.join()
    if code:
        raise SystemExit("\n".join(line for _, line in looks.said[-20:]) + f"\nexit code {code}")
    return looks, seconds


def growth(rows, masks, column):
    """Bytes gained from the first look at work to the largest one, and from a tenth of the masks on."""
    work = [row for row in rows if row[1]] or rows
    first = work[0][column]
    later = [row[column] for row in work if row[1] >= masks / 10] or [first]
    return max(row[column] for row in work) - first, max(later) - later[0]


def processor_seconds():
    """Of all processes that this one started and that have ended."""
    times = os.times()
    return times.children_user + times.children_system


def sizes(out):
    journal = out / ".labelprep" / "journal.jsonl"
    return {path.name: path.stat().st_size for path in (journal, out / "manifest.jsonl", out / "findings.jsonl")}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--masks", type=int, default=1_000_000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--cluster", action="store_true", help="scheduler and workers as processes of their own")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--keep", action="store_true", help="leave the masks there for another run")
    parser.add_argument("--json", action="store_true")
    words = parser.parse_args()
    root = words.folder or Path(tempfile.mkdtemp(prefix="labelprep-scale-"))
    root.mkdir(parents=True, exist_ok=True)
    out = root / "out"
    shutil.rmtree(out, ignore_errors=True)
    began = time.monotonic()
    draw(root, words.masks)
    drawing = time.monotonic() - began
    command = [sys.executable, "-m", "labelprep", "convert", str(root / "data"), "-o", str(out)]
    if words.cluster:
        with cluster(words.jobs, root) as (address, scheduler):
            looks, seconds = measure([*command, "--scheduler", address], words.masks, scheduler)
    else:
        looks, seconds = measure([*command, "--scheduler", "local", "--jobs", str(words.jobs)], words.masks)
    report(words, looks, seconds, drawing, sizes(out))
    if not words.keep:
        shutil.rmtree(root, ignore_errors=True)


def report(words, looks, seconds, drawing, on_disk):
    figures = {
        "masks": words.masks,
        "seconds": round(seconds, 1),
        "masks_per_second": round(words.masks / seconds),
        "processor_seconds": {"driver": round(looks.driver_seconds, 1), "all": round(processor_seconds(), 1)},
        "first_line_after_seconds": round(looks.said[0][0], 2),
        "drawing_seconds": round(drawing, 1),
        "until": {what: round(until, 1) for what, until in looks.parts.items()},
        "bytes": on_disk,
    }
    for name, column in (("driver", 2), ("scheduler", 3), ("workers_and_guards", 4)):
        if any(row[column] for row in looks.rows):
            whole, later = growth(looks.rows, words.masks, column)
            figures[name] = {
                "peak_mb": round(max(row[column] for row in looks.rows) / 1e6),
                "growth_mb": round(whole / 1e6, 1),
                "growth_after_a_tenth_mb": round(later / 1e6, 1),
            }
    if words.json:
        print(json.dumps(figures | {"rows": looks.rows, "said": looks.said}))
        return
    for name, figure in figures.items():
        print(f"{name:26} {figure}")
    print("\nseconds   masks done   driver MB   scheduler MB   workers and guards MB")
    marks = [next((r for r in looks.rows if r[1] >= words.masks * share / 100), looks.rows[-1]) for share in SHOWN]
    for row in [*marks, looks.rows[-1]]:
        print(f"{row[0]:7.1f} {row[1]:12,} {row[2] / 1e6:11.0f} {row[3] / 1e6:14.0f} {row[4] / 1e6:23.0f}")


if __name__ == "__main__":
    main()

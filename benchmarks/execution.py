"""How much of the workers' time is work, and what the guard costs.

    python benchmarks/execution.py [--jobs 2] [--batch-seconds 0.5] [--batches 60] [--json]

`wait`: every sample sleeps, so that driver and scheduler have the processor when they want it.
`spin`: every sample counts, and driver, scheduler and all else on the machine want the processor too.
Each sample says how long it took by the clock on the wall; what is missing from 100 % is time between samples.
Workers and guards are started, and have worked, before the clock starts.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # where guards and workers find the work below

from labelprep.batch import pack, unpack
from labelprep.execution import Limits, backend
from labelprep.execution.guard import Guard

SAMPLES = 16  # in a batch


def wait(blob):
    """Sleeps `mask` seconds for every sample."""
    for _, sample in unpack(blob)[1]:
        began = time.perf_counter()
        time.sleep(float(sample["mask"]))
        yield str(time.perf_counter() - began).encode()


def spin(blob):
    """Computes for `mask` seconds of its own processor time for every sample."""
    for _, sample in unpack(blob)[1]:
        began, end = time.perf_counter(), time.thread_time() + float(sample["mask"])
        while time.thread_time() < end:
            sum(range(1000))
        yield str(time.perf_counter() - began).encode()


def nothing(blob):
    """Answers at once."""
    for _ in unpack(blob)[1]:
        yield b"1"


def batch(seconds, samples=SAMPLES):
    return pack("", [(n, {"mask": str(seconds / samples)}) for n in range(samples)])


def efficiency(mapper, work, seconds, batches, jobs):
    """Seconds of work as a share of the seconds that the workers had."""
    list(mapper(work, [batch(0.1) for _ in range(4 * jobs)]))
    began = time.perf_counter()
    answers = list(mapper(work, (batch(seconds) for _ in range(batches))))
    worked = sum(sum(map(float, each.split())) for each in answers)
    return worked / jobs / (time.perf_counter() - began)


def guard_cost():
    """Seconds until a guard for conversions is ready, and seconds a sample that it takes beside the work itself."""
    with closing(Guard("labelprep.prepare:run_batch", Limits())) as guard:
        began = time.perf_counter()
        guard.start()
        guard._child.wait_ready(lambda: True)
        start = time.perf_counter() - began
    with closing(Guard("execution:nothing", Limits())) as guard:
        guard.run(batch(0))
        blob = batch(0, 20_000)
        began = time.perf_counter()
        guard.run(blob)
        through = time.perf_counter() - began
        began = time.perf_counter()
        list(nothing(blob))
        alone = time.perf_counter() - began
    return start, (through - alone) / 20_000


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--batch-seconds", type=float, default=0.5)
    parser.add_argument("--batches", type=int, default=60)
    parser.add_argument("--json", action="store_true")
    words = parser.parse_args()
    import execution  # by the name under which guards find it

    start, each = guard_cost()
    figures = {"guard_start_seconds": round(start, 2), "guard_microseconds_per_sample": round(1e6 * each, 1)}
    for guarded in (True, False):
        for work in (execution.wait, execution.spin):
            with backend("local", words.jobs, limits=Limits() if guarded else None) as mapper:
                share = efficiency(mapper, work, words.batch_seconds, words.batches, words.jobs)
            figures[f"{work.__name__}, {'guarded' if guarded else 'unguarded'}"] = round(share, 4)
    if words.json:
        print(json.dumps(figures))
        return
    for name, figure in figures.items():
        print(f"{name:32} {figure}")


if __name__ == "__main__":
    main()

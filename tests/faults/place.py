"""File operations that fail on order, in real runs of the command line: see `place.c`, which is preloaded.

`python -m tests.faults.place` is the process whose forks run: all is imported once, and a run takes milliseconds.
"""

import contextlib
import ctypes
import errno
import gc
import hashlib
import importlib
import json
import mmap
import os
import pickle
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np

SOURCE = Path(__file__).with_name("place.c")
CREATE, OPEN, READ, WRITE, ARRANGE, REMOVE = (1 << n for n in range(6))
# What may fail with which error: a full disk still reads and removes, and a file that is open may be written.
KINDS = {
    errno.ENOSPC: CREATE | WRITE | ARRANGE,
    errno.EACCES: CREATE | OPEN | ARRANGE | REMOVE,
    errno.EIO: CREATE | OPEN | READ | WRITE | ARRANGE | REMOVE,
}
LOADED = ("cli.main", "cli.progress", "cli.report", "cli.tables", "exports.write")
LOADED += ("stages.convert", "stages.report", "stages.tile")
LOADED = (*(f"labelprep.{name}" for name in LOADED), "jinja2", "rich.table", "scipy.ndimage")


class Order(ctypes.Structure):
    """`struct order`: which operation fails and how, and what came of it."""

    _fields_ = (
        *((name, ctypes.c_long) for name in ("k", "count", "failed")),
        *((name, ctypes.c_int) for name in ("error", "lasting", "kinds", "removals")),
        ("under", ctypes.c_char * 512),
        ("operation", ctypes.c_char * 32),
        ("path", ctypes.c_char * 1024),
    )


@dataclass(frozen=True)
class Ran:
    """What one run did: its exit code, its words, and what failed in it."""

    code: int
    out: str
    err: str
    count: int
    failed: int
    removals: int
    operation: str
    path: str


class Runs:
    """Runs of labelprep in forks of one process, with operations below a folder that fail on order."""

    def __init__(self, folder: Path):
        self.under = folder / "under"
        self.under.mkdir(parents=True)
        self._folder = folder
        library = folder / "place.so"
        compiler = shutil.which("cc") or shutil.which("gcc")
        subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], check=True)
        (folder / "order").write_bytes(bytes(ctypes.sizeof(Order)))
        with (folder / "order").open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)
        self._order = Order.from_buffer(self._map)
        (self.under / "tmp").mkdir()
        self.environment = os.environ | {
            "LD_PRELOAD": str(library),
            "FAULTS_ORDER": str(folder / "order"),
            "TMPDIR": str(self.under / "tmp"),
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.place", str(folder / "said")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=self.environment,
            cwd=SOURCE.parents[2],
            text=True,
        )

    def run(self, *words, k=0, error=errno.ENOSPC, lasting=False, whole_process=False):
        """Runs `labelprep WORDS`, where the k-th operation fails, and with `lasting` all after it; k = 0: none.

        Args:
            words: of the command line.
            k: which operation fails.
            error: with which error.
            lasting: the later ones too.
            whole_process: a process of its own, not a fork.
        """
        order = self._order
        order.k, order.count, order.failed, order.removals = k, 0, 0, 0
        order.error, order.lasting, order.kinds = error, lasting, KINDS[error]
        order.operation = order.path = b""
        order.under = os.fsencode(self.under)
        words = [str(word) for word in words]
        if whole_process:
            command = [sys.executable, "-m", "labelprep", *words]
            ran = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
            code, out, err = ran.returncode, ran.stdout, ran.stderr
        else:
            self._process.stdin.write(json.dumps(words) + "\n")
            self._process.stdin.flush()
            code = int(self._process.stdout.readline())
            out, err = (self._folder.joinpath(f"said.{s}").read_text("utf-8", "replace") for s in ("out", "err"))
        order.under = b""
        return Ran(
            code, out, err, order.count, order.failed, order.removals, order.operation.decode(), os.fsdecode(order.path)
        )

    def close(self):
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        del self._order
        self._map.close()


def warm(drawings):
    """Loads what runs load, fonts among it, so that forks have it, and has every plot drawn once."""
    for name in LOADED:
        importlib.import_module(name)
    from PIL import Image

    from labelprep.prepare import warm_up
    from labelprep.report import plots, shapes, write

    warm_up()
    Image.init()
    plots.class_balance(["one"], np.zeros((1, 3), np.uint8), np.ones(1, np.int64)).svg()
    drawings.mkdir()
    for module, name in ((plots, "class_balance"), (shapes, "geometry"), (shapes, "positions"), (write, "panel")):
        setattr(module, name, kept(getattr(module, name), drawings))
    gc.collect()
    gc.freeze()  # else every fork copies the pages of what no collection will free


def kept(draw, folder):
    """The same drawing from what a former fork left in a folder: drawing takes a second, and touches no file."""

    def drawn(*values, **options):
        key = hashlib.sha256(pickle.dumps((draw.__qualname__, values, options))).hexdigest()
        png, svg = (folder / f"{key}.{form}" for form in ("png", "svg"))
        if not png.exists():
            plot = draw(*values, **options)
            svg.write_bytes(b"" if isinstance(plot, bytes) else plot.svg())
            png.write_bytes(plot if isinstance(plot, bytes) else plot.png)
        there = svg.read_bytes()
        return SimpleNamespace(png=png.read_bytes(), svg=lambda: there) if there else png.read_bytes()

    return drawn


def main(said):
    """Forks for every line of words on stdin; gives the exit code."""
    import labelprep.cli.main

    warm(Path(f"{said}.drawn"))
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            for stream, name in ((1, "out"), (2, "err")):
                file = os.open(f"{said}.{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
                os.dup2(file, stream)
            code = 70
            try:
                labelprep.cli.main.main(json.loads(line))
            except SystemExit as end:
                code = end.code or 0
            finally:
                with contextlib.suppress(OSError):
                    sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])

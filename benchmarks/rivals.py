"""The other ways to turn colour masks into ids, and the floor that no way through a PNG file gets under."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from isal import isal_zlib
from PIL import Image
from sets import Set, for_datumaro
from zlib_ng import zlib_ng

Contestant = Callable[
    [Path], Any
]  # given an empty folder for the outputs; gives its own (wall, processor) seconds or None


def loop(this: Set) -> Contestant:
    """What most scripts do: one comparison of the whole mask per colour."""

    def convert(out: Path) -> None:
        for path in this.masks:
            mask = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
            index = np.full(mask.shape[:2], 255, np.uint8)
            for colour, class_id in this.ids.items():
                index[np.where(np.all(mask == colour, axis=-1))] = class_id
            image = Image.fromarray(index)
            image.putpalette(this.palette)
            image.save(out / path.name)

    return convert


def assembly(this: Set, level: int | None) -> Contestant:
    """What an expert puts together: one look-up in a table of all 2^24 colours, and one count."""
    ids = np.full(1 << 24, 255, np.uint8)
    for (red, green, blue), class_id in this.ids.items():
        ids[red | green << 8 | blue << 16] = class_id
    words: dict[str, Any] = {} if level is None else {"compress_level": level}

    def convert(out: Path) -> None:
        counts = np.zeros(256, np.int64)
        for path in this.masks:
            rgba = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGBA)
            colors = rgba.view(np.uint32)[..., 0]
            colors &= 0xFFFFFF
            index = np.take(ids, colors)
            counts += np.bincount(index.ravel(), minlength=256)
            image = Image.fromarray(index)
            image.putpalette(this.palette)
            image.save(out / path.name, **words)

    return convert


def floor(this: Set, converted: Path) -> Contestant:
    """Read, inflate, filter, deflate and write of the same bytes, and nothing else: no checks, counts or decoding.

    Args:
        this: the set.
        converted: the masks that labelprep made of it; what is written has their bytes.
    """
    work = []
    for path, written in zip(this.masks, sorted(converted.rglob("*.png")), strict=True):
        data = path.read_bytes()
        spans, at, size = [], 8, 0
        while at < len(data):
            (length,) = struct.unpack(">I", data[at : at + 4])
            if data[at + 4 : at + 8] == b"IDAT":
                spans.append(slice(at + 8, at + 8 + length))
            at += 12 + length
        size = len(zlib_ng.decompress(b"".join(data[s] for s in spans)))
        work.append((path, spans, size, np.asarray(Image.open(written)), written.read_bytes(), path.name))

    def convert(out: Path) -> None:
        for path, spans, size, ids, output, name in work:
            data = path.read_bytes()
            packed = data[spans[0]] if len(spans) == 1 else b"".join(data[s] for s in spans)
            zlib_ng.decompressobj().decompress(packed, size)
            rows = np.empty((ids.shape[0], ids.shape[1] + 1), np.uint8)
            rows[:, 0] = 2
            rows[0, 1:] = ids[0]
            np.subtract(ids[1:], ids[:-1], out=rows[1:, 1:])
            isal_zlib.compress(rows, 1)
            (out / name).write_bytes(output)

    return convert


_DATUMARO = """
import json, sys, time
from datumaro import Dataset
root, out = sys.argv[1:]
wall, processor = time.perf_counter(), time.process_time()
dataset = Dataset.import_from(root, "common_semantic_segmentation")
dataset.export(out, "voc_segmentation", apply_colormap=False)
print(json.dumps([time.perf_counter() - wall, time.process_time() - processor]))
"""


def install_datumaro(folder: Path) -> Path | None:
    """The Python of an environment of its own with Datumaro, made once; None, and a word, where that fails."""
    python = folder / "bin" / "python"
    done = folder / "installed"
    if not done.is_file():
        print(f"installing datumaro into {folder} (once) ...", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        installed = subprocess.run(
            [python, "-m", "pip", "install", "-q", "datumaro"], capture_output=True, text=True, check=False
        )
        if installed.returncode:
            print(f"datumaro is left out, pip cannot install it: {installed.stderr.strip()[-300:]}", file=sys.stderr)
            return None
        done.touch()
    return python


def datumaro_version(python: Path) -> str:
    code = "from importlib import metadata; print(metadata.version('datumaro'))"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def datumaro(this: Set, python: Path, scratch: Path) -> Contestant:
    """Datumaro's import and export in a process of its own; its start and imports are not timed."""
    root = for_datumaro(this, scratch)

    def convert(out: Path) -> tuple[float, float]:
        ran = subprocess.run(
            [python, "-c", _DATUMARO, root, out / "voc"],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )
        wall, processor = json.loads(ran.stdout.splitlines()[-1])
        return wall, processor

    return convert

"""Damaged pictures without end, for kernels whose every access is checked: `python -m tests.png.fuzz COUNT SEED`.

It must run with NUMBA_BOUNDSCHECK=1, best with a cache folder of its own: checked kernels replace the kept ones. An
access outside an array ends it with an IndexError.
"""

import sys
import zlib

import numpy as np
from numba import config

from labelprep.errors import DamagedFileError
from labelprep.png import kernels, runs, wide
from labelprep.steps.decode import decode
from tests import png_files

COMPARED = 40  # every so many pictures are compared with the Pillow path


def scanlines(rng):
    """(raw, height, width, step): blocks of few colours under any filters, then any bytes put anywhere."""
    height, width, step = int(rng.integers(1, 9)), int(rng.integers(1, 80)), int(rng.choice([1, 3, 4]))
    rows = rng.integers(0, 256, (height, width * step + 1), np.uint8)
    if rng.random() < 0.8:  # mostly zeros, as in masks
        rows[rng.random(rows.shape) < rng.choice([0.5, 0.9, 0.99])] = 0
    if step == 4 and rng.random() < 0.9:
        rows[:, 4::4] = 0
        rows[0, 4] = 255
    rows[:, 0] = rng.integers(0, 5, height)
    if rng.random() < 0.02:
        rows[int(rng.integers(height)), 0] = rng.integers(5, 256)
    return rows.ravel(), height, width, step


def through_kernels(raw, height, width, step, seeded):
    """Runs the kernel on scanlines; whether it went through to the end."""
    pixels, out = np.zeros(256, np.int64), np.empty(height * width, np.uint8)
    if step == 1:
        status = kernels.decode_values(raw, height, width, out, pixels)
    else:
        opaque = np.uint32(0xFF000000 if step == 4 else 0)
        colors, taken = np.arange(256, dtype=np.uint32) * 9 | opaque, np.arange(256) < seeded
        book = (np.empty(kernels.SLOTS, np.uint16), colors, taken, np.full(256, -1, np.int64), np.zeros(256, np.int64))
        status = kernels.decode_colors(raw, height, width, step, out, pixels, book)
    if status == kernels.DONE and not np.array_equal(np.bincount(out, minlength=256), pixels):
        sys.exit("pixels and counts differ")
    if status == kernels.DONE:
        write_and_read(out.reshape(height, width))
    return status == kernels.DONE


def write_and_read(ids):
    """Deflates ids, and compares what comes back."""
    rows = np.diff(ids, axis=0, prepend=np.zeros((1, ids.shape[1]), np.uint8))
    scanlines = np.concatenate([np.full((len(ids), 1), 2, np.uint8), rows], axis=1)
    if zlib.decompress(runs.deflate(ids)) != scanlines.tobytes():
        sys.exit(f"what was written differs for {ids.tolist()}")


def as_file(raw, height, width, step):
    """The scanlines as a PNG file, all checksums right."""
    kind = {1: 0, 3: 2, 4: 6}[step]
    whole = png_files.png(np.zeros((height, width, step), np.uint8), kind, [0] * height)
    head = whole[: whole.index(b"IDAT") - 4]
    return head + png_files.chunk(b"IDAT", zlib.compress(raw.tobytes(), 1)) + png_files.chunk(b"IEND", b"")


def read(data, **words):
    try:
        decoded = decode(data, **words)
    except DamagedFileError:
        return None
    return decoded.pixels


def compare(data):
    quick, slow = read(data), read(data, seeds=None)
    if (quick is None) != (slow is None) or (quick is not None and not np.array_equal(quick, slow)):
        sys.exit(f"the two paths differ on {data.hex()}")


def main(count, seed):
    if not config.BOUNDSCHECK or not wide.checked:
        sys.exit("NUMBA_BOUNDSCHECK is not set")
    rng = np.random.default_rng(seed)
    done = 0
    for n in range(count):
        raw, height, width, step = scanlines(rng)
        done += through_kernels(raw, height, width, step, int(rng.integers(0, 257)))
        if n % COMPARED == 0:
            data = as_file(raw, height, width, step)
            compare(data)
            broken = bytearray(data)  # any byte of the file, checksums not made right
            for _ in range(int(rng.integers(1, 4))):
                broken[int(rng.integers(len(broken)))] = int(rng.integers(256))
            compare(bytes(broken))
    print(f"{count} pictures, {done} decoded to the end")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))

"""Tiny datasets for tests: folders of masks and images, and a class table beside them."""

import contextlib
import io
import json
from pathlib import Path

import numpy as np
from PIL import Image

from labelprep.cli.main import main

# Not closed under exchanging red and blue, and no gray but black.
STREET = (
    ("road", (128, 64, 128)),
    ("building", (70, 70, 60)),
    ("sky", (70, 130, 180)),
    ("car", (0, 0, 142)),
    ("person", (220, 20, 60)),
    ("void", (0, 0, 0)),
)
COLORS = np.array([color for _, color in STREET], np.uint8)


def blocks(seed=0, height=24, width=32, ids=5):
    """An index mask of blocks that holds every id."""
    rng = np.random.default_rng(seed)
    coarse = rng.permutation(np.resize(np.arange(ids), (height // 4) * (width // 4)))
    return np.kron(coarse.reshape(height // 4, width // 4), np.ones((4, 4), np.int64)).astype(np.uint8)


class Dataset:
    """images/, masks/ and class_dict.csv below a root."""

    def __init__(self, root: Path, classes=STREET):
        self.root = root
        self.colors = np.array([color for _, color in classes], np.uint8)
        root.mkdir(parents=True, exist_ok=True)
        lines = [f"{name},{r},{g},{b}" for name, (r, g, b) in classes]
        (root / "class_dict.csv").write_text("name,r,g,b\n" + "\n".join(lines) + "\n")

    def image(self, key, height=24, width=32, folder="images", ending=".png", seed=None, **options):
        rng = np.random.default_rng(abs(hash(key)) % 2**32 if seed is None else seed)
        path = self.root / folder / f"{key}{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8)).save(path, **options)
        return path

    def mask(self, key, array=None, folder="masks", ending=".png", **options):
        """A mask file: an index mask in the classes' colours, or any array or image as it is."""
        if array is None:
            array = self.colors[blocks()]
        path = self.root / folder / f"{key}{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        image = array if isinstance(array, Image.Image) else Image.fromarray(array)
        image.save(path, **options)
        return path

    def pair(self, key, array=None, **options):
        self.image(key)
        return self.mask(key, array, **options)


class Result:
    """What a command did."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def objects(self):
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def findings(self):
        return [o for o in self.objects if o.get("type") == "finding"]

    @property
    def codes(self):
        return {f["code"] for f in self.findings}

    @property
    def summary(self):
        return self.objects[-1]


def labelprep(*words):
    """Runs the command line in this process, as `labelprep WORDS` would."""
    out, err = io.StringIO(), io.StringIO()
    code = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main([str(word) for word in words])
        except SystemExit as end:
            code = end.code
    return Result(code, out.getvalue(), err.getvalue())


def tree(folder, state=True):
    """Every file below a folder with its bytes."""
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in sorted(Path(folder).rglob("*"))
        if p.is_file() and (state or ".labelprep" not in p.parts)
    }

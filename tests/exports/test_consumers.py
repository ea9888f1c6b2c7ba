"""Exports as their consumers' own loaders read them: every pixel is our id, every image is the mask's own.

Consumers live in environments of their own, made once below `LABELPREP_CONSUMERS` (by default in the system's folder
for temporary files; about 8 GB, most of it torch). Where one cannot be installed its tests are skipped, and say so.
"""

import json
import os
import subprocess
import tempfile
import venv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labelprep.exports import LAYOUTS
from labelprep.prepared import Prepared
from tests.dataset import Dataset, blocks, labelprep

pytestmark = pytest.mark.chaos

HERE = Path(__file__).parent / "consumers"
CACHE = Path(os.environ.get("LABELPREP_CONSUMERS") or Path(tempfile.gettempdir()) / "labelprep-consumers")
ENVIRONMENTS = {
    "light": ("datasets", "pillow", "pycocotools", "webdataset"),
    "datumaro": ("datumaro",),
    # mmsegmentation wants an mmcv before 2.2, of which PyPI has no wheels; the lite one is plain Python
    "torch": (
        *("ultralytics", "nnunetv2"),
        *("mmsegmentation", "mmengine", "mmcv-lite<2.2", "ftfy", "regex", "setuptools<81"),
    ),
}
KEYS = {"train/a b": "train", "train/drive/c": "train", "train/e": "train", "val/d": "val"}


def flat(key):
    return key.replace("/", "__")


def below(pattern, train="train", val="val", join="/"):
    """A function that gives a sample's name as the consumer has it: split and rest of the key in a pattern."""

    def name(key):
        split, _, rest = key.partition("/")
        return pattern.format(split={"train": train, "val": val}[split], rest=rest.replace("/", join), flat=flat(key))

    return name


# environment, script, layout, further words, folder inside the export, name of a sample
READERS = [
    ("light", "pycocotools", "coco", [], "", below("images/{split}/{rest}")),
    ("light", "datasets", "hf", ["imagefolder"], "", below("{split}/images/{rest}")),
    ("light", "datasets", "hf", ["card"], "", below("{split}/images/{rest}")),
    ("light", "datasets", "hf-parquet", ["card"], "", below("{split}/{rest}")),
    ("light", "datasets", "hf-parquet", ["parquet"], "data", below("{split}/{rest}")),
    ("light", "datasets", "wds", ["webdataset"], "", below("{split}/{rest}", val="validation")),
    ("light", "webdataset", "wds", [], "", below("{split}/{rest}")),
    ("datumaro", "datumaro", "coco", ["coco_stuff"], "", below("{split}/{rest}")),
    ("datumaro", "datumaro", "voc", ["voc_segmentation"], "", below("{split}/{flat}")),
    (
        "datumaro",
        "datumaro",
        "datumaro",
        ["common_semantic_segmentation_with_subset_dirs"],
        "",
        below("{split}/{rest}", join="__"),
    ),
    ("torch", "ultralytics", "ultralytics", [], "", below("images/{split}/{rest}")),
    ("torch", "nnunetv2", "nnunet", [], "", below("{flat}")),
    ("torch", "mmseg", "mmseg", ["mmseg"], "", below("img_dir/{split}/{rest}")),
    (
        "torch",
        "mmseg",
        "cityscapes",
        ["cityscapes"],
        "",
        below("leftImg8bit/{split}/all/{rest}_leftImg8bit", join="__"),
    ),
    ("torch", "mmseg", "ade20k", ["ade20k"], "", below("images/{split}/{rest}", "training", "validation")),
    ("torch", "mmseg", "coco-stuff", ["coco-stuff"], "", below("images/{split}/{rest}", "train2017", "val2017")),
    (
        "torch",
        "mmseg",
        "mapillary",
        ["mapillary"],
        "",
        below("{split}/images/{rest}", "training", "validation", "__"),
    ),
]
READ_ELSEWHERE = {
    "mirror": "labelprep's own, read back in tests/laws/test_layout_laws.py",
    "pairs": "the same",
    "camvid": "SegNet's Caffe layer is on no index; its rules are in test_layouts.py",
    "camvid-kaggle": "Semantic-Segmentation-Suite is on no index; its rules are in test_layouts.py",
}


@pytest.fixture(scope="session")
def environment():
    """Makes an environment where it is not there yet; gives its interpreter."""

    def made(name):
        folder, wanted = CACHE / name, "\n".join(ENVIRONMENTS[name])
        python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        mark = folder / "installed.txt"
        if not mark.is_file() or mark.read_text() != wanted:
            venv.create(folder, with_pip=True, clear=True)
            words = ["-m", "pip", "install", "--disable-pip-version-check", *ENVIRONMENTS[name]]
            done = subprocess.run([python, *words], capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.skip(f"{name} does not install: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
            mark.write_text(wanted)
        return python

    return made


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """JPEG images, keys with blanks and folders, ignored pixels, two splits."""
    place = tmp_path_factory.mktemp("consumed")
    data = Dataset(place / "data")
    for number, key in enumerate(KEYS):
        data.image(key, ending=".jpg", seed=number)
        data.mask(key, data.colors[blocks(number, ids=6)])
    out = place / "out"
    done = labelprep("convert", data.root, "-o", out, "--layout", "mirror", "--ignore", "void", "-q")
    assert done.code == 0, done.err
    return Prepared.open(out)


def as_ids(mask, layout, names, table):
    """What a consumer read, as our ids: those that it knows by name, 255 for all else."""
    if layout in ("nnunet", "datumaro", "voc"):  # whose values mean what the consumer's names say
        values = names if isinstance(names, dict) else {name: value for value, name in enumerate(names)}
        ids = np.full(mask.shape, 255, np.uint8)
        for c in table.classes:
            ids[mask == values[c.name]] = c.id
        return ids
    return mask


def test_every_layout_has_a_reader():
    assert {layout for _, _, layout, *_ in READERS} | set(READ_ELSEWHERE) == set(LAYOUTS)


@pytest.mark.parametrize(
    ("where", "script", "layout", "words", "folder", "name_of"),
    READERS,
    ids=[f"{script}-{'-'.join([layout, *words])}" for _, script, layout, words, *_ in READERS],
)
def test_a_consumer_reads_our_ids(environment, prepared, tmp_path, where, script, layout, words, folder, name_of):
    python = environment(where)
    out = tmp_path / "export"
    done = labelprep("export", prepared.root, "--layout", layout, "-o", out)
    assert done.code == 0, done.err
    seen_in = tmp_path / "seen.npz"
    quiet = {name: str(tmp_path / "home") for name in ("HF_HOME", "YOLO_CONFIG_DIR", "MPLCONFIGDIR")}
    ran = subprocess.run(
        [python, HERE / f"read_{script}.py", seen_in, out / folder, *words],
        env=os.environ | quiet | {"HF_HUB_OFFLINE": "1", "YOLO_OFFLINE": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    with np.load(seen_in) as seen:
        names = json.loads(str(seen["names"]))
        masks = {name[5:]: seen[name] for name in seen.files if name.startswith("mask ")}
        images = {name[6:]: seen[name] for name in seen.files if name.startswith("image ")}
    assert set(masks) == set(map(name_of, KEYS))
    assert names is None or set(prepared.table.names) <= set(names)
    for row in prepared.rows():
        ids = np.asarray(Image.open(prepared.mask_path(row.key)))
        assert np.array_equal(as_ids(masks[name_of(row.key)], layout, names, prepared.table), ids), row.key
        # JPEG decoders differ by a little, images of noise by a lot
        image = np.asarray(Image.open(prepared.image_path(row)).convert("RGB")).astype(int)
        assert np.abs(images[name_of(row.key)] - image).mean() < 2, row.key

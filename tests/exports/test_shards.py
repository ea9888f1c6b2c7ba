"""Layouts of shards: what is in them, where they are cut, and what a stopped run leaves to do."""

import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time

import numpy as np
import pytest
from PIL import Image

from labelprep.prepared import Prepared
from tests.dataset import Dataset, blocks, labelprep, tree

PACKS = ("wds", "hf-parquet")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Two splits, JPEG, PNG and BMP images, keys in folders and with dots."""
    place = tmp_path_factory.mktemp("sharded")
    data = Dataset(place / "data")
    endings = {"train/a b": ".JPG", "train/v1.5/b.c": ".png", "train/drive/e": ".bmp", "val/f": ".jpeg"}
    for number, (key, ending) in enumerate(endings.items()):
        data.image(key, ending=ending)
        data.mask(key, data.colors[blocks(number, ids=6)])
    out = place / "out"
    done = labelprep("convert", data.root, "-o", out, "--layout", "mirror", "--ignore", "void", "-q")
    assert done.code == 0, done.err
    return Prepared.open(out)


def samples_of(out, layout):
    """Key -> (split, name of the image, image, ids), read with tarfile and pyarrow alone."""
    found = {}
    if layout == "hf-parquet":
        pq = pytest.importorskip("pyarrow.parquet")
        for path in sorted(out.glob("data/*.parquet")):
            for row in pq.read_table(path).to_pylist():
                image, mask = (Image.open(io.BytesIO(row[column]["bytes"])) for column in ("image", "mask"))
                found[row["key"]] = (path.name.split("-")[0], row["image"]["path"], image, np.asarray(mask))
        return found
    for path in sorted(out.glob("*.tar")):
        groups = {}
        with tarfile.open(path) as tar:
            for member in tar:
                folder, _, name = member.name.rpartition("/")
                stem, _, ending = name.partition(".")
                groups.setdefault((folder, stem), {})[ending] = tar.extractfile(member).read()
        for (_, stem), files in groups.items():
            (ending,) = files.keys() - {"seg.png", "json"}
            about = json.loads(files["json"])
            mask = np.asarray(Image.open(io.BytesIO(files["seg.png"])))
            assert mask.shape == (about["height"], about["width"])
            image = Image.open(io.BytesIO(files[ending]))
            found[about["key"]] = (path.name.split("-")[0], f"{stem}.{ending}", image, mask)
    return found


def exported(prepared, layout, out, *words):
    done = labelprep("export", prepared.root, "--layout", layout, "-o", out, *words)
    assert done.code == 0, done.err
    return out


@pytest.mark.parametrize("layout", PACKS)
def test_shards_hold_the_ids_the_images_and_the_splits(prepared, tmp_path, layout):
    found = samples_of(exported(prepared, layout, tmp_path / "ex"), layout)
    rows = {row.key: row for row in prepared.rows()}
    assert found.keys() == rows.keys()
    for key, (split, _, image, ids) in found.items():
        assert split == rows[key].split
        assert np.array_equal(ids, np.asarray(Image.open(prepared.mask_path(key))))
        source = Image.open(prepared.image_path(rows[key])).convert("RGB")
        assert np.array_equal(np.asarray(image.convert("RGB")), np.asarray(source))
    names = {key: name for key, (_, name, _, _) in found.items()}
    if layout == "wds":  # what its decoders know, and no dot but the one before the ending
        assert names == {"train/a b": "a b.jpg", "train/v1.5/b.c": "b_c.png"} | {
            "train/drive/e": "e.png",
            "val/f": "f.jpeg",
        }


@pytest.mark.parametrize("layout", PACKS)
def test_a_size_cuts_shards_and_changes_no_sample(prepared, tmp_path, layout):
    whole = samples_of(exported(prepared, layout, tmp_path / "whole"), layout)
    cut = exported(prepared, layout, tmp_path / "cut", "--shard-size", "1")
    shards = sorted(path.name for path in (*cut.glob("*.tar"), *cut.glob("data/*.parquet")))
    ending = {"wds": "tar", "hf-parquet": "parquet"}[layout]
    digits = {"wds": 6, "hf-parquet": 5}[layout]
    assert shards == [f"train-{n:0{digits}}.{ending}" for n in range(3)] + [f"val-{0:0{digits}}.{ending}"]
    parts = samples_of(cut, layout)
    assert {key: value[:2] for key, value in parts.items()} == {key: value[:2] for key, value in whole.items()}
    assert all(np.array_equal(parts[key][3], whole[key][3]) for key in whole)


@pytest.mark.parametrize("words", [("0",), ("many",), ("1.5X",)])
def test_a_size_that_is_none_is_refused(prepared, tmp_path, words):
    refused = labelprep("export", prepared.root, "--layout", "wds", "-o", tmp_path / "ex", "--shard-size", *words)
    assert refused.code == 2
    assert "a size such as 200M or 2G" in refused.err


def test_members_are_in_order_without_time_or_user(prepared, tmp_path):
    out = exported(prepared, "wds", tmp_path / "ex")
    with tarfile.open(out / "train-000000.tar") as tar:
        members = tar.getmembers()
    assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in members} == {(0, 0, 0, "", "", 0o644)}
    stems = [m.name.rpartition("/")[2].partition(".")[0] for m in members]
    assert stems == [stem for stem in dict.fromkeys(stems) for _ in range(3)]  # a sample's files side by side


@pytest.mark.parametrize("layout", PACKS)
def test_a_damaged_image_is_left_out_where_it_must_be_read(tmp_path, layout):
    data = Dataset(tmp_path / "data")
    for key in "abc":
        data.image(key, ending=".bmp")
        data.mask(key)
    out = tmp_path / "out"
    assert labelprep("convert", data.root, "-o", out).code == 0
    image = data.root / "images/b.bmp"
    image.write_bytes(image.read_bytes()[:100])
    done = labelprep("export", out, "--layout", layout, "-o", tmp_path / "ex", "--json", "--shard-size", "1")
    kept = {"wds": ({"a", "c"}, 3), "hf-parquet": ({"a", "b", "c"}, 0)}  # which passes images on as they are
    assert (set(done.summary["samples"].items()), done.code) == ({("train", len(kept[layout][0]))}, kept[layout][1])
    assert ("'b'" in done.err) == (layout == "wds")
    before = tree(tmp_path / "ex")
    again = labelprep("export", out, "--layout", layout, "-o", tmp_path / "ex", "--json", "--shard-size", "1")
    assert (again.code, again.summary, tree(tmp_path / "ex")) == (done.code, done.summary, before)


def test_two_names_without_dots_are_told_apart(tmp_path):
    data = Dataset(tmp_path / "data")
    data.pair("a.b")
    data.pair("a_b")
    out = tmp_path / "out"
    assert labelprep("convert", data.root, "-o", out).code == 0
    refused = labelprep("export", out, "--layout", "wds", "-o", tmp_path / "ex")
    assert refused.code == 2
    assert "would both be called 'a_b' in a layout without dots" in refused.err
    assert not list((tmp_path / "ex").glob("*.tar"))


KILLED = """
import os, signal, sys
from labelprep.exports import packs
from labelprep.cli.main import main
add, left = packs.TarShard.add, [3]
def dying(self, sample):
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    add(self, sample)
packs.TarShard.add = dying
main(sys.argv[1:])
"""


def test_a_killed_run_goes_on_behind_its_last_whole_shard(prepared, tmp_path):
    words = ["export", str(prepared.root), "--layout", "wds", "--shard-size", "1", "-o"]
    whole = tree(exported(prepared, "wds", tmp_path / "whole", "--shard-size", "1"))
    place = tmp_path / "killed"
    killed = subprocess.run([sys.executable, "-c", KILLED, *words, str(place)], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    left = tree(place)
    assert [name for name in left if name.endswith(".tar")] == ["train-000000.tar", "train-000001.tar"]
    assert any(name.endswith(".tmp") for name in left)
    assert not json.loads(left["labelprep-export.json"])["finished"]
    before = (place / "train-000000.tar").stat()
    os.utime(place / "train-000001.tar", ns=(0, 0))
    with (place / "train-000001.tar").open("ab") as file:  # somebody changed this one
        file.write(b"x")
    assert labelprep(*words, place).code == 0
    assert tree(place) == whole
    after = (place / "train-000000.tar").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)  # not written again


def test_without_pyarrow_the_extra_is_named(prepared, tmp_path, monkeypatch):
    monkeypatch.setattr("labelprep.exports.packs.find_spec", lambda _: None)
    refused = labelprep("export", prepared.root, "--layout", "hf-parquet", "-o", tmp_path / "ex")
    assert refused.code == 4
    assert "labelprep[parquet]" in refused.err
    assert not (tmp_path / "ex").exists()


def test_an_image_that_changed_since_the_kill_is_taken_anew(prepared, tmp_path):
    """The journal of a stopped run names what its shards were made of."""
    data = Dataset(tmp_path / "data")
    for key in "abc":
        data.pair(key)
    out, place = tmp_path / "out", tmp_path / "ex"
    assert labelprep("convert", data.root, "-o", out).code == 0
    words = ["export", str(out), "--layout", "wds", "--shard-size", "1", "-o", str(place)]
    killed = subprocess.run([sys.executable, "-c", KILLED, *words], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    data.image("a", seed=99)
    os.utime(data.root / "images/a.png", ns=(time.time_ns() + 10**9,) * 2)
    assert labelprep(*words).code == 0
    seen = samples_of(place, "wds")["a"][2]
    assert np.array_equal(np.asarray(seen), np.asarray(Image.open(data.root / "images/a.png")))

"""Samples inside tar and parquet files: read in place, named by their place, and hostile containers are told."""

import hashlib
import io
import json
import os
import sys
import tarfile

import numpy as np
import pytest
from PIL import Image

from labelprep.errors import LayoutError, MissingExtraError
from labelprep.formats.detect import candidates
from labelprep.formats.shards import fields_of
from labelprep.prepared import Prepared
from labelprep.spec import DatasetSpec
from labelprep.steps.discover import discover
from labelprep.steps.plan import Sample
from tests import foreign
from tests.dataset import labelprep, tree
from tests.foreign import ids, photo, png, put, tar

TABLE = json.dumps(dict(zip("01234", foreign.NAMES, strict=True)))
HERE = ("--scheduler", "inline", "--json")


def shards(root, *contents, name="train-{:06d}.tar"):
    for number, content in enumerate(contents):
        put(root, name.format(number), content)
    put(root, "id2label.json", TABLE)
    return root


def plan(root, **words):
    found = discover(DatasetSpec(root=root, **words), root.parent / "plan")
    return found, list(found.samples()), list(found.findings())


def pair(name):
    return [(f"{name}.jpg", photo("a")), (f"{name}.seg.png", png(ids("a")))]


def table(rows, **words):
    import pyarrow as pa
    import pyarrow.parquet as pq

    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), out, **words)
    return out.getvalue()


# the road


def test_members_travel_the_road_like_files(tmp_path):
    root = shards(tmp_path / "set", tar([*pair("x/a"), *pair("x/b")]))
    out = tmp_path / "out"
    done = labelprep("convert", root, "-o", out, "--link", "hard", "--guard", *HERE)
    assert (done.code, done.summary["written"]) == (0, 2), done.err
    rows = {row.key: row for row in Prepared.open(out).rows()}
    data = png(ids("a"))
    assert rows["x/a"].source == "train-000000.tar/x/a.seg.png"
    assert rows["x/a"].image == "train-000000.tar/x/a.jpg"
    assert (rows["x/a"].size, rows["x/a"].sha256) == (len(data), hashlib.sha256(data).hexdigest())
    np.testing.assert_array_equal(np.array(Image.open(out / "masks/x/a.png")), ids("a"))
    assert (out / "images/x/a.jpg").read_bytes() == photo("a")  # a copy: nothing links into a tar file
    before = tree(out)
    again = labelprep("convert", root, "-o", out, "--link", "hard", *HERE)
    assert again.summary["converted_now"] == 0
    assert tree(out) == before
    assert tree(root).keys() == {"id2label.json", "train-000000.tar"}


def test_a_shard_that_changed_is_read_again_and_a_sample_that_vanished_goes(tmp_path):
    root, out = shards(tmp_path / "set", tar([*pair("a"), *pair("b")])), tmp_path / "out"
    assert labelprep("convert", root, "-o", out, *HERE).code == 0
    shards(root, tar([("b.jpg", photo("a")), ("b.seg.png", png(ids("b")))]))
    os.utime(root / "train-000000.tar", ns=(1, 1))
    done = labelprep("convert", root, "-o", out, *HERE)
    assert (done.summary["converted_now"], done.summary["removed_now"]) == (1, 1)
    assert [p.name for p in (out / "masks").iterdir()] == ["b.png"]
    np.testing.assert_array_equal(np.array(Image.open(out / "masks/b.png")), ids("b"))


def test_inspect_and_init_look_into_shards(tmp_path):
    root = shards(tmp_path / "set", tar(pair("a")))
    assert labelprep("inspect", root, "--json").summary["pairs"] == 1
    assert labelprep("init", root, "-o", tmp_path / "s.yaml", "--scheduler", "inline").code == 0
    text = (tmp_path / "s.yaml").read_text()
    assert "layout: wds" in text
    assert "link: copy" in text  # or training would find no images


def test_a_sample_in_a_container_comes_back_from_json(tmp_path):
    _, samples, _ = plan(shards(tmp_path / "set", tar(pair("a"))))
    (sample,) = samples
    again = Sample.from_dict(json.loads(json.dumps(sample.to_dict())))
    assert again == sample
    assert again.mask.read_bytes() == png(ids("a"))
    assert again.mask.read_range(1, 4) == b"PNG"


# what is in a sample


@pytest.mark.parametrize(
    ("names", "mask", "image"),
    [
        ("jpg seg.png json", "seg.png", "jpg"),
        ("mask.png image.jpg", "mask.png", "image.jpg"),
        ("png jpg txt", "png", "jpg"),
        ("SEG.PNG JPG", "SEG.PNG", "JPG"),
        ("jpg", None, "jpg"),
        ("png", None, "png"),
        ("json cls", None, None),
        ("seg.png", "seg.png", None),
    ],
)
def test_fields_are_told_apart_by_their_names(names, mask, image):
    found = fields_of(dict.fromkeys(names.split()))
    assert (found.mask, found.image) == (mask, image)


def test_a_suffix_names_the_field_of_the_masks(tmp_path):
    members = [("a.jpg", photo("a")), ("a.depth.png", png(ids("b"))), ("a.parts.png", png(ids("a")))]
    root = shards(tmp_path / "set", tar(members))
    _, samples, _ = plan(root, mask_suffix=".parts.png", image_suffix=".jpg")
    assert [(s.key, s.source, s.image_source) for s in samples] == [
        ("a", "train-000000.tar/a.parts.png", "train-000000.tar/a.jpg")
    ]


def test_the_key_that_a_samples_json_tells_is_taken_where_it_can_be_one(tmp_path):
    told = [("a", {"key": "x/a.1"}), ("b", {"key": "../b"}), ("c", {"key": 3}), ("d", [])]
    members = [m for name, value in told for m in [*pair(name), (f"{name}.json", json.dumps(value).encode())]]
    _, samples, _ = plan(shards(tmp_path / "set", tar([*members, *pair("e"), ("e.json", b"{")])))
    assert [s.key for s in samples] == ["b", "c", "d", "e", "x/a.1"]


# hostile containers


def odd(name, kind, **words):
    header = tarfile.TarInfo(name)
    header.type = kind
    for word, value in words.items():
        setattr(header, word, value)
    return header, None


@pytest.mark.parametrize(
    ("member", "why"),
    [
        (("../evil.seg.png", png(ids("a"))), "no path below the set"),
        (("/etc/evil.seg.png", png(ids("a"))), "no path below the set"),
        (("a/../../evil.seg.png", png(ids("a"))), "no path below the set"),
        (odd("evil.seg.png", tarfile.SYMTYPE, linkname="/etc/passwd"), "is a link"),
        (odd("evil.seg.png", tarfile.LNKTYPE, linkname="good.seg.png"), "is a link"),
        (odd("evil.seg.png", tarfile.FIFOTYPE), "is a device"),
    ],
)
def test_names_and_links_of_a_tar_file_lead_nowhere(tmp_path, member, why):
    root = shards(tmp_path / "set", tar([*pair("good"), member]))
    done = labelprep("convert", root, "-o", tmp_path / "out", *HERE)
    assert (done.code, done.summary["written"]) == (3, 1)
    (told,) = done.findings
    assert (told["code"], told["severity"]) == ("unreadable-file", "error")
    assert why in told["message"]
    assert {p.name for p in tmp_path.iterdir()} == {"set", "out"}
    assert {p.name for p in (tmp_path / "out").rglob("*.png")} == {"good.png"}


ONE, TWO = tar(pair("a")), tar([*pair("a"), *pair("b")])
BETWEEN = 3072  # bytes of one pair: headers and bodies in blocks of 512


@pytest.mark.parametrize(
    ("data", "samples", "severity"),
    [
        (TWO[: BETWEEN + 700], 1, "error"),  # inside a body
        (TWO[: BETWEEN + 100], 1, "error"),  # inside a header
        (TWO[:BETWEEN], 1, "warning"),  # where nothing but the end mark tells
        (TWO[:BETWEEN] + b"?" * 1024, 1, "error"),
        (ONE[:300], 0, "error"),
        (b"", 0, "error"),
        (b"no tar file" * 200, 0, "error"),
        (tar([*pair("a"), odd("b.seg.png", tarfile.REGTYPE, size=1 << 40)]), 1, "error"),
        (tar([*pair("a"), odd("x", b"x", size=1 << 33)]), 1, "error"),  # attributes of eight gigabytes
        (tar([*pair("a"), odd("x", b"L", size=1 << 33)]), 1, "error"),  # a name of eight gigabytes
    ],
)
def test_a_damaged_tar_file_is_told_and_what_came_before_holds(tmp_path, data, samples, severity):
    _, found, findings = plan(shards(tmp_path / "set", data, tar(pair("z"))), layout="wds")
    assert [s.key for s in found] == [*"a" * samples, "z"]
    (told,) = [f for f in findings if "train-000000.tar:" in f.message]
    assert (told.code, told.severity) == ("unreadable-file", severity)


def test_one_key_in_two_shards_is_an_error_that_names_both(tmp_path):
    root = shards(tmp_path / "set", tar(pair("a")), tar([*pair("a"), *pair("b")]))
    _, samples, findings = plan(root)
    assert [s.key for s in samples] == ["b"]
    two = next(f for f in findings if f.code == "two-masks")
    assert "train-000000.tar/a.seg.png, train-000001.tar/a.seg.png" in two.message


def test_a_member_that_a_tar_file_has_twice_is_not_guessed_at(tmp_path):
    _, samples, findings = plan(shards(tmp_path / "set", tar([*pair("a"), *pair("b"), *pair("a")])))
    assert [s.key for s in samples] == ["b"]
    assert "train-000000.tar/a.seg.png is there more than once" in [f.message for f in findings]


def test_a_member_whose_shard_was_replaced_is_no_other_members_bytes(tmp_path):
    root = shards(tmp_path / "set", tar([*pair("a"), *pair("b")]))
    _, samples, _ = plan(root)
    put(root, "train-000000.tar", ONE[:1000])
    with pytest.raises(OSError, match="it changed meanwhile"):
        samples[1].mask.read_bytes()


def test_archives_beside_other_sets_are_let_be_and_compressed_ones_are_no_shards(tmp_path):
    foreign.mmseg(tmp_path / "set")
    put(tmp_path / "set", "images.tar", ONE)
    put(tmp_path / "set", "meta.parquet", b"PAR1")
    assert [a.layout for a in candidates(tmp_path / "set", "auto")] == ["mmseg"]
    put(tmp_path / "zip", "train.tar.gz", b"")
    with pytest.raises(LayoutError, match=r"no masks found; looked for \*.tar, not compressed"):
        plan(tmp_path / "zip", layout="wds")


def test_a_million_headers_are_not_kept(tmp_path):
    import tracemalloc

    from labelprep.storage.tar import members

    data = tar([(f"{n:05d}.jpg", b"") for n in range(4000)])
    tracemalloc.start()
    try:
        count = sum(1 for _ in members(tmp_path / "x.tar", io.BytesIO(data), len(data)))
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 4000
    assert most < 1_000_000  # 4,000 headers kept take 4 MB


# parquet


def cell(name, **words):
    return {
        "image": {"bytes": photo(name), "path": f"{name}.JPG"},
        "mask": {"bytes": png(ids(name)), "path": None},
    } | words


def test_rows_of_parquet_travel_the_road_by_their_numbers(tmp_path):
    root = tmp_path / "set"
    rows = [cell("abc"[n % 3]) for n in range(40)]
    put(root, "data/train-00000.parquet", table(rows, row_group_size=18))
    put(root, "id2label.json", TABLE)
    done = labelprep("convert", root, "-o", tmp_path / "out", "--link", "copy", *HERE)
    assert (done.code, done.summary["written"]) == (0, 40), done.err
    found = {row.key: row for row in Prepared.open(tmp_path / "out").rows()}
    row = found["train-00000/000017"]
    assert (row.source, row.image) == ("data/train-00000.parquet/17", "data/train-00000.parquet/17.jpg")
    assert (row.size, row.split) == (len(png(ids("c"))), "train")
    for n in (0, 17, 18, 39):
        mask = np.array(Image.open(tmp_path / f"out/masks/train-00000/{n:06d}.png"))
        np.testing.assert_array_equal(mask, ids("abc"[n % 3]))
        assert (tmp_path / f"out/images/train-00000/{n:06d}.jpg").read_bytes() == photo("abc"[n % 3])


def test_rows_are_read_in_any_order(tmp_path):
    put(tmp_path / "set", "train.parquet", table([cell("abc"[n % 3]) for n in range(50)], row_group_size=7))
    _, samples, _ = plan(tmp_path / "set")
    for n in (49, 0, 3, 20, 19, 21, 48, 1):
        assert samples[n].mask.read_bytes() == png(ids("abc"[n % 3]))
        assert samples[n].image.read_bytes() == photo("abc"[n % 3])


def test_plain_bytes_null_cells_and_keys_that_lead_out(tmp_path):
    rows = [
        {"img": photo("a"), "segmentation": png(ids("a")), "key": "x/a"},
        {"img": photo("a"), "segmentation": None, "key": "x/b"},
        {"img": photo("a"), "segmentation": png(ids("a")), "key": "../c"},
        {"img": photo("a"), "segmentation": png(ids("a")), "key": None},
    ]
    put(tmp_path / "set", "val.parquet", table(rows))
    put(tmp_path / "set", "id2label.json", TABLE)
    done = labelprep("convert", tmp_path / "set", "-o", tmp_path / "out", *HERE)
    assert (done.code, done.summary["written"]) == (3, 2)
    told = {f["path"]: f["message"] for f in done.findings if f["code"] == "unreadable-file"}
    assert "holds no bytes" in told["val.parquet/1"]
    assert "has the key '../c'" in told["val.parquet/2"]
    assert {p.relative_to(tmp_path / "out/masks").as_posix() for p in (tmp_path / "out").rglob("*.png")} == {
        "x/a.png", "val/000003.png",
    }  # fmt: skip


@pytest.mark.parametrize("spoil", [lambda d: d[:-50], lambda d: d[:40], lambda d: b"PAR1" + b"\xff" * 200 + d[-8:]])
def test_a_parquet_file_that_is_none_is_a_finding(tmp_path, spoil):
    put(tmp_path / "set", "train-0.parquet", spoil(table([cell("a")])))
    put(tmp_path / "set", "train-1.parquet", table([cell("b")]))
    _, samples, findings = plan(tmp_path / "set")
    assert [s.key for s in samples] == ["train-1/000000"]
    assert ["train-0.parquet" in f.message for f in findings if f.code == "unreadable-file"] == [True]


def test_columns_without_masks_are_an_error_that_names_them(tmp_path):
    put(tmp_path / "set", "train.parquet", table([{"image": {"bytes": photo("a"), "path": None}, "label": 3}]))
    with pytest.raises(LayoutError, match=r"no column of masks; .*there are: image \(struct.*label \(int64\)"):
        plan(tmp_path / "set")


def test_without_pyarrow_the_extra_is_named(tmp_path, monkeypatch):
    put(tmp_path / "set", "train.parquet", table([cell("a")]))
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"labelprep\[parquet\]"):
        plan(tmp_path / "set")


# what is asked of the whole set


def test_copies_of_images_in_tar_files_are_found_across_splits(tmp_path):
    root = shards(tmp_path / "set", tar(pair("a")))
    put(root, "val-000000.tar", tar([("b.jpg", photo("a")), ("b.seg.png", png(ids("b")))]))
    done = labelprep("validate", root, "--similar", "4", "--scheduler", "inline", "--json")
    assert {"leaked-split", "similar-images"} <= done.codes

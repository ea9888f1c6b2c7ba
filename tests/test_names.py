"""Names of every kind are converted or refused by name; nothing is overwritten, and nothing is written elsewhere."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from labelprep.errors import UsageError
from labelprep.steps.pairing import fold, unportable
from tests.dataset import COLORS, Dataset, blocks, labelprep, tree

linux = pytest.mark.skipif(sys.platform != "linux", reason="other systems do not allow such names")

STRANGE = [
    "a b", "line\nbreak", "tab\there", "cr\rx", "q'u\"o", "-rf", "--help", "$HOME", "*", "?", "[x]", "a;b|c&d", "`id`",
    "\\back", "a\\..\\b", "é", "e\u0301x", "x" * 251, "ä" * 125 + "a", "CON", "trail ", "trail.", "a:b", "<b>",
    "\x1b[31mred", "\x7f", "\u202efdp", "\u2028ls", "\x85nel", "a..", "~", "#c", "%s", "{x}", "a,b", '"', "a.tif",
    "deep\n/a\tb/-x", "dir./x", "😀",
]  # fmt: skip
ALPHABET = "aAbB1éÉ\u0301ßſ.-_ \n\t\r\"'$*?[];|&\\:<>~%#{}\x1b\x7f\x85\u2028\u202e"


def ids(n):
    return np.full((4, 6), n, np.uint8)


def colours(names):
    """A mask of its own for every name, so that one in the place of another is seen."""
    return {name: 1 + n for n, name in enumerate(names)}


def make(root, names):
    """Masks of one value each, in a set whose ids are gray values."""
    data = Dataset(root, tuple((f"class{n}", (n, 255 - n, 7)) for n in range(len(names) + 1)))
    for name, value in colours(names).items():
        data.mask(name, ids(value))
    return data


@linux
def test_strange_names_go_all_the_way(tmp_path):
    data = make(tmp_path / "data", STRANGE)
    out = tmp_path / "out"
    result = labelprep("convert", data.root, "-o", out, "--json")
    assert (result.code, result.summary["written"]) == (0, len(STRANGE))
    for name, value in colours(STRANGE).items():
        assert (np.asarray(Image.open(out / "masks" / f"{name}.png")) == value).all(), name
    assert {f["key"] for f in result.findings if f["code"] == "unportable-name"} == set(filter(unportable, STRANGE))
    assert {"CON", "a:b", "line\nbreak", "dir./x"} <= set(filter(unportable, STRANGE))
    for file in ("manifest.jsonl", "findings.jsonl"):
        lines = (out / file).read_bytes().decode().split("\n")
        assert all(isinstance(json.loads(line), dict) for line in lines[:-1])
    assert (labelprep("verify", out).code, labelprep("weights", out).code) == (0, 0)
    again = labelprep("convert", data.root, "-o", out, "--json")
    assert again.summary["converted_now"] == 0


def kept(names):
    """Names that no other name is equal to on any system: they are converted, whatever else is there."""
    folded = [fold(name) for name in names]
    return {name for name in names if folded.count(fold(name)) == 1}


@linux
@settings(max_examples=25, deadline=None)
@given(st.sets(st.text(ALPHABET, min_size=1, max_size=6).filter(lambda n: n[0] != "."), min_size=1, max_size=12))
def test_any_names_are_converted_or_refused_and_never_overwritten(names):
    names = sorted(names)
    with tempfile.TemporaryDirectory() as folder:
        data = make(Path(folder) / "data", names)
        out = Path(folder) / "out"
        result = labelprep("convert", data.root, "-o", out, "--json", "-q", "--layout", "masks", "--mask-suffix", "")
        refused = {f["key"] for f in result.findings if f["code"] == "name-collision"}
        assert kept(names) == set(names) - refused
        if result.code == 2:  # all refused
            return
        written = {p.name.removesuffix(".png") for p in (out / "masks").iterdir()} if kept(names) else set()
        assert written == kept(names)
        for name in written:
            assert (np.asarray(Image.open(out / "masks" / f"{name}.png")) == colours(names)[name]).all()
        assert labelprep("verify", out).code == 0


@linux
def test_twins_of_every_kind_are_refused_at_plan_time(tmp_path):
    composed, parted = (unicodedata.normalize(form, "é") for form in ("NFC", "NFD"))
    data = Dataset(tmp_path / "data")
    for name in ("A", "a", composed, parted, "ok"):
        data.mask(name)
    data.mask("two")
    data.mask("two", ending=".bmp")
    data.mask("file", ending=".tif")
    data.mask("file.png/inside")
    data.mask("File.PNG/other")
    result = labelprep("convert", data.root, "-o", tmp_path / "out", "--json")
    refused = {f["key"] for f in result.findings if f["code"] in ("name-collision", "two-masks")}
    assert refused == {"A", "a", composed, parted, "two", "file", "file.png/inside", "File.PNG/other"}
    assert (result.code, [p.name for p in (tmp_path / "out" / "masks").rglob("*")]) == (3, ["ok.png"])


@linux
def test_a_path_that_is_no_text_is_refused_before_anything_is_written(tmp_path):
    data = Dataset(tmp_path / "da\udcffta")
    data.mask("a")
    for words in ((data.root, "-o", tmp_path / "out"), (tmp_path / "data", "-o", tmp_path / "ou\udcfft")):
        result = labelprep("convert", *words)
        assert (result.code, result.out) == (2, "")
        assert "not valid UTF-8" in result.err
        assert result.err.encode()
    (tmp_path / "link").symlink_to(data.root)
    assert "not valid UTF-8" in labelprep("validate", tmp_path / "link").err
    assert sorted(os.fsencode(p.name) for p in tmp_path.iterdir()) == [b"da\xffta", b"link"]


# nothing is written elsewhere


@pytest.fixture
def canary(tmp_path):
    """A tree beside everything else, whose bytes and names must stay."""
    folder = tmp_path / "canary"
    for name in ("a.png", "predictions/a.png", "splits/train.txt", "deep/.0123456789abcdef.1.tmp", "empty/x"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"canary")
    (folder / "empty" / "x").unlink()
    before = tree(folder), sorted(folder.rglob("*")), [p.stat().st_mtime_ns for p in sorted(folder.rglob("*"))]
    yield folder
    after = tree(folder), sorted(folder.rglob("*")), [p.stat().st_mtime_ns for p in sorted(folder.rglob("*"))]
    assert after == before


@pytest.fixture
def prepared(tmp_path):
    data = Dataset(tmp_path / "data")
    for n in range(4):
        data.pair(f"{('train', 'val')[n % 2]}/m{n}", COLORS[blocks(n, ids=6)])
    assert labelprep("convert", data.root, "-o", tmp_path / "out").code == 0
    return data, tmp_path / "out"


READERS = {
    "verify": (),
    "split": ("--ratios", "0.5", "0.5"),
    "weights": (),
    "report": ("-o", "../report"),
    "export": ("--layout", "mmseg", "-o", "../exported"),
}


def with_link(parent, link, canary):
    """The same folder with a link to the canary in the place of one of its own."""
    path = parent / link
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(canary / "a.png" if path.suffix else canary)


@linux
@pytest.mark.parametrize(
    "link",
    ["masks", "masks/train", "images", ".labelprep", ".labelprep/journal.jsonl", ".labelprep/lock", "manifest.jsonl",
     "dataset.json", "findings.jsonl", "masks/train/m0.png"],
)  # fmt: skip
def test_links_in_the_output_are_not_written_through(prepared, canary, link):
    data, out = prepared
    with_link(out, link, canary)
    for n in range(4):  # each would be written again
        data.pair(f"{('train', 'val')[n % 2]}/m{n}", COLORS[blocks(9 + n, ids=6)])
    result = labelprep("convert", data.root, "-o", out, "--overwrite", "--link", "copy")
    assert result.code == (
        0 if link.endswith(("manifest.jsonl", "set.json", "findings.jsonl", "m0.png")) else result.code
    )
    assert result.code in (0, 2, 4), result.err
    if result.code:
        assert str(out) in result.err


@linux
@pytest.mark.parametrize("command", ["split", "weights"])
def test_links_in_a_prepared_folder_are_not_written_through(prepared, canary, command):
    _, out = prepared
    with_link(out, {"split": "splits", "weights": "weights"}[command], canary)
    result = labelprep(command, out, *READERS[command])
    assert result.code == 2
    assert "is a link that leads out of" in result.err


@linux
@pytest.mark.parametrize("key", ["../../canary/a", "/{canary}/a", "train/../../../canary/a", "a\0b"])
@pytest.mark.parametrize("command", ["verify", "split", "report", "export"])
def test_a_manifest_that_leads_out_is_refused_by_every_command(prepared, canary, command, key, monkeypatch):
    _, out = prepared
    rows = [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]
    rows[1]["key"] = key.format(canary=canary)
    (out / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    monkeypatch.chdir(out)
    result = labelprep(command, out, *READERS[command])
    assert result.code == 2
    assert "does not lie below its folder" in result.err


@linux
def test_split_lists_that_lead_out_are_refused(prepared, canary):
    _, out = prepared
    (out / "splits").mkdir()
    (out / "splits" / "train.txt").write_text("../../canary/a\ntrain/m0\n")
    (out / "splits" / "val.txt").symlink_to(canary / "splits" / "train.txt")
    for words in (("weights", out, "--split", "train"), ("weights", out, "--split", "../../canary/splits/train")):
        assert labelprep(*words).code == 2
    assert labelprep("split", out, "--ratios", "0.5", "0.5").code == 0
    assert not (out / "splits" / "val.txt").is_symlink()


@linux
@pytest.mark.parametrize(
    "line", [",../canary/a.png", ",{canary}/a.png", ",link/a.png", ",masks/../../canary/a.png", ",a.png", ",loop.png"]
)
def test_lists_of_pairs_and_links_in_the_sources_take_nothing_from_outside(tmp_path, canary, line):
    data = Dataset(tmp_path / "data")
    data.mask("ok")
    (data.root / "link").symlink_to(canary)
    (data.root / "a.png").symlink_to(canary / "a.png")
    (data.root / "loop.png").symlink_to("loop.png")
    (data.root / "pairs.csv").write_text(f"image,mask\n,masks/ok.png\n{line.format(canary=canary)}\n")
    result = labelprep("convert", data.root, "-o", tmp_path / "out", "--pairs", "pairs.csv", "--json")
    assert result.code in (2, 3)
    if result.code == 3:
        assert result.codes & {"unreadable-file", "mask-missing"}
        assert [p.name for p in (tmp_path / "out" / "masks").rglob("*.png")] == ["ok.png"]


@linux
@pytest.mark.parametrize("key", ["../../canary/a", "../../canary/predictions/a"])
def test_a_list_of_former_predictions_that_leads_out_removes_nothing(tmp_path, canary, key):
    pytest.importorskip("torch")
    from labelprep.learning.evaluation.results import remove_former

    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "samples.jsonl").write_text(json.dumps({"key": key}) + "\n")
    with pytest.raises(UsageError, match="does not lie below"):
        remove_former(tmp_path / "run")
    (tmp_path / "run" / "samples.jsonl").write_text(json.dumps({"key": "a"}) + "\n")
    (tmp_path / "run" / "predictions").symlink_to(canary / "predictions")
    with pytest.raises(UsageError, match="leads out of"):
        remove_former(tmp_path / "run")


# what is printed


@linux
def test_no_name_reaches_the_terminal_raw(tmp_path):
    data = Dataset(tmp_path / "data")
    strange = COLORS[blocks()].copy()
    strange[0, 0] = (1, 2, 3)
    for name in ("\x1b[31mred", "two\nERROR forged", "\u202efdp", "\x9b31m", "\x07bell"):
        data.mask(name, strange)
    said = [labelprep("validate", data.root, *more) for more in ((), ("-v",))]
    said += [labelprep("convert", data.root, "-o", tmp_path / "o\x1b[2Jut"), labelprep("inspect", data.root)]
    said += [labelprep("verify", tmp_path / "no\n\x1b[31msuch")]
    for text in (part for result in said for part in (result.out, result.err)):
        assert not set(text) & set(map(chr, [*range(9), *range(11, 32), 127, *range(128, 160), 0x202E, 0x2028]))
        assert not [line for line in text.split("\n") if line.startswith("ERROR forged")]
    assert "\\x1b[31mred.png" in said[0].out
    assert "two\\nERROR forged" in said[1].err


@linux
def test_a_terminal_that_is_not_utf8_gets_text_and_json(tmp_path):
    data = Dataset(tmp_path / "data")
    strange = COLORS[blocks()].copy()
    strange[0, 0] = (1, 2, 3)
    data.mask("ä€\u2028", strange)
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "LABELPREP_GUARD": "0"}
    ran = {}
    for more in ((), ("--json",)):
        words = [sys.executable, "-m", "labelprep", "validate", data.root, *more]
        ran[more] = subprocess.run(words, env=environment, capture_output=True, check=False)
        assert ran[more].returncode == 1, ran[more].stderr
    assert b"2028" in ran[()].stdout
    lines = ran["--json",].stdout.decode("ascii").splitlines()
    assert "masks/ä€\u2028.png" in {json.loads(line).get("path") for line in lines}

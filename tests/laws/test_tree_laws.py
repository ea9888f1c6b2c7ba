"""The prepared folder is the same bytes whoever computes it, wherever it lies, and however often it was interrupted."""

import shutil

import numpy as np
import pytest
from PIL import Image

from labelprep.errors import EnvironmentFailure
from labelprep.prepare import run_batch
from labelprep.prepared import Prepared
from labelprep.steps.palette import painted
from tests.dataset import COLORS, Dataset, blocks, labelprep, tree


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    made = Dataset(tmp_path_factory.mktemp("set") / "data")
    for n in range(40):
        made.pair(f"{('train', 'val')[n % 2]}/mask {n}", COLORS[blocks(n, ids=6)])
    strange = COLORS[blocks()]
    strange[0, 0] = (1, 2, 3)
    made.pair("train/strange", strange)
    return made


@pytest.fixture(scope="module")
def undisturbed(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("inline") / "out"
    assert labelprep("convert", data.root, "-o", out, "--ignore", "void", "--scheduler", "inline").code == 3
    return out


@pytest.mark.parametrize("jobs", [1, 2, 4])
def test_any_number_of_workers_gives_the_same_tree(data, undisturbed, tmp_path, jobs):
    out = undisturbed.parent / f"jobs{jobs}"
    options = ("--ignore", "void", "--scheduler", "local", "--jobs", jobs)
    assert labelprep("convert", data.root, "-o", out, *options).code == 3
    assert tree(out) == tree(undisturbed)


def test_the_tree_depends_on_no_absolute_path(data, undisturbed, tmp_path):
    moved = tmp_path / "elsewhere" / "data"
    shutil.copytree(data.root, moved, copy_function=shutil.copy2)
    out = tmp_path / "elsewhere" / "somewhere" / "out"
    assert labelprep("convert", moved, "-o", out, "--ignore", "void").code == 3
    assert tree(out, state=False) == tree(undisturbed, state=False)


def test_a_second_run_writes_nothing(data, undisturbed):
    before = {p: p.stat().st_mtime_ns for p in undisturbed.rglob("*") if p.is_file() and p.name != "lock"}
    result = labelprep("convert", data.root, "-o", undisturbed, "--ignore", "void", "--json")
    assert result.summary["converted_now"] == 0
    after = {p: p.stat().st_mtime_ns for p in undisturbed.rglob("*") if p.is_file() and p.name != "lock"}
    assert after == before


@pytest.mark.parametrize("batches", [0, 1, 3])
def test_a_run_that_stops_after_any_batch_goes_on_to_the_same_tree(data, undisturbed, batches, monkeypatch):
    out = undisturbed.parent / f"stopped{batches}"
    calls = 0

    def failing(blob):
        nonlocal calls
        calls += 1
        if calls > batches:
            raise KeyboardInterrupt
        return run_batch(blob)

    with monkeypatch.context() as patched:
        patched.setattr("labelprep.prepare.run_batch", failing)
        stopped = labelprep("convert", data.root, "-o", out, "--ignore", "void", "--scheduler", "inline")
    assert stopped.code == 130
    assert stopped.err.splitlines()[-1].startswith("labelprep convert ")
    assert not (out / "dataset.json").exists()
    with (out / ".labelprep" / "journal.jsonl").open("ab") as journal:
        journal.write(b'{"n": 3, "row": {"key": "tra')  # as a kill leaves it
    assert labelprep("convert", data.root, "-o", out, "--ignore", "void").code == 3
    assert tree(out) == tree(undisturbed)


def test_painting_the_output_gives_the_source_back(data, undisturbed):
    prepared = Prepared.open(undisturbed)
    written = 0
    for row in prepared.rows():
        source = np.asarray(Image.open(data.root / row.source))
        if row.written:
            ids = np.asarray(Image.open(prepared.mask_path(row.key)))
            np.testing.assert_array_equal(painted(ids, prepared.table), source)
            np.testing.assert_array_equal(np.bincount(ids.ravel(), minlength=256)[:5], row.pixels)
            written += 1
    assert written == 40


def test_changed_added_and_vanished_sources_are_followed(data, tmp_path):
    root = tmp_path / "data"
    shutil.copytree(data.root, root)
    out = tmp_path / "out"
    assert labelprep("convert", root, "-o", out).code == 3
    made = Dataset(root)
    made.mask("train/mask 0", COLORS[blocks(99, ids=6)])
    made.pair("train/new", COLORS[blocks(5, ids=6)])
    (root / "masks" / "val" / "mask 1.png").unlink()
    (root / "images" / "val" / "mask 1.png").unlink()
    result = labelprep("convert", root, "-o", out, "--json")
    assert result.summary["converted_now"] == 2
    fresh = tmp_path / "fresh"
    labelprep("convert", root, "-o", fresh)
    assert tree(out) == tree(fresh)
    assert not (out / "masks" / "val" / "mask 1.png").exists()


def test_rehash_reads_everything_again(data, tmp_path):
    labelprep("convert", data.root, "-o", tmp_path / "out")
    result = labelprep("convert", data.root, "-o", tmp_path / "out", "--rehash", "--json")
    assert result.summary["converted_now"] == 41


def test_another_run_in_the_folder_is_refused_until_overwrite(data, tmp_path):
    out = tmp_path / "out"
    labelprep("convert", data.root, "-o", out)
    refused = labelprep("convert", data.root, "-o", out, "--on-unknown", "ignore")
    assert refused.code == 2
    assert "on_unknown was 'error', is 'ignore'" in refused.err
    assert "--overwrite" in refused.err
    assert labelprep("convert", data.root, "-o", out, "--on-unknown", "ignore", "--overwrite").code == 0


def test_foreign_folders_and_the_dataset_itself_are_never_written_into(data, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    refused = labelprep("convert", data.root, "-o", tmp_path / "mine", "--overwrite")
    assert refused.code == 2
    assert "not empty" in refused.err
    assert tree(tmp_path / "mine") == {"thesis.txt": b"years of work"}
    before = tree(data.root)
    assert labelprep("convert", data.root, "-o", data.root).code == 2
    assert tree(data.root) == before


def test_images_come_along_by_hard_link_or_copy(data, tmp_path):
    for link in ("hard", "copy"):
        out = tmp_path / link
        labelprep("convert", data.root, "-o", out, "--link", link)
        prepared = Prepared.open(out)
        row = next(prepared.rows("train"))
        image = prepared.image_path(row)
        source = data.root / row.image
        assert image.read_bytes() == source.read_bytes()
        assert image.samefile(source) == (link == "hard")
        assert len(list((out / "images").rglob("*.png"))) == 40


def test_a_full_disk_leaves_no_partial_file_and_the_run_goes_on(data, undisturbed, monkeypatch):
    """The k-th replace fails, for several k; exit 4 names the path, the next run ends identical."""
    import os

    out = undisturbed.parent / "full"
    for k in (1, 5, 20, 45):
        calls = 0

        def failing(source, target, k=k, real=os.replace):
            nonlocal calls
            calls += 1
            if calls == k:
                raise OSError(28, "No space left on device", str(target))
            return real(source, target)

        with monkeypatch.context() as patched:
            patched.setattr(os, "replace", failing)
            result = labelprep("convert", data.root, "-o", out, "--ignore", "void", "--scheduler", "inline")
        assert result.code in (4, 3)
        assert not list(out.rglob("*.tmp"))
        if result.code == 4:
            assert "No space left" in result.err
            assert str(out) in result.err
    assert labelprep("convert", data.root, "-o", out, "--ignore", "void").code == 3
    assert tree(out) == tree(undisturbed)


def test_two_runs_on_one_folder_the_second_leaves_with_exit_4(data, tmp_path):
    from labelprep.storage.lock import exclusive

    out = tmp_path / "out"
    labelprep("convert", data.root, "-o", out)
    with exclusive(out):
        result = labelprep("convert", data.root, "-o", out)
    assert result.code == 4
    assert "another run" in result.err
    with pytest.raises(EnvironmentFailure), exclusive(out), exclusive(out):
        pass


def test_what_somebody_else_put_into_the_folder_stays_and_what_a_former_run_wrote_goes(data, tmp_path):
    out = tmp_path / "out"
    labelprep("convert", data.root, "-o", out, "--link", "copy")
    for name in ("masks/README", "images/mine.jpg", "masks/mine.png"):
        (out / name).write_text("mine")
    result = labelprep("convert", data.root, "-o", out, "--limit", "5", "--link", "none", "--overwrite", "--json")
    assert result.summary["masks"] == 5
    left = {
        p.relative_to(out).as_posix()
        for folder in ("masks", "images")
        for p in (out / folder).rglob("*")
        if p.is_file()
    }
    assert {"masks/README", "images/mine.jpg", "masks/mine.png"} <= left
    assert len(left) == 3 + result.summary["written"]
    assert not (out / ".labelprep" / "former.jsonl").exists()

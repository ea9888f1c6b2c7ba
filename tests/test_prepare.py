"""The road for one sample and for a batch: what is written, what is refused, and the way to a worker and back."""

import hashlib
import json
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import xxhash
from PIL import Image

from labelprep.batch import join
from labelprep.errors import EnvironmentFailure
from labelprep.execution import Watch, map_inline
from labelprep.formats.class_tables import load_table
from labelprep.ledger import Ledger
from labelprep.prepare import Context, prepare_dataset, prepare_sample, run_batch
from labelprep.prepared import mask_path
from labelprep.spec import DatasetSpec
from labelprep.steps.discover import discover
from labelprep.steps.meaning import Habits
from tests.dataset import COLORS, Dataset, blocks, tree


@pytest.fixture
def data(tmp_path):
    made = Dataset(tmp_path / "data")
    for n in range(3):
        made.pair(f"train/mask {n}", COLORS[blocks(n, ids=6)])
    return made


@pytest.fixture
def table(data):
    return load_table(str(data.root / "class_dict.csv"), ignore=("void",))


def samples(data, tmp_path):
    return list(discover(DatasetSpec(root=data.root), tmp_path / "plan").samples())


def test_a_sample_becomes_its_ids_on_disk_and_a_row_that_describes_both(data, table, tmp_path):
    (sample, *_) = samples(data, tmp_path)
    outcome = prepare_sample(sample, Context(table, out=tmp_path / "out"))
    ids = np.where(blocks(0, ids=6) == 5, 255, blocks(0, ids=6)).astype(np.uint8)
    row, source = outcome.row, sample.mask.read_bytes()
    with Image.open(mask_path(tmp_path / "out", "train/mask 0")) as image:
        assert image.mode == "P"
        np.testing.assert_array_equal(np.asarray(image), ids)
    assert (row.source, row.image, row.split) == ("masks/train/mask 0.png", "images/train/mask 0.png", "train")
    assert (row.size, row.sha256) == (len(source), hashlib.sha256(source).hexdigest())
    assert (row.height, row.width) == (24, 32)
    assert row.xxh3 == xxhash.xxh3_128_hexdigest(ids.tobytes())
    assert (*row.pixels, row.ignored) == tuple(np.bincount(ids.ravel(), minlength=256)[[0, 1, 2, 3, 4, 255]])
    assert (outcome.findings, outcome.vote, outcome.undecided) == ((), "rgb", False)


def test_without_a_folder_the_same_is_found_and_nothing_written(data, table, tmp_path):
    (sample, *_) = samples(data, tmp_path)
    before = tree(tmp_path)
    looked = prepare_sample(sample, Context(table))
    assert tree(tmp_path) == before
    assert looked == prepare_sample(sample, Context(table, out=tmp_path / "out"))


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda path: path.unlink(), "unreadable-file"),
        (lambda path: path.write_bytes(b""), "damaged-file"),
        (lambda path: path.write_bytes(path.read_bytes()[:-30]), "damaged-file"),
        (lambda path: Image.new("CMYK", (3, 3)).save(path, "JPEG"), "unsupported-mode"),
        (lambda path: Image.new("RGB", (32, 24), (9, 9, 200)).save(path), "unknown-color"),
        (lambda path: Image.new("RGB", (31, 24), (128, 64, 128)).save(path), "size-differs"),
    ],
)
def test_whatever_is_wrong_with_a_file_is_a_finding_with_its_key_and_path_and_no_mask(
    data, table, tmp_path, spoil, code
):
    (sample, *_) = samples(data, tmp_path)
    spoil(Path(sample.mask))
    outcome = prepare_sample(sample, Context(table, out=tmp_path / "out", link="copy"))
    assert (outcome.findings[0].code, outcome.row.findings[0]) == (code, code)
    assert {(f.key, f.path) for f in outcome.findings} == {(sample.key, sample.source)}
    assert (outcome.row.written, outcome.row.pixels) == (False, ())
    assert not (tmp_path / "out").exists()


def test_a_larger_mask_than_allowed_is_refused(data, table, tmp_path):
    (sample, *_) = samples(data, tmp_path)
    outcome = prepare_sample(sample, Context(table, max_pixels=767))
    assert [f.code for f in outcome.findings] == ["too-many-pixels"]


def test_a_folder_that_cannot_be_written_is_no_finding_but_an_error(data, table, tmp_path):
    (tmp_path / "file").write_text("")
    (sample, *_) = samples(data, tmp_path)
    with pytest.raises(EnvironmentFailure, match="cannot write"):
        prepare_sample(sample, Context(table, out=tmp_path / "file"))


def test_a_batch_is_lines_in_and_json_out_and_equals_its_samples_one_by_one(data, table, tmp_path):
    context = Context(table, Habits(on_unknown="ignore"), out=tmp_path / "out")
    some = samples(data, tmp_path)
    lines = [json.dumps(line) for line in (context.to_json(), *([n + 5, s.to_dict()] for n, s in enumerate(some)))]
    answers = [json.loads(answer) for answer in run_batch("\n".join(lines).encode())]
    assert [a["n"] for a in answers] == [5, 6, 7]
    for sample, answer in zip(some, answers, strict=True):
        outcome = prepare_sample(sample, context)
        assert answer["row"] == json.loads(outcome.row.to_json())
        assert answer["stamp"] == sample.stamp()
        assert (answer["vote"], answer["undecided"], answer["tie"]) == (outcome.vote, outcome.undecided, None)


def test_a_context_survives_the_way_to_a_worker(table, tmp_path):
    for out in (None, tmp_path / "out"):
        context = Context(table, Habits("bgr", "index", "ignore", "nearest:3", "error"), out, 99, "index", link="hard")
        assert Context.from_json(context.to_json()) == context


def test_what_is_remembered_of_a_context_names_neither_place_nor_tie(table, tmp_path):
    options = Context(table, Habits(tie="bgr"), out=tmp_path).options()
    assert str(tmp_path) not in json.dumps(options)
    assert not {"tie", "out", "table"} & set(options)
    assert options == Context(table).options()


def test_a_finished_folder_is_marked_unfinished_before_the_first_mask_changes(data, table, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "dataset.json").write_text("{}")
    plan = discover(DatasetSpec(root=data.root), tmp_path / "plan")
    seen = []

    def mapper(fn, blobs):
        for blob in blobs:
            seen.append((out / "dataset.json").exists())
            yield join(fn(blob))

    def ones(pairs):
        return ((pair,) for pair in pairs)

    (tmp_path / "work").mkdir()
    with closing(Ledger(tmp_path / "work", out)) as ledger:
        prepare_dataset(plan, Context(table, out=out), ledger, mapper=mapper, group=ones, on_batch=lambda _: None)
        assert (seen, ledger.done, ledger.fresh) == ([False] * 3, 3, 3)


def test_nothing_is_touched_where_all_is_done(data, table, tmp_path):
    out = tmp_path / "out"
    plan = discover(DatasetSpec(root=data.root), tmp_path / "plan")
    for run in range(2):
        work = tmp_path / f"work{run}"
        work.mkdir()
        with closing(Ledger(work, out)) as ledger:
            prepare_dataset(
                plan,
                Context(table, out=out),
                ledger,
                mapper=map_inline(None, Watch()),
                group=lambda pairs: ((pair,) for pair in pairs),
                on_batch=lambda _: None,
            )
            assert (ledger.done, ledger.fresh) == (3, 0 if run else 3)
        (out / "dataset.json").write_text("{}")
    assert (out / "dataset.json").exists()

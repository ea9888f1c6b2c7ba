"""What re-runs what, with real files: the raw half is the real one, training and evaluation only take note."""

import hashlib
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from labelprep.errors import InterruptedRunError
from labelprep.pipeline import Chain, Runner
from labelprep.pipeline.modules import find_stage
from labelprep.spec import read_spec
from labelprep.stages import RunContext, StageResult
from tests.dataset import Dataset, blocks, tree

SPEC = """\
dataset: {root: raw, classes: raw/class_dict.csv}
stages:
  check: {use: validate, fail_on: never}
  masks: {use: convert, out: build/masks}
  splits: {use: split, from: masks, ratios: [0.5, 0.5]}
  weights: {use: weights, from: [masks, splits], split: train}
  train: {use: train, from: [masks, splits, weights]}
"""
NO_SPLITS = SPEC.replace("  splits: {use: split, from: masks, ratios: [0.5, 0.5]}\n", "").replace(", splits", "")
WITHOUT_SPLITS = NO_SPLITS.replace(", split: train", "")
RAW = ("check", "masks")


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("spec.yaml").write_text(SPEC)
    made = Dataset(tmp_path / "raw")
    for n in range(6):
        made.image(f"{n}", seed=n)
        made.mask(f"{n}", made.colors[blocks(n)])
    return made


class Told:
    """A reporter that keeps what it is told."""

    def __init__(self):
        self.said = []

    def progress(self, *_, **__):
        pass

    def message(self, text):
        self.said.append(text)


def find(use):
    """The real stage, or for learning one that writes down what it was given."""
    if use not in ("train", "eval"):
        return find_stage(use)

    def run(params, inputs, context):
        params.out.mkdir(parents=True, exist_ok=True)
        told = "".join(result.identity for _, result in inputs.results)
        (params.out / "model").write_text(told)
        return StageResult(params.out, hashlib.sha256(told.encode()).hexdigest(), {})

    return SimpleNamespace(VERSION=1, run=run)


def runner(find=find, reporter=None, rehash=False):
    context = RunContext(reporter=reporter or Told(), limits=None, rehash=rehash)
    return Runner(Chain.of(read_spec("spec.yaml", ()), "spec.yaml"), context, again="again", find=find)


def ran(**more):
    outcome = runner(**more).run()
    assert outcome.exit_code == 0
    return outcome.ran


def reasons(outcome):
    return {step.stage: step.why for step in outcome.steps if step.why}


def touch(path, seconds=5):
    state = path.stat()
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns + int(seconds * 1e9)))


def quietly(path, content):
    """Other bytes of the same number at the same time."""
    state = path.stat()
    assert len(content) == state.st_size
    path.write_bytes(content)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


def test_new_times_alone_make_raw_files_be_read_again_and_nothing_be_trained_again(data):
    assert ran() == ("check", "masks", "splits", "weights", "train")
    before = tree("build", state=False)
    for path in data.root.rglob("*.png"):
        touch(path)
    assert ran() == RAW
    assert ran() == ()
    assert tree("build", state=False) == before


def test_an_image_with_other_bytes_trains_anew_though_every_mask_is_the_same(data):
    ran()
    data.image("3", seed=99)
    outcome = runner().run()
    assert outcome.ran == (*RAW, "train")
    assert reasons(outcome)["train"] == "images changed"


@pytest.mark.parametrize(("kind", "runs"), [("images", ("train",)), ("masks", ("splits", "weights", "train"))])
def test_what_hides_behind_size_and_time_is_found_by_rehash_alone(data, kind, runs):
    """The last pixel of a BMP file, which is black then."""
    for n in range(6):
        (data.root / f"{kind}/{n}.png").unlink()
        if kind == "images":
            data.image(f"{n}", ending=".bmp", seed=n)
        else:
            data.mask(f"{n}", data.colors[blocks(n)], ending=".bmp")
    ran()
    path = data.root / kind / "3.bmp"
    before = path.read_bytes()
    quietly(path, before[:-3] + b"\0\0\0")
    assert ran() == ()
    outcome = runner(rehash=True).run()
    assert outcome.ran == (*RAW, *runs)
    assert reasons(outcome)["masks"] == "--rehash"
    assert ran(rehash=True) == RAW
    assert ran() == ()


def test_a_class_table_with_other_bytes_runs_what_reads_it_and_an_equal_result_stops_there(data):
    ran()
    table = data.root / "class_dict.csv"
    table.write_text(table.read_text() + "\n")
    outcome = runner().run()
    assert outcome.ran == RAW
    assert reasons(outcome) == dict.fromkeys(RAW, "class table changed")
    touch(table)
    assert ran() == ()


MASK = Path("build/masks/masks/2.png")


def edit(path):
    path.write_bytes(path.read_bytes().replace(b"IDAT", b"IDAX"))


def relabel(path):
    """A whole PNG with other ids."""
    other = path.with_name("3.png").read_bytes()
    assert other != path.read_bytes()
    path.write_bytes(other)


@pytest.mark.parametrize("change", [Path.unlink, edit, relabel], ids=lambda c: c.__name__)
def test_a_mask_that_somebody_changed_is_noticed_and_made_again(data, change):
    ran()
    before = tree("build", state=False)
    change(MASK)
    assert reasons(runner().plan())["masks"] == "output was changed by somebody else: build/masks"
    told = Told()
    assert ran(reporter=told) == ("masks",)
    assert any("1 mask changed or removed by somebody else, such as 2" in line for line in told.said)
    assert tree("build", state=False) == before
    assert ran() == ()


@pytest.mark.parametrize(
    ("name", "stage"),
    [
        ("masks/manifest.jsonl", "masks"),
        ("masks/findings.jsonl", "masks"),
        ("masks/splits/val.txt", "splits"),
        ("masks/weights/class_weights.json", "weights"),
        ("train/model", "train"),
        ("check/summary.json", "check"),
    ],
)
@pytest.mark.parametrize("gone", [True, False], ids=["removed", "edited"])
def test_any_output_that_somebody_changed_is_made_again(data, name, stage, gone):
    ran()
    before = tree("build", state=False)
    path = Path("build") / name
    if gone:
        path.unlink()
    else:
        path.write_text("0\n" + path.read_text())
    assert ran() == (stage,)
    assert tree("build", state=False) == before
    assert ran() == ()


def test_outputs_with_new_times_alone_are_what_they_were(data):
    ran()
    for path in Path("build").rglob("*"):
        if path.is_file() and ".labelprep" not in path.parts:
            touch(path)
    assert ran() == ()


def test_the_lists_of_a_split_stage_that_left_the_spec_go_with_it(data):
    ran()
    Path("spec.yaml").write_text(WITHOUT_SPLITS)
    told = Told()
    assert ran(reporter=told) == ("weights", "train")
    assert list(Path("build/masks/splits").iterdir()) == []
    assert "stage 'splits' is no longer in the spec: its lists in build/masks/splits were removed" in told.said
    told = Told()
    assert ran(reporter=told) == ()
    assert told.said == []


def test_lists_that_somebody_changed_stay_when_their_stage_leaves_and_that_is_said(data):
    ran()
    with Path("build/masks/splits/val.txt").open("a") as file:
        file.write("2\n")
    Path("spec.yaml").write_text(NO_SPLITS)
    told = Told()
    ran(reporter=told)
    assert len(list(Path("build/masks/splits").iterdir())) == 2
    assert [line for line in told.said if "were changed by somebody and stay" in line]


def test_a_split_stage_of_another_name_keeps_its_lists(data):
    ran()
    Path("spec.yaml").write_text(SPEC.replace("splits", "lists"))
    assert ran() == ("lists", "weights", "train")
    assert len(list(Path("build/masks/splits").iterdir())) == 2


def test_lists_made_by_hand_run_what_reads_them(data):
    Path("spec.yaml").write_text(WITHOUT_SPLITS)
    ran()
    Path("build/masks/splits").mkdir()
    Path("build/masks/splits/train.txt").write_text("1\n2\n")
    outcome = runner().run()
    assert outcome.ran == ("weights", "train")
    assert reasons(outcome)["weights"] == "splits changed"


def test_a_class_table_that_changes_while_a_stage_runs_is_noticed(data):
    table = data.root / "class_dict.csv"

    def meddling(use):
        stage = find(use)
        if use != "convert":
            return stage

        def run(params, inputs, context):
            result = stage.run(params, inputs, context)
            table.write_text(table.read_text() + "\n")
            return result

        return SimpleNamespace(VERSION=stage.VERSION, run=run)

    told = Told()
    outcome = runner(find=meddling, reporter=told).run()
    assert (outcome.exit_code, outcome.ran) == (3, RAW)
    assert "class table changed while stage 'masks' ran" in told.said
    assert ran() == ("check", "masks", "splits", "weights", "train")


def test_what_force_asked_for_is_done_by_the_run_that_goes_on(data):
    ran()

    def stopping(use):
        if use == "convert":
            return SimpleNamespace(VERSION=find_stage(use).VERSION, run=interrupted)
        return find(use)

    def interrupted(*_):
        raise KeyboardInterrupt

    with pytest.raises(InterruptedRunError):
        runner(find=stopping).run(force=True)
    outcome = runner().run()
    assert outcome.ran == ("masks", "splits", "weights", "train")
    assert reasons(outcome) == {
        "masks": "did not finish last time",
        **dict.fromkeys(("splits", "weights", "train"), "--force was stopped last time"),
    }


def test_a_set_of_random_masks_has_an_identity_of_its_own(data):
    """The identity of what was read is that of bytes: another order of the same masks is another set."""
    ran()
    before = Path("build/train/model").read_text()
    one, two = data.root / "masks/1.png", data.root / "masks/2.png"
    first, second = one.read_bytes(), two.read_bytes()
    assert not np.array_equal(first, second)
    one.write_bytes(second)
    two.write_bytes(first)
    ran()
    assert Path("build/train/model").read_text() != before

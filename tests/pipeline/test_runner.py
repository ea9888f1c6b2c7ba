"""What runs, what does not, and why: with tiny stages that note when they are called."""

import hashlib
import json
import os
import platform
import subprocess
import sys
from types import SimpleNamespace

import pytest

from labelprep.errors import EnvironmentFailure, InterruptedRunError, UsageError
from labelprep.pipeline import Chain, Runner
from labelprep.spec import read_spec
from labelprep.stages import RunContext, StageResult
from labelprep.storage.lock import exclusive

SPEC = """\
dataset: {root: raw}
stages:
  check:   {use: validate}
  masks:   {use: convert, out: run/masks, on_unknown: {nearest: 3}}
  splits:  {use: split, from: masks}
  weights: {use: weights, from: [masks, splits], method: inverse}
  train:   {use: train, from: [masks, splits], weights: weights}
  eval:    {use: eval, from: train}
  report:  {use: report, from: [masks, eval]}
"""
ALL = ("check", "masks", "splits", "weights", "train", "eval", "report")


class Workshop:
    """Fake stages whose result is a digest of their parameters and inputs, on disk as one small file each."""

    def __init__(self):
        self.called, self.contexts, self.params, self.inputs = [], {}, {}, {}
        self.versions, self.exit_codes, self.errors = {}, {}, {}
        self.files = "one"  # stands for the raw files
        self.same_result = set()  # uses whose result depends on nothing
        self.messages = []

    def find(self, use):
        def run(params, inputs, context):
            self.called.append(use)
            self.contexts[use], self.params[use], self.inputs[use] = context, params, inputs
            if use in self.errors:
                raise self.errors[use]
            told = (
                [] if use in self.same_result else [repr(params), [r.identity for _, r in inputs.results], self.files]
            )
            out = params.out or inputs.folder("convert", use) / use
            out.mkdir(parents=True, exist_ok=True)
            identity = hashlib.sha256(json.dumps(told).encode()).hexdigest()
            return StageResult(out, identity, {"use": use}, self.exit_codes.get(use, 0))

        return SimpleNamespace(VERSION=self.versions.get(use, 1), run=run)

    def progress(self, *_, **__):
        pass

    def message(self, text):
        self.messages.append(text)


@pytest.fixture
def shop(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "spec.yaml").write_text(SPEC)
    return Workshop()


def runner(shop, *overrides):
    chain = Chain.of(read_spec("spec.yaml", overrides), "spec.yaml")
    context = RunContext(reporter=shop)
    return Runner(chain, context, again="labelprep run spec.yaml", find=shop.find, fingerprint=lambda _: shop.files)


def run(shop, *overrides, names=(), force=False):
    return runner(shop, *overrides).run(names, force=force)


def reasons(outcome):
    return {step.stage: step.why for step in outcome.steps if step.why}


def test_the_first_run_runs_all_and_the_second_nothing(shop):
    first = run(shop)
    assert first.ran == ALL
    assert set(reasons(first).values()) == {"never run"}
    second = run(shop)
    assert (second.ran, second.exit_code) == ((), 0)
    assert [step.state for step in second.steps] == ["up to date"] * 7
    assert second.steps[-1].result.summary == {"use": "report"}


def test_what_a_finished_stage_could_not_remove_goes_with_the_next_run(shop):
    masks = next(step.result.out for step in run(shop).steps if step.use == "convert")
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    left = [masks / f".{'0' * 16}.{gone.pid}.tmp", masks / ".labelprep" / f".{'1' * 16}.{gone.pid}.tmp"]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert run(shop).ran == ()
    assert [path for path in left if path.exists()] == []


def test_a_changed_weights_option_runs_weights_train_eval_and_report_alone(shop):
    run(shop)
    again = run(shop, "weights.method=enet")
    assert again.ran == ("weights", "train", "eval", "report")
    assert reasons(again) == {
        "weights": "method: inverse -> enet",
        "train": "result of weights changed",
        "eval": "result of train changed, result of weights changed",
        "report": "result of eval changed, result of train changed, result of weights changed",
    }


def test_a_stage_whose_inputs_come_out_the_same_is_left_alone(shop):
    shop.same_result = {"weights"}
    run(shop)
    assert run(shop, "weights.method=enet").ran == ("weights",)


def test_changed_sources_run_what_reads_them_and_what_depends_on_it(shop):
    shop.same_result = {"convert"}
    run(shop)
    shop.files = "two"
    again = run(shop)
    assert reasons(again)["masks"] == "source files changed"
    assert "weights" not in again.ran  # the masks came out the same
    assert "train" not in again.ran
    assert (shop.contexts["convert"].overwrite, shop.contexts["convert"].chained) == (False, True)


@pytest.mark.parametrize(
    ("override", "stage", "why"),
    [
        ("masks.on_unknown=ignore", "masks", "on_unknown: nearest:3 -> ignore"),
        ("dataset.limit=3", "check", "limit: none -> 3"),
        ("train.out=elsewhere", "train", "out: run/train -> elsewhere"),
        ("eval.from=[train, masks]", "eval", None),
        ("report.out=elsewhere", "report", "out: run/report -> elsewhere"),
    ],
)
def test_the_reason_names_what_changed(shop, override, stage, why):
    run(shop)
    assert reasons(run(shop, override)).get(stage) == why


def test_a_new_version_of_a_stages_code_runs_it(shop):
    run(shop)
    shop.versions["report"] = 2
    assert reasons(run(shop)) == {"report": "labelprep's own code changed (version 1 -> 2)"}


def test_a_changed_class_table_runs_what_reads_the_raw_masks(shop, tmp_path):
    table = tmp_path / "street.yaml"
    table.write_text("a")
    run(shop, "dataset.classes=street.yaml")
    table.write_text("b")
    plan = runner(shop, "dataset.classes=street.yaml").plan()
    assert reasons(plan)["check"] == reasons(plan)["masks"] == "class table changed"


def test_a_missing_output_is_made_again(shop, tmp_path):
    run(shop)
    (tmp_path / "run/eval").rmdir()
    again = run(shop)
    assert reasons(again) == {"eval": "output is missing: run/eval"}


def test_a_dry_run_tells_the_same_and_touches_nothing(shop, tmp_path):
    assert reasons(runner(shop).plan()) == dict.fromkeys(ALL, "never run")
    assert [path.name for path in tmp_path.iterdir()] == ["spec.yaml"]
    run(shop)
    before = sorted((path, path.stat().st_mtime_ns) for path in tmp_path.rglob("*"))
    plan = runner(shop, "splits.seed=1").plan()
    assert reasons(plan) == {
        "splits": "seed: 0 -> 1",
        "weights": "because splits runs",
        "train": "because splits runs, because weights runs",
        "eval": "because train runs",
        "report": "because eval runs",
    }
    assert [step.state for step in plan.steps[:3]] == ["up to date", "up to date", "would run"]
    assert sorted((path, path.stat().st_mtime_ns) for path in tmp_path.rglob("*")) == before


def test_a_dry_run_of_a_new_spec_needs_no_dataset(shop):
    def missing(_):
        raise UsageError("no dataset")

    chain = Chain.of(read_spec("spec.yaml"), "spec.yaml")
    plan = Runner(chain, RunContext(), again="", find=shop.find, fingerprint=missing).plan()
    assert len(reasons(plan)) == 7


def test_named_stages_run_with_what_they_need_and_no_more(shop):
    assert run(shop, names=["weights"]).ran == ("masks", "splits", "weights")
    assert run(shop, names=["eval"]).ran == ("train", "eval")


def test_force_runs_all_or_the_named_ones(shop):
    run(shop)
    forced = run(shop, names=["weights"], force=True)
    assert (forced.ran, reasons(forced)) == (("weights",), {"weights": "--force"})
    assert shop.contexts["weights"].overwrite
    assert run(shop, force=True).ran == ALL


def test_an_unknown_stage_is_named_with_the_nearest(shop):
    with pytest.raises(UsageError, match=r"no stage named 'wieghts'; there are: check, .*; did you mean 'weights'\?"):
        run(shop, names=["wieghts"])


@pytest.mark.parametrize("code", [1, 3])
def test_a_stage_with_findings_stops_the_chain_with_its_exit_code(shop, code):
    shop.exit_codes["convert"] = code
    outcome = run(shop)
    assert outcome.exit_code == code
    assert [step.state for step in outcome.steps] == ["ran", "failed", *["not reached"] * 5]
    assert shop.called == ["validate", "convert"]
    how = {1: "found what it must not let pass", 3: "finished in part"}[code]
    assert shop.messages[-1].splitlines()[0] == (
        f"stage 'masks' {how}; later stages were left as they are. Mend it and go on with: labelprep run spec.yaml"
    )
    assert ("go on without the rest: labelprep run spec.yaml --keep-going" in shop.messages[-1]) == (code == 3)
    shop.exit_codes.clear()
    again = run(shop)
    assert again.ran == ALL[1:]
    assert reasons(again)["masks"] == f"ended with exit code {code} last time"


def test_an_error_leaves_later_stages_untouched_and_the_next_run_goes_on(shop):
    shop.errors["weights"] = UsageError("no such split")
    with pytest.raises(UsageError, match="no such split"):
        run(shop)
    assert "stage 'weights' failed" in shop.messages[-1]
    shop.errors.clear()
    again = run(shop)
    assert again.ran == ("weights", "train", "eval", "report")
    assert reasons(again)["weights"] == "did not finish last time"


def test_a_stop_by_the_user_says_how_to_go_on(shop):
    shop.errors["convert"] = KeyboardInterrupt()
    with pytest.raises(InterruptedRunError, match="stopped in stage 'masks'") as caught:
        run(shop)
    assert (caught.value.hint, caught.value.exit_code) == ("labelprep run spec.yaml", 130)


def test_a_stage_may_replace_what_the_chain_wrote_there_and_nothing_else(shop):
    run(shop)
    assert not shop.contexts["convert"].chained
    run(shop, "dataset.alpha=ignore")
    assert (shop.contexts["convert"].overwrite, shop.contexts["convert"].chained) == (False, True)
    run(shop, "dataset.alpha=ignore", "masks.out=run/other")
    assert not shop.contexts["convert"].chained


def test_keep_going_goes_on_behind_a_stage_that_finished_in_part(shop):
    shop.exit_codes["convert"] = 3
    outcome = runner(shop).run(keep_going=True)
    assert (outcome.ran, outcome.exit_code) == (ALL, 3)
    shop.exit_codes["validate"] = 1
    outcome = runner(shop).run(keep_going=True, force=True)
    assert (outcome.ran, outcome.exit_code) == (ALL, 1)


@pytest.mark.parametrize("how", [1, UsageError("no such split")], ids=["findings", "error"])
def test_keep_going_goes_past_a_stage_that_failed_with_what_does_not_need_it(shop, how):
    if isinstance(how, int):
        shop.exit_codes["weights"] = how
    else:
        shop.errors["weights"] = how
    outcome = runner(shop, "report.from=masks").run(keep_going=True)
    states = {step.stage: step.state for step in outcome.steps}
    assert states == {
        **dict.fromkeys(("check", "masks", "splits", "report"), "ran"),
        "weights": "failed",
        "train": "not reached",
        "eval": "not reached",
    }
    assert reasons(outcome)["eval"] == "weights failed"
    assert outcome.exit_code == (1 if isinstance(how, int) else 2)
    shop.exit_codes.clear()
    shop.errors.clear()
    assert run(shop, "report.from=masks").ran == ("weights", "train", "eval")


def test_stages_get_their_dataset_their_inputs_and_folders_for_names(shop):
    run(shop, "eval.checkpoint=train", "report.sources=[eval, spec.yaml]")
    assert shop.contexts["validate"].dataset.on_unknown == "error"
    assert shop.contexts["convert"].dataset.on_unknown == "nearest:3"
    assert shop.contexts["weights"].dataset is None
    assert shop.params["train"].out.as_posix() == "run/train"
    assert shop.params["train"].weights.as_posix() == "run/masks/weights"
    assert shop.params["eval"].checkpoint.as_posix() == "run/train"
    assert [path.as_posix() for path in shop.params["report"].sources] == ["run/eval", "spec.yaml"]
    assert [use for use, _ in shop.inputs["train"].results] == ["weights", "convert", "split"]
    assert shop.inputs["report"].folder("convert", "report").as_posix() == "run/masks"


def test_the_run_folder_is_the_specs_or_the_masks_or_named_after_the_spec(shop):
    folders = [
        Chain.of(read_spec("spec.yaml", overrides), "a/spec.yaml").folder.as_posix()
        for overrides in (["out=mine"], [], ["masks.out="])
    ]
    assert folders == ["mine", "run", "build/spec"]


def test_a_damaged_record_counts_as_none(shop, tmp_path):
    run(shop)
    (tmp_path / "run/.labelprep/run.lock.json").write_text("{")
    assert run(shop).ran == ALL


def test_only_one_run_at_a_time_has_the_folder(shop, tmp_path):
    with exclusive(tmp_path / "run"), pytest.raises(EnvironmentFailure) as caught:
        run(shop)
    assert caught.value.message == f"another run (process {os.getpid()} on {platform.node()}) works in run"
    assert caught.value.exit_code == 4
    assert run(shop).ran == ALL


def test_a_killed_run_leaves_no_lock_behind(shop, tmp_path):
    code = "import os, pathlib, labelprep.storage.lock as l; l.exclusive(pathlib.Path('run')).__enter__(); os._exit(9)"
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False).returncode == 9
    assert run(shop).ran == ALL

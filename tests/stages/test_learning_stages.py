"""train, eval and predict as stages: one small chain, as `pipeline` would call them."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest

from labelprep.errors import MissingExtraError, UsageError
from labelprep.spec import EvalStage, PredictStage, TrainStage
from labelprep.stages import Inputs, RunContext, StageResult
from labelprep.stages import eval as eval_stage
from labelprep.stages import predict as predict_stage
from labelprep.stages import train as train_stage
from labelprep.weights import ClassWeights
from tests.learning.conftest import draw, write_prepared


class Listener:
    def __init__(self):
        self.said, self.seen = [], []

    def progress(self, what, done, total, **figures):
        self.seen.append((what, done, total))

    def message(self, text):
        self.said.append(text)


TRAIN = {"model": "single_conv", "epochs": 3, "batch_size": 4, "lr": 0.05, "device": "cpu"}


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    """A prepared folder, weights, and the results of train, eval, predict."""
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("chain")
    drawings = {f"{split}/{i}": draw(i) for split in ("train", "val") for i in range(4)}
    prepared = write_prepared(root, drawings, {key: key.split("/")[0] for key in drawings})
    weights = root / "prepared" / "weights" / "class_weights.json"
    ClassWeights.of(prepared.counts("train"), prepared.table).save(weights)
    before = (("weights", StageResult(weights, "", {})), ("convert", StageResult(prepared.root, "", {})))
    listener = Listener()
    context = RunContext(reporter=listener)
    trained = train_stage.run(TrainStage(**TRAIN, out=root / "train"), Inputs(before), context)
    after = Inputs((("train", trained), *before))
    scored = eval_stage.run(EvalStage(out=root / "eval", device="cpu", entropy_maps=1), after, context)
    images = PredictStage(images=root / "source" / "images" / "val", out=root / "predict", device="cpu")
    predicted = predict_stage.run(images, after, context)
    return SimpleNamespace(**locals())


def test_train_takes_folder_and_weights_from_the_stages_before(chain):
    assert chain.trained.out == chain.root / "train"
    facts = json.loads((chain.trained.out / "run.json").read_text())
    assert facts["class_weights"] == list(ClassWeights.load(chain.weights).weights)
    summary = chain.trained.summary
    assert {"best_epoch", "best_miou", "epochs", "parameters"} <= set(summary)
    assert summary["metrics"]["mean_iou"] == summary["best_miou"]
    json.dumps(summary, allow_nan=False)


def test_every_epoch_is_told_with_the_accuracy_of_training_and_validation(chain):
    lines = [line for line in chain.listener.said if line.startswith("epoch ")]
    assert len(lines) == 3
    assert "pixel accuracy" in lines[0]
    assert "(validation" in lines[0]
    assert {what for what, *_ in chain.listener.seen} >= {"epoch 1/3", "validating 1/3", "evaluating", "predicting"}


def test_eval_scores_the_model_of_the_train_stage(chain):
    summary = chain.scored.summary
    assert summary["split"] == "val"
    assert summary["metrics"]["mean_iou"] == pytest.approx(chain.trained.summary["best_miou"], abs=1e-3)
    assert summary["metrics"]["mean_iou"] > summary["baseline"]["mean_iou"] + 0.3
    assert "baseline" not in summary["metrics"]
    json.dumps(summary, allow_nan=False)


def test_scoring_the_written_masks_gives_the_figures_of_the_model_without_torch(chain, tmp_path, monkeypatch):
    monkeypatch.setattr("labelprep.stages.eval.require_torch", lambda: pytest.fail("torch was asked for"))
    identities = set()
    for pred in (chain.root / "eval", chain.root / "eval" / "predictions"):
        params = EvalStage(pred=pred, data=chain.prepared.root, out=tmp_path)
        result = eval_stage.run(params, Inputs(), RunContext())
        beyond = {"uncertainty", "suspects"}  # what masks do not tell
        assert result.summary == {n: v for n, v in chain.scored.summary.items() if n not in beyond}
        identities.add(result.identity)
    assert len(identities) == 1
    for name in ("per_class.csv", "per_image.npy"):
        assert (tmp_path / name).read_bytes() == (chain.root / "eval" / name).read_bytes()
    assert np.array_equal(np.load(tmp_path / "confusion.npy"), np.load(chain.root / "eval" / "confusion.npy"))
    assert (tmp_path / "metrics.json").read_text() == (chain.root / "eval" / "metrics.json").read_text()
    sample = json.loads((tmp_path / "samples.jsonl").read_text().splitlines()[0])
    assert (tmp_path / sample["prediction"]).is_file()
    assert (tmp_path / sample["truth"]).is_file()


def test_scoring_masks_without_a_folder_to_write_leaves_nothing_behind(chain):
    before = sorted(chain.root.rglob("*"))
    params = EvalStage(pred=chain.root / "eval", data=chain.prepared.root)
    result = eval_stage.run(params, Inputs(), RunContext())
    assert result.out is None
    assert result.summary["metrics"] == chain.scored.summary["metrics"]
    assert sorted(chain.root.rglob("*")) == before


def test_a_model_without_a_folder_to_write_is_scored_beside_its_checkpoint(chain, tmp_path):
    (tmp_path / "best.pt").write_bytes((chain.trained.out / "best.pt").read_bytes())
    params = EvalStage(checkpoint=tmp_path / "best.pt", data=chain.prepared.root, device="cpu")
    assert eval_stage.run(params, Inputs(), RunContext()).out == tmp_path / "eval"


def test_a_model_and_a_folder_of_predictions_at_once_are_refused(chain):
    params = EvalStage(checkpoint=chain.trained.out, pred=chain.root / "eval", data=chain.prepared.root)
    with pytest.raises(UsageError, match="both a checkpoint and a folder"):
        eval_stage.run(params, Inputs(), RunContext())


def test_the_identity_of_train_is_that_of_the_weights_alone(chain, tmp_path):
    params = TrainStage(**TRAIN, out=tmp_path / "elsewhere")
    again = train_stage.run(params, Inputs(chain.before), RunContext())
    assert again.identity == chain.trained.identity
    params = TrainStage(**TRAIN | {"seed": 1}, out=tmp_path / "other")
    assert train_stage.run(params, Inputs(chain.before), RunContext()).identity != again.identity


def test_predict_paints_what_the_evaluation_painted_and_fails_in_part(chain, tmp_path):
    for path in (chain.root / "predict" / "predictions").iterdir():
        wanted = chain.root / "eval" / "predictions" / "val" / path.name
        assert path.read_bytes() == wanted.read_bytes()
    assert chain.predicted.exit_code == 0
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "bad.png").write_bytes(b"no image")
    params = PredictStage(checkpoint=str(chain.trained.out), images=tmp_path / "in", out=tmp_path / "out", device="cpu")
    listener = Listener()
    result = predict_stage.run(params, Inputs(), RunContext(reporter=listener))
    assert result.exit_code == 3
    assert "bad.png" in listener.said[0]


@pytest.mark.parametrize(
    ("stage", "params"),
    [
        (train_stage, TrainStage(data="x", out="y")),
        (eval_stage, EvalStage(checkpoint="c", data="x", out="y")),
        (predict_stage, PredictStage(checkpoint="c", images="x", out="y")),
    ],
    ids=["train", "eval", "predict"],
)
def test_without_torch_the_extra_to_install_is_named(stage, params, chain, monkeypatch):
    monkeypatch.setattr("labelprep.stages._learning.find_spec", lambda name: None)
    if stage is eval_stage:
        params = params.model_copy(update={"data": chain.prepared.root})
    with pytest.raises(MissingExtraError, match="this needs torch") as caught:
        stage.run(params, Inputs(), RunContext())
    assert 'labelprep[train]"' in caught.value.hint


def test_a_model_of_ones_own_is_scored_where_its_function_is_named_again(chain, tmp_path):
    own = "tests.learning.networks:noisy"
    params = TrainStage(**TRAIN | {"model": own}, out=tmp_path / "run")
    train_stage.run(params, Inputs(chain.before), RunContext())
    words = {"checkpoint": tmp_path / "run", "data": chain.prepared.root, "device": "cpu", "bootstrap": 0}
    with pytest.raises(UsageError, match=own):
        eval_stage.run(EvalStage(**words), Inputs(), RunContext())
    result = eval_stage.run(EvalStage(**words, own_model=own), Inputs(), RunContext())
    assert result.summary["metrics"]["pixels"] > 0

from dataclasses import fields
from pathlib import Path

import pytest

from labelprep.learning.options import EvalOptions, PredictOptions, TrainOptions
from labelprep.spec import EvalStage, PredictStage, TrainStage, read_spec

APART = {"use", "from_", "out", "data", "checkpoint", "pred", "own_model"}


@pytest.mark.parametrize(
    ("options", "stage", "arguments"),
    [(TrainOptions, TrainStage, set()), (EvalOptions, EvalStage, set()), (PredictOptions, PredictStage, {"images"})],
)
def test_options_have_the_words_and_defaults_of_the_stage(options, stage, arguments):
    mine = {field.name: field.default for field in fields(options)}
    theirs = {name: field.default for name, field in stage.model_fields.items() if name not in APART | arguments}
    assert mine == theirs


def test_plain_options_hold_nothing_of_the_place():
    plain = TrainOptions(resize=(8, 9), images="somewhere", weights="w.json", device="cuda:1", workers=3).plain()
    assert plain["resize"] == [8, 9]
    assert not {"images", "weights", "device", "workers"} & set(plain)


def test_options_are_told_as_a_spec_of_one_stage(tmp_path):
    options = TrainOptions(model="unet_small", crop=(8, 9), ema=0.5, loss="0.5*ce+dice", device="cpu", images=Path("x"))
    (tmp_path / "train.yaml").write_text(options.spec(str(tmp_path)))
    (stage,) = read_spec(tmp_path / "train.yaml").stages.values()
    words = {"model": "unet_small", "crop": (8, 9), "ema": 0.5, "loss": "0.5*ce+dice", "device": "cpu", "images": "x"}
    assert stage == TrainStage(**words, data=tmp_path)


def test_the_split_that_is_meant():
    assert EvalOptions(split="test").split_of(("train", "val")) == "test"
    assert EvalOptions().split_of(("train", "val")) == "val"
    assert EvalOptions().split_of(("train",)) is None

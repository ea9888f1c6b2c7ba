from dataclasses import fields

import pytest

from labelprep.learning.options import EvalOptions, PredictOptions, TrainOptions
from labelprep.spec import EvalStage, PredictStage, TrainStage

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


def test_the_split_that_is_meant():
    assert EvalOptions(split="test").split_of(("train", "val")) == "test"
    assert EvalOptions().split_of(("train", "val")) == "val"
    assert EvalOptions().split_of(("train",)) is None

from dataclasses import replace

import pytest

from labelprep.errors import UsageError
from labelprep.learning.models import create_model
from labelprep.learning.options import TrainOptions
from labelprep.learning.training.optim import make_optimizer, parameter_groups

OPTIONS = TrainOptions(lr=0.1, lr_backbone=0.01)


@pytest.mark.parametrize("name", ["lraspp_mobilenet_v3_large", "fcn_resnet50", "tests.learning.networks:two_heads"])
def test_every_parameter_is_in_one_group_and_the_backbone_has_its_own_rate(name):
    model = create_model(name, 3)
    head, backbone = parameter_groups(model, OPTIONS)
    names = {id(value): key for key, value in model.named_parameters()}
    assert sorted(id(value) for group in (head, backbone) for value in group["params"]) == sorted(names)
    assert {names[id(value)].split(".")[1] for value in backbone["params"]} == {"backbone"}
    assert all("backbone" not in names[id(value)] for value in head["params"])
    rates = [group["lr"] for group in make_optimizer(model, OPTIONS).param_groups]
    assert rates == [0.1, 0.01]


def test_a_model_without_a_backbone_has_no_rate_for_it():
    with pytest.raises(UsageError, match="unet_small has no part named backbone or encoder"):
        make_optimizer(create_model("unet_small", 3), OPTIONS)
    (group,) = make_optimizer(create_model("unet_small", 3), replace(OPTIONS, lr_backbone=None)).param_groups
    assert group["lr"] == 0.1

import importlib.util

import pytest
import torch

from labelprep.errors import EnvironmentFailure, UsageError
from labelprep.learning.checkpoint import Checkpoint, load_trained
from labelprep.learning.models import create_model
from labelprep.learning.train import train
from tests.learning.conftest import QUICK

OWN = "tests.learning.networks:"
INSTALLED = importlib.util.find_spec("segmentation_models_pytorch") is not None


def test_a_function_of_somebodys_module_makes_a_model():
    model = create_model(f"{OWN}two_heads", 3).eval()
    with torch.inference_mode():
        assert [tuple(logits.shape) for logits in model.outputs(torch.randn(2, 3, 10, 12))] == [(2, 3, 10, 12)] * 2


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (f"{OWN}absent", "has no attribute 'absent'"),
        ("no_such_package.models:make", "No module named 'no_such_package'"),
        (f"{OWN}no_module", "gave int, expected a torch.nn.Module"),
        (f"{OWN}smaller", r"gives \[\(1, 3, 31, 31\)\] .*expected \(1, 3, 64, 64\)"),
        (f"{OWN}failing", "fails on an image of 64 x 64"),
    ],
)
def test_what_is_no_model_is_told_before_training(name, message):
    with pytest.raises(UsageError, match=message):
        create_model(name, 3)


def test_an_own_model_has_no_published_weights():
    with pytest.raises(UsageError, match="loads its own weights"):
        create_model(f"{OWN}noisy", 3, "DEFAULT")


def test_a_checkpoint_runs_no_code_that_was_not_asked_for(street, tmp_path):
    from dataclasses import replace

    train(street.prepared, tmp_path, replace(QUICK, model=f"{OWN}noisy", epochs=1))
    with pytest.raises(UsageError, match=r"wants the function tests\.learning\.networks:noisy to be run") as caught:
        load_trained(tmp_path, torch.device("cpu"))
    assert f"--own-model {OWN}noisy" in caught.value.hint
    with pytest.raises(UsageError):
        load_trained(tmp_path, torch.device("cpu"), own_model=f"{OWN}two_heads")
    trained = load_trained(tmp_path, torch.device("cpu"), own_model=f"{OWN}noisy")
    assert torch.equal(trained.model.state_dict()["net.0.weight"], Checkpoint.load(tmp_path).state["net.0.weight"])


@pytest.mark.skipif(INSTALLED, reason="segmentation_models.pytorch is installed")
def test_what_is_not_installed_is_told():
    with pytest.raises(EnvironmentFailure, match=r"smp:Unet/resnet18 needs segmentation_models\.pytorch") as caught:
        create_model("smp:Unet/resnet18", 3)
    assert "pip install segmentation-models-pytorch" in caught.value.hint


@pytest.mark.skipif(not INSTALLED, reason="segmentation_models.pytorch is not installed")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["smp:Unet/resnet18", "smp:FPN/tu-resnet10t"])
def test_models_and_encoders_of_segmentation_models_pytorch(name, street, tmp_path):
    from dataclasses import replace

    model = create_model(name, 5).eval()
    with torch.inference_mode():
        assert model(torch.randn(2, 3, 37, 50)).shape == (2, 5, 37, 50)
    train(street.prepared, tmp_path, replace(QUICK, model=name, epochs=1, lr=0.01, lr_backbone=0.001))
    assert load_trained(tmp_path, torch.device("cpu")).model.parameter_count() > 10**6
    for wrong in ("smp:Nothing/resnet18", "smp:Unet/nothing18"):
        with pytest.raises(UsageError, match="has no"):
            create_model(wrong, 5)

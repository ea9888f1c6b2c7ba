from urllib.error import URLError

import pytest
import torch

from labelprep.errors import EnvironmentFailure, UsageError
from labelprep.learning import models
from labelprep.learning.models import MODELS, create_model, published_model

SMALL = ("single_conv", "unet_small", "lraspp_mobilenet_v3_large", "deeplabv3_mobilenet_v3_large", "fcn_resnet50")


def test_the_spec_offers_the_models_there_are():
    from labelprep.spec.training import MODEL_NAMES

    assert set(MODEL_NAMES) == set(MODELS)


@pytest.mark.parametrize("name", SMALL)
def test_logits_have_a_channel_per_class_and_the_size_of_the_image(name):
    model = create_model(name, 5).eval()
    with torch.inference_mode():
        assert model(torch.randn(2, 3, 37, 50)).shape == (2, 5, 37, 50)


def test_the_baseline_has_644_parameters_at_23_classes():
    assert create_model("single_conv", 23).parameter_count() == 644


def test_the_small_u_net_sees_an_image_alike_alone_or_in_a_batch():
    torch.manual_seed(0)
    model = create_model("unet_small", 3).train()
    images = torch.randn(3, 3, 16, 16)
    together = model(images)
    alone = torch.cat([model(image[None]) for image in images])
    torch.testing.assert_close(together, alone)


def test_padding_leaves_the_logits_of_the_image_alone():
    model = create_model("unet_small", 3).eval()
    images = torch.randn(1, 3, 13, 9)
    padded = torch.nn.functional.pad(images, (0, 7, 0, 3), mode="replicate")
    with torch.inference_mode():
        torch.testing.assert_close(model(images), model.net(padded)[..., :13, :9])


def test_an_unknown_model_is_refused_with_the_list():
    with pytest.raises(UsageError, match=r"no model named 'unet'; there are: deeplabv3_.*unet_small"):
        create_model("unet", 3)
    with pytest.raises(UsageError, match="no segmentation model named 'resnet18'; there are: deeplabv3"):
        published_model("resnet18")


def test_own_models_have_no_published_weights():
    with pytest.raises(UsageError, match="unet_small has no published weights"):
        create_model("unet_small", 3, pretrained="DEFAULT")


def test_published_weights_have_torchvisions_own_names():
    with pytest.raises(UsageError, match="fcn_resnet50 has no published weights named 'NOPE'") as caught:
        create_model("fcn_resnet50", 3, "NOPE")
    assert "IMAGENET1K_V1" in caught.value.hint


@pytest.mark.parametrize("error", [URLError("no route to host"), RuntimeError('invalid hash value (expected "a")')])
def test_weights_that_cannot_be_fetched_are_a_failure_of_the_environment(monkeypatch, error):
    def get_model(*_, **__):
        raise error

    monkeypatch.setattr(models.tv, "get_model", get_model)
    with pytest.raises(EnvironmentFailure, match="the published weights cannot be fetched") as caught:
        create_model("fcn_resnet50", 3, pretrained="DEFAULT")
    assert "checkpoints" in caught.value.hint
    with pytest.raises(EnvironmentFailure):
        published_model("deeplabv3_resnet101")

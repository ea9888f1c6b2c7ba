"""Numbers that other libraries' own code gave, and how they come out of ours.

`python -m pytest -m chaos -k peer_numbers` asks those libraries again, where they are installed.
"""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from labelprep.learning.loss_options import LossOptions  # noqa: E402
from labelprep.learning.losses import parse_loss  # noqa: E402

C = 4
WEIGHTS = (0.5, 2.0, 1.0, 0.25)


def case(ignored=True):
    """Logits (2, 4, 6, 7), labels without class 3; the same on any machine, without a generator."""
    b, c, h, w = torch.meshgrid(torch.arange(2), torch.arange(C), torch.arange(6), torch.arange(7), indexing="ij")
    logits = ((37 * b + 101 * c + 53 * h + 29 * w + 7 * c * h + 11 * w * h) % 97).double() / 16 - 3
    b, h, w = b[:, 0], h[:, 0], w[:, 0]
    labels = (5 * h + 3 * w + b + h * w // 4) % 3
    return logits, torch.where((h + 2 * w + b) % 5 == 0, 255, labels) if ignored else labels


@dataclass(frozen=True)
class Number:
    """A number of a peer, the loss and options of ours that give it, and a way to ask the peer again."""

    value: float
    text: str
    options: LossOptions
    ask: Callable[[Any, Any], Any]
    weights: tuple[float, ...] | None = None
    ignored: bool = True
    rel: float = 1e-9


def keras(name, **words):
    def ask(logits, labels):
        place = importlib.util.find_spec("segmentation_models")
        if place is None:
            pytest.skip("segmentation_models is not installed")
        path = Path(place.origin).parent / "base" / "functional.py"
        spec = importlib.util.spec_from_file_location("keras_functional", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)

        def over(function):
            return lambda x, axis=None: function(x, axis=None if axis is None else axis if axis == 0 else tuple(axis))

        backend = SimpleNamespace(sum=over(np.sum), mean=over(np.mean), image_data_format=lambda: "channels_last")
        truth = torch.nn.functional.one_hot(labels, C).numpy().astype(float)
        probabilities = torch.softmax(logits, 1).movedim(1, -1).numpy()
        return 1 - getattr(module, name)(truth, probabilities, backend=backend, **words)

    return ask


def smp(name, **words):
    def ask(logits, labels):
        losses = pytest.importorskip("segmentation_models_pytorch").losses
        kind = torch.float32 if name == "LovaszLoss" else torch.float64  # the one that it goes with
        return getattr(losses, name)("multiclass", ignore_index=255, **words)(logits.to(kind), labels)

    return ask


def monai(name, weight=None, **words):
    def ask(logits, labels):
        losses = pytest.importorskip("monai.losses")
        more = {} if weight is None else {"weight": torch.tensor(weight, dtype=torch.float64)}
        loss = getattr(losses, name)(softmax=True, to_onehot_y=True, **words, **more)
        return loss(logits, labels.unsqueeze(1))

    return ask


def kornia(name, **words):
    def ask(logits, labels):
        return getattr(pytest.importorskip("kornia.losses"), name)(logits, labels, **words)

    return ask


def not_packaged(logits, labels):
    pytest.skip("there is no package of it")


W = torch.tensor(WEIGHTS, dtype=torch.float64)
SMP, MONAI, KERAS, DEEPLAB = (LossOptions(compat=word) for word in ("smp", "monai", "keras", "deeplab"))
MONAI_IMAGE = LossOptions(compat="monai", dice_reduction="image")

# segmentation_models 1.0.1, base/functional.py with NumPy as its backend: 1 minus the score, as in its losses.py
OF_KERAS = {
    "f_score, beta 2": Number(
        0.8103970678164719, "dice", LossOptions(compat="keras", dice_beta=2.0), keras("f_score", beta=2), ignored=False
    ),
    "f_score, per image, weights": Number(
        0.7724690054168757,
        "dice",
        LossOptions(compat="keras", dice_reduction="image"),
        keras("f_score", per_image=True, class_weights=np.array(WEIGHTS)),
        WEIGHTS,
        ignored=False,
    ),
    "iou_score, weights": Number(
        0.8626834419216196,
        "jaccard",
        KERAS,
        keras("iou_score", class_weights=np.array(WEIGHTS)),
        WEIGHTS,
        ignored=False,
    ),
}
# segmentation_models_pytorch 0.6.0
OF_SMP = {
    "Dice": Number(0.5312506324142798, "dice", SMP, smp("DiceLoss")),
    "Dice, weights": Number(0.6550914695228027, "dice", SMP, smp("DiceLoss", class_weights=list(WEIGHTS)), WEIGHTS),
    "Dice, smooth, classes": Number(
        0.32336658185914613,
        "dice",
        LossOptions(compat="smp", dice_smooth=1.5, dice_classes=("1", "3")),
        smp("DiceLoss", smooth=1.5, classes=[1, 3]),
    ),
    "Jaccard": Number(0.6218988533168404, "jaccard", SMP, smp("JaccardLoss")),
    "Tversky, weights": Number(
        0.6699185065633486,
        "tversky",
        SMP,
        smp("TverskyLoss", alpha=0.3, beta=0.7, class_weights=list(WEIGHTS)),
        WEIGHTS,
    ),
    "Lovasz": Number(0.7828529477119446, "lovasz", LossOptions(), smp("LovaszLoss"), rel=1e-6),
    "Lovasz, per image": Number(
        0.7864997982978821, "lovasz", LossOptions(dice_reduction="image"), smp("LovaszLoss", per_image=True), rel=1e-6
    ),
}
# MONAI 1.6.1; the squared form goes through float32 there
OF_MONAI = {
    "Dice": Number(0.7880647267244822, "dice", MONAI_IMAGE, monai("DiceLoss", ignore_index=255)),
    "Dice, batch, weights": Number(
        0.676648059607048, "dice", MONAI, monai("DiceLoss", WEIGHTS, ignore_index=255, batch=True), WEIGHTS
    ),
    "Dice, squared": Number(
        0.7355671093917964,
        "dice",
        LossOptions(compat="monai", dice_reduction="image", dice_squared=True),
        monai("DiceLoss", ignore_index=255, squared_pred=True),
        rel=1e-7,
    ),
    "Dice, jaccard": Number(
        0.8718986912453326, "jaccard", MONAI, monai("DiceLoss", ignore_index=255, jaccard=True, batch=True)
    ),
    "Tversky": Number(
        0.8055681021409375, "tversky", MONAI, monai("TverskyLoss", alpha=0.3, beta=0.7, batch=True), ignored=False
    ),
    "DiceCE, weights": Number(
        1.9108083962519438,
        "0.5*ce+dice",
        MONAI_IMAGE,
        monai("DiceCELoss", WEIGHTS, lambda_ce=0.5),
        WEIGHTS,
        ignored=False,
    ),
}
# kornia 0.9.0, whose 1e-8 stands in the denominator alone
OF_KORNIA = {
    "Dice, macro, weights": Number(
        0.7196915363165741,
        "dice",
        LossOptions(dice_reduction="image", dice_smooth=0.0),
        kornia("dice_loss", average="macro", weight=W, ignore_index=255),
        WEIGHTS,
        rel=1e-8,
    ),
    "Lovasz": Number(
        0.7964042059287213,
        "lovasz",
        LossOptions(dice_reduction="image", dice_absent="count"),
        kornia("lovasz_softmax_loss"),
        ignored=False,
    ),
}
# pytorch-deeplab-xception at 5ee8735, utils/loss.py
OF_DEEPLAB = {
    "CE, weights": Number(1.1129295812463609, "ce", DEEPLAB, not_packaged, WEIGHTS),
    "focal, weights": Number(0.4427842059920675, "focal", DEEPLAB, not_packaged, WEIGHTS),
}
PEERS = {"keras": OF_KERAS, "smp": OF_SMP, "monai": OF_MONAI, "kornia": OF_KORNIA, "deeplab": OF_DEEPLAB}
NUMBERS = {f"{peer} {what}": number for peer, numbers in PEERS.items() for what, number in numbers.items()}


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("fused", [False, None])
def test_a_peers_number(name, fused):
    number = NUMBERS[name]
    loss = parse_loss(number.text, number.options, weights=number.weights, fused=fused)
    assert loss(*case(number.ignored)).total.item() == pytest.approx(number.value, rel=number.rel)


@pytest.mark.chaos
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NUMBERS)
def test_the_peer_says_it_still(name):
    number = NUMBERS[name]
    assert float(number.ask(*case(number.ignored))) == pytest.approx(number.value, rel=number.rel)

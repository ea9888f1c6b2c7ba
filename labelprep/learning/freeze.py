"""A trained model as one file that runs without labelprep: ONNX or torch.export, compared with the model itself."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from labelprep.errors import EnvironmentFailure, MissingExtraError, UsageError
from labelprep.learning.checkpoint import Trained
from labelprep.learning.data.train_data import IMAGENET_MEAN, IMAGENET_STD
from labelprep.learning.options import Size
from labelprep.storage.atomic import discard, temporary_name, write_atomic

TOLERANCE = 1e-3  # largest difference of a logit, as a share of the largest logit
BATCHES = (1, 3)  # that are compared
ENDINGS = (".onnx", ".pt2")


@dataclass(frozen=True)
class Frozen:
    """What was written.

    Attributes:
        size: (H, W) of the images.
        difference: largest difference from the model's own logits, as a share of the largest one.
    """

    size: Size
    difference: float


class Deployed(nn.Module):
    """A network with its normalisation: RGB images (B, 3, H, W) float32 in 0..255 to logits (B, C, H, W)."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", 255 * torch.tensor(IMAGENET_MEAN).view(3, 1, 1))
        self.register_buffer("deviation", 255 * torch.tensor(IMAGENET_STD).view(3, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        """The logits."""
        logits: Tensor = self.network((images - self.mean) / self.deviation)
        return logits


def freeze(trained: Trained, path: Path, size: Size | None = None) -> Frozen:
    """Writes the model for images of one size and any batch, and a JSON of classes and input beside it.

    Args:
        trained: the model.
        path: `.onnx` or `.pt2`.
        size: (H, W) of the images; the size that the model was trained to resize to, where there is one.

    Raises:
        UsageError: for another ending, no size, or a file whose logits differ from the model's.
        MissingExtraError: for ONNX without its packages.
        EnvironmentFailure: disk full, no permission.
    """
    if path.suffix not in ENDINGS:
        message = f"no format for {path.suffix or 'a file without ending'}; expected {' or '.join(ENDINGS)}"
        raise UsageError(message, path=path)
    size = size or trained.fit.size
    if size is None:
        message = "the model was trained on images of their own sizes; the file needs one"
        raise UsageError(message, hint="give --size H W")
    module = Deployed(trained.model).cpu().eval()
    write = _write_onnx if path.suffix == ".onnx" else _write_program
    run = write(module, path, _images(2, size))
    difference = max(_difference(module, run, _images(batch, size)) for batch in BATCHES)
    if not difference <= TOLERANCE:
        discard(path)
        message = f"its logits differ from the model's by {difference:.2g} of the largest, more than {TOLERANCE:g}"
        raise UsageError(message, path=path, hint="choose another size, format or version of torch")
    _describe(trained, path, size)
    return Frozen(size, difference)


Run = Callable[[Tensor], NDArray[np.floating[Any]]]


def _write_program(module: nn.Module, path: Path, example: Tensor) -> Run:
    program = torch.export.export(module, (example,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    buffer = io.BytesIO()
    torch.export.save(program, buffer)
    write_atomic(path, buffer.getvalue())
    loaded = torch.export.load(io.BytesIO(path.read_bytes())).module()
    return lambda images: np.asarray(loaded(images).detach().numpy())


def _write_onnx(module: nn.Module, path: Path, example: Tensor) -> Run:
    for package in ("onnx", "onnxscript", "onnxruntime"):
        if find_spec(package) is None:
            raise MissingExtraError(package, extra="onnx")
    import onnxruntime

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter about itself
        program = torch.onnx.export(
            module,
            (example,),
            dynamo=True,
            verbose=False,
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            input_names=["images"],
            output_names=["logits"],
        )
    if program is None:
        message = "torch.onnx.export gave nothing"
        raise EnvironmentFailure(message, path=path)
    temporary = temporary_name(path).with_suffix(".onnx")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        program.save(str(temporary), external_data=False)
        write_atomic(path, temporary.read_bytes())
    except OSError as error:
        message = f"cannot write: {error.strerror or error}"
        raise EnvironmentFailure(message, path=path, hint="make room or permission, then run again") from error
    finally:
        discard(temporary)
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    return lambda images: np.asarray(session.run(["logits"], {"images": images.numpy()})[0])


def _images(batch: int, size: Size) -> Tensor:
    generator = torch.Generator().manual_seed(batch)
    return torch.randint(0, 256, (batch, 3, *size), generator=generator).float()


@torch.inference_mode()
def _difference(module: nn.Module, run: Run, images: Tensor) -> float:
    wanted = module(images).numpy()
    return float(np.abs(run(images.clone()) - wanted).max() / max(float(np.abs(wanted).max()), 1e-12))


def _describe(trained: Trained, path: Path, size: Size) -> None:
    values = {
        "input": {"name": "images", "shape": ["batch", 3, *size], "type": "float32", "values": "RGB, 0 to 255"},
        "output": {"name": "logits", "shape": ["batch", len(trained.table), *size], "type": "float32"},
        "class_table": trained.table.to_dict(),
        "table_hash": trained.table.hash,
    }
    write_atomic(
        path.with_name(path.name + ".json"), (json.dumps(values, indent=1, ensure_ascii=False) + "\n").encode()
    )

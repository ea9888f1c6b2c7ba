"""Trained models on disk: with the class table that their channels mean, and what it takes to build them again."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import safetensors.torch
import torch
from torch import Tensor

from labelprep.class_rows import ClassRow, voc_colormap
from labelprep.classes import VOID_COLOR, ClassTable
from labelprep.errors import UsageError, naming
from labelprep.learning import no_checkpoint
from labelprep.learning.data.train_data import Fit
from labelprep.learning.models import create_model, is_own, published_model
from labelprep.learning.networks.segmenter import Segmenter
from labelprep.steps.count import ClassCounts
from labelprep.storage.atomic import write_atomic

FORMAT = 1
PUBLISHED = "torchvision:"


@dataclass(frozen=True)
class Checkpoint:
    """A model's weights after some epoch.

    Attributes:
        model: its name in `models.MODELS`.
        state: its parameters and buffers by name, on the CPU.
        table: the class table whose ids are its channels.
        epoch: epochs trained, from 1.
        metrics: figures of that epoch.
        options: the training options as plain values.
        train_counts: pixels per class of the training split.
    """

    model: str
    state: Mapping[str, Tensor]
    table: ClassTable
    epoch: int
    metrics: Mapping[str, float | None]
    options: Mapping[str, Any]
    train_counts: ClassCounts

    def save(self, path: Path) -> None:
        """Writes it whole or not at all; `torch.load(path, weights_only=True)` reads it back.

        Raises:
            EnvironmentFailure: disk full, no permission.
        """
        values = {
            "labelprep_checkpoint": FORMAT,
            "model": self.model,
            "state": dict(self.state),
            "class_table": self.table.to_dict(),
            "table_hash": self.table.hash,
            "epoch": self.epoch,
            "metrics": dict(self.metrics),
            "options": dict(self.options),
            "train_counts": self.train_counts.to_dict(),
        }
        buffer = io.BytesIO()
        torch.save(values, buffer)
        write_atomic(path, buffer.getvalue())

    def save_safetensors(self, path: Path) -> None:
        """Writes the weights alone as safetensors, with the model's name, the class names and the hash of the table.

        Raises:
            EnvironmentFailure: disk full, no permission.
        """
        about = {"model": self.model, "classes": json.dumps(self.table.names), "table_hash": self.table.hash}
        state = {name: value.contiguous() for name, value in self.state.items()}
        write_atomic(path, safetensors.torch.save(state, about))

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Reads a checkpoint, or the best one of a training run's folder.

        Raises:
            UsageError: where there is none, or the file is something else.
        """
        path = Path(path)
        path = path / "best.pt" if path.is_dir() else path
        if not path.is_file():
            message = "no checkpoint there"
            raise UsageError(message, path=path, hint="give a checkpoint or a run folder: labelprep train OUT -o RUN")
        with naming(path):
            no_checkpoint.refuse_others(path)
            try:
                values = torch.load(path, map_location="cpu", weights_only=True)
            except Exception as error:
                raise no_checkpoint.unread(path) from error
        if not isinstance(values, dict) or "labelprep_checkpoint" not in values:
            raise no_checkpoint.foreign(path, values)
        version = values["labelprep_checkpoint"]
        if version != FORMAT:
            message = f"checkpoint format {version!r}; this labelprep reads {FORMAT}"
            raise UsageError(message, path=path, hint="train it anew: labelprep train OUT -o RUN")
        return cls(
            values["model"],
            values["state"],
            ClassTable.from_dict(values["class_table"], source=str(path)),
            values["epoch"],
            values["metrics"],
            values["options"],
            ClassCounts.from_dict(values["train_counts"]),
        )

    def build(self, own_model: str | None = None) -> Segmenter:
        """The network with these weights.

        Args:
            own_model: the `package.module:function` that may be imported and run for it: a file from elsewhere must not
                choose which code runs here.

        Raises:
            UsageError: where the weights do not fit the model of that name, or it needs code that was not named.
        """
        if is_own(self.model) and own_model != self.model:
            message = f"{self.table.source} wants the function {self.model} to be run, which was not asked for"
            raise UsageError(message, hint=f"where you trust it: --own-model {self.model}")
        model = create_model(self.model, len(self.table))
        try:
            model.load_state_dict(dict(self.state))
        except RuntimeError as error:
            message = f"the weights of {self.table.source} do not fit the model {self.model!r} of this labelprep"
            raise UsageError(message, hint="train it anew: labelprep train OUT -o RUN") from error
        return model

    @property
    def identity(self) -> str:
        """SHA-256 of names, types, shapes and bytes of the weights: never of time or place."""
        digest = hashlib.sha256(f"{self.model} {self.table.hash}".encode())
        for name, value in self.state.items():
            array = np.ascontiguousarray(value.numpy())
            digest.update(f"\n{name} {array.dtype.str} {array.shape}\n".encode())
            digest.update(array.tobytes())
        return digest.hexdigest()


@dataclass(frozen=True)
class Trained:
    """A model ready to see images.

    Attributes:
        source: the checkpoint or published model, for messages.
        model: the network in evaluation mode.
        table: the class table whose ids are its channels.
        fit: the size at which it sees images.
        train_counts: pixels per class of its training split, where known.
        epoch: epochs trained, where known.
        exif_rotate: images are turned by their EXIF orientation, as in training.
    """

    source: str
    model: Segmenter
    table: ClassTable
    fit: Fit
    train_counts: ClassCounts | None = None
    epoch: int | None = None
    exif_rotate: bool = False

    def require_table(self, table: ClassTable, theirs: str) -> None:
        """Refuses a prepared set of another class table.

        Raises:
            MismatchError: naming both and the first difference.
        """
        self.table.require_same(table, mine=self.source, theirs=theirs)


def load_trained(source: Path | str, device: torch.device, *, own_model: str | None = None) -> Trained:
    """A trained model on a device.

    Args:
        source: a checkpoint, the folder of a training run (its best checkpoint), or `torchvision:NAME` for
            one of torchvision's models with its published weights and the classes of Pascal VOC.
        device: where it computes.
        own_model: the `package.module:function` that may be run for it (`Checkpoint.build`).

    Raises:
        UsageError: where there is no such model.
        EnvironmentFailure: where published weights cannot be fetched.
    """
    if str(source).startswith(PUBLISHED):
        model, categories, short_side = published_model(str(source).removeprefix(PUBLISHED))
        return Trained(str(source), model.to(device).eval(), published_table(categories), Fit(short_side=short_side))
    checkpoint = Checkpoint.load(source)
    resize = checkpoint.options["resize"]
    fit = Fit(size=(resize[0], resize[1]) if resize else None)
    return Trained(
        source=str(source),
        model=checkpoint.build(own_model).to(device).eval(),
        table=checkpoint.table,
        fit=fit,
        train_counts=checkpoint.train_counts,
        epoch=checkpoint.epoch,
        exif_rotate=checkpoint.options["exif_rotate"],
    )


def published_table(categories: tuple[str, ...]) -> ClassTable:
    """The class table of torchvision's published models: their categories in VOC's colours, 255 ignored."""
    rows = [
        ClassRow(name.strip("_"), colors=((int(red), int(green), int(blue)),), id=i)
        for i, (name, (red, green, blue)) in enumerate(zip(categories, voc_colormap(), strict=False))
    ]
    void = ClassRow("void", colors=(VOID_COLOR,), id=255, ignore=True)
    return ClassTable.build([*rows, void], source="torchvision's categories")

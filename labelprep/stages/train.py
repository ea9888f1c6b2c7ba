"""A model trained from a prepared folder, with the class weights of an earlier stage or of a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from labelprep import metrics
from labelprep.prepared import Prepared
from labelprep.spec import TrainStage
from labelprep.stages import Inputs, RunContext, StageResult
from labelprep.stages._learning import heeding, options_of, require_torch, required_out

if TYPE_CHECKING:
    from labelprep.learning.trainer import Epoch

VERSION = 1


def run(params: TrainStage, inputs: Inputs, context: RunContext) -> StageResult:
    """Trains, and writes the run folder: `run.json`, `model.txt`, `history.jsonl`, `best.pt`, `last.pt`.

    Raises:
        MissingExtraError: without torch.
        UsageError: for data or options that training cannot start with, and for a loss that is not finite.
        MismatchError: for class weights of another class table.
        EnvironmentFailure: for a device that is not there, weights that cannot be fetched, a full disk.
    """
    require_torch()
    from labelprep.learning.options import TrainOptions
    from labelprep.learning.train import train

    out = required_out(params, "train")
    prepared = Prepared.open(params.data or inputs.folder("convert", "train"))
    options = options_of(TrainOptions, params, weights=params.weights or _weights(inputs))
    with heeding(context) as progress:
        result = train(
            prepared,
            out,
            options,
            progress=progress,
            on_epoch=lambda epoch: context.reporter.message(_line(epoch, params.epochs)),
        )
    summary = {
        "best_epoch": result.best.epoch,
        "best_miou": result.best.val_miou,
        "epochs": len(result.history),
        "parameters": result.parameters,
        "seconds": round(sum(epoch.seconds for epoch in result.history), 3),
        "metrics": metrics.summary(result.confusion, prepared.table.names),
    }
    return StageResult(out, result.identity, summary)


def _weights(inputs: Inputs) -> Path | None:
    found = inputs.find("weights")
    return None if found is None else found.out


def _line(epoch: Epoch, epochs: int) -> str:
    return (
        f"epoch {epoch.epoch}/{epochs}: loss {epoch.train_loss:.4f} (validation {epoch.val_loss:.4f}), "
        f"pixel accuracy {_percent(epoch.train_accuracy)} (validation {_percent(epoch.val_accuracy)}), "
        f"mIoU {_percent(epoch.val_miou)}, {epoch.seconds:.1f} s"
    )


def _percent(share: float | None) -> str:
    return "none" if share is None else f"{100 * share:.1f} %"

"""A model trained from a prepared folder, with the class weights of an earlier stage or of a file."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from labelprep import metrics
from labelprep.prepared import Prepared
from labelprep.spec import TrainStage
from labelprep.stages import Inputs, RunContext, Silent, StageResult
from labelprep.stages._learning import follows, heeding, options_of, require_torch, required_out
from labelprep.storage.place import Place

if TYPE_CHECKING:
    from labelprep.learning.training.epoch import Epoch

VERSION = 2


def run(params: TrainStage, inputs: Inputs, context: RunContext) -> StageResult:
    """Trains, and writes the run folder; an unfinished run of the same data and options goes on.

    Raises:
        MissingExtraError: without torch.
        UsageError: for data or options that training cannot start with, another run in the folder, and for a loss that
            is not finite.
        MismatchError: for class weights of another class table.
        EnvironmentFailure: for a device that is not there, weights that cannot be fetched, a full disk.
    """
    require_torch()
    from labelprep.learning.options import TrainOptions
    from labelprep.learning.train import train

    out = required_out(params, "train")
    prepared = Prepared.open(params.data or inputs.prepared("train"))
    options = options_of(TrainOptions, params, weights=params.weights or _weights(inputs))
    heard = replace(context, reporter=Silent()) if follows() else context
    with heeding(heard) as progress:
        result = train(
            prepared,
            out,
            options,
            existing="anew" if context.overwrite else "replace" if context.chained else "refuse",
            progress=progress,
            on_epoch=lambda epoch: heard.reporter.message(_line(epoch, params.epochs)),
            say=heard.reporter.message,
        )
    summary = {
        "best_epoch": result.best.epoch,
        "best_miou": result.best.val_miou,
        "epochs": len(result.history),
        "stopped": result.stopped,
        "parameters": result.parameters,
        "seconds": round(sum(epoch.seconds for epoch in result.history), 3),
        "metrics": metrics.summary(result.confusion, prepared.table.names),
    }
    return StageResult(out, result.identity, summary)


def _weights(inputs: Inputs) -> Place | None:
    found = inputs.find("weights")
    return None if found is None else found.out


def _line(epoch: Epoch, epochs: int) -> str:
    validated = epoch.val_loss is not None
    loss = f" (validation {epoch.val_loss:.4f})" if validated else ""
    accuracy = f" (validation {_percent(epoch.val_accuracy)}), mIoU {_percent(epoch.val_miou)}" if validated else ""
    memory = "" if epoch.peak_memory_mb is None else f", peak {epoch.peak_memory_mb} MiB"
    return (
        f"epoch {epoch.epoch}/{epochs}: loss {epoch.train_loss:.4f}{loss}, "
        f"pixel accuracy {_percent(epoch.train_accuracy)}{accuracy}, {epoch.seconds:.1f} s, "
        f"{epoch.images_per_second:.1f} images/s, {_percent(epoch.data_wait)} of it waiting for data{memory}"
    )


def _percent(share: float | None) -> str:
    return "none" if share is None else f"{100 * share:.1f} %"

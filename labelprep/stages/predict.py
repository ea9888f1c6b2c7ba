"""Masks, and entropy maps by choice, for images that have none."""

from __future__ import annotations

from dataclasses import replace

from labelprep.spec import PredictStage
from labelprep.stages import Inputs, RunContext, Silent, StageResult
from labelprep.stages._learning import follows, heeding, options_of, require_torch, required_out
from labelprep.storage.place import on_disk

VERSION = 2
SHOWN = 3


def run(params: PredictStage, inputs: Inputs, context: RunContext) -> StageResult:
    """Predicts, and writes `predictions/`, `samples.jsonl`, `predict.json` and, if asked for, `entropy/`.

    The exit code is 3 where images could not be read; the others are done.

    Raises:
        MissingExtraError: without torch.
        UsageError: where there is no model or no image.
        EnvironmentFailure: for a device that is not there, weights that cannot be fetched, a full disk.
    """
    require_torch()
    from labelprep.learning.checkpoint import load_trained
    from labelprep.learning.device import choose_device
    from labelprep.learning.options import PredictOptions
    from labelprep.learning.predict import predict

    out = required_out(params, "predict")
    checkpoint = params.checkpoint or on_disk(inputs.folder("train", "predict"), "a training run")
    trained = load_trained(checkpoint, choose_device(params.device), own_model=params.own_model)
    options = options_of(PredictOptions, params)
    heard = replace(context, reporter=Silent()) if follows() else context
    with heeding(heard) as progress:
        done = predict(trained, params.images, out, options, progress=progress)
    for line in done.failed[:SHOWN]:
        heard.reporter.message(line)
    summary = {
        "images": done.images,
        "failed": list(done.failed),
        "model": trained.source,
        "classes": list(trained.table.names),
    }
    return StageResult(out, done.identity, summary, 3 if done.failed else 0)

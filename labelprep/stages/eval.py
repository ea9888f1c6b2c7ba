"""A trained model, or a folder of predicted masks, against a prepared folder."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from labelprep.errors import UsageError
from labelprep.learning.evaluation import results
from labelprep.learning.options import EvalOptions
from labelprep.prepared import Prepared
from labelprep.score import score_folder
from labelprep.scoring.per_image import ROWS, Counts, image_counts
from labelprep.spec import EvalStage
from labelprep.stages import Inputs, RunContext, Silent, StageResult
from labelprep.stages._learning import follows, heeding, options_of, out_of, require_torch
from labelprep.storage.place import on_disk, refuse_unwritable
from labelprep.storage.scratch import scratch
from labelprep.suspects import NAME

if TYPE_CHECKING:
    from labelprep.learning.evaluate import Evaluation

VERSION = 2


def run(params: EvalStage, inputs: Inputs, context: RunContext) -> StageResult:
    """Evaluates, and writes figures, predictions, maps and suspects; docs/definitions.md lists the files.

    Without `out`, a model's figures go to `eval` beside its checkpoint, and those of predicted masks nowhere.

    Raises:
        MissingExtraError: without torch, unless predicted masks are scored.
        MismatchError: where model and data were made for different class tables.
        UsageError: for an unknown split, missing images, or predictions that do not fit.
        EnvironmentFailure: for a device that is not there, a full disk.
    """
    prepared = Prepared.open(params.data or inputs.prepared("eval"))
    options = options_of(EvalOptions, params)
    if params.pred is not None:
        if params.checkpoint is not None:
            message = "both a checkpoint and a folder of predictions were given"
            raise UsageError(message, hint="give one of them: a checkpoint, or --pred DIR")
        return _score(params.pred, prepared, out_of(params), options, context)
    require_torch()
    from labelprep.learning.checkpoint import load_trained
    from labelprep.learning.device import choose_device
    from labelprep.learning.evaluate import evaluate

    checkpoint = params.checkpoint or on_disk(inputs.folder("train", "eval"), "a training run")
    trained = load_trained(checkpoint, choose_device(options.device), own_model=params.own_model)
    out = out_of(params) or (checkpoint if checkpoint.is_dir() else checkpoint.parent) / "eval"
    heard = replace(context, reporter=Silent()) if follows() else context
    refuse_unwritable(out)
    with heeding(heard) as progress:
        done = evaluate(trained, prepared, out, options, progress=progress)
    if done.suspects:
        shown = f"labelprep validate DATASET --suspects {out}"
        heard.reporter.message(f"{done.suspects:,} labels that the model contradicts: {out / NAME}; {shown}")
    return StageResult(out, done.identity, _model_summary(done))


def _score(pred: Path, prepared: Prepared, out: Path | None, options: EvalOptions, context: RunContext) -> StageResult:
    """Scores palette PNGs and writes the same files as scoring a model, as far as masks tell."""
    if out is not None:
        refuse_unwritable(out)
    folder = pred / results.PREDICTIONS if (pred / results.PREDICTIONS).is_dir() else pred
    split = options.split_of(prepared.splits())
    classes = len(prepared.table)
    confusion, edges = np.zeros((classes, classes), np.int64), np.zeros((3, classes), np.int64)
    masks = 0
    with scratch() as nowhere, (nowhere / "counts").open("w+b") as spilled, (nowhere / "keys").open("w+") as keys:

        def on_sample(key: str, one: NDArray[np.int64], near: NDArray[np.int64]) -> None:
            nonlocal confusion, edges, masks
            confusion, edges, masks = confusion + one, edges + near, masks + 1
            keys.write(f"{json.dumps(key)}\n")
            spilled.write(image_counts(one, near).tobytes())
            context.reporter.progress("scoring", masks, None)

        score_folder(folder, prepared, split, width=options.boundary, on_sample=on_sample)
        place = out or nowhere
        spilled.seek(0)
        keys.seek(0)
        images = (
            ({"key": key, **_files(place, folder, prepared, key)}, _next_counts(spilled, classes))
            for key in map(json.loads, keys)
        )
        means, counts = results.write_images(place, images, masks, classes)
        values = results.metric_values(
            confusion,
            prepared.table,
            edges=edges if options.boundary else None,
            training=prepared.counts("train").pixels if "train" in prepared.splits() else None,
            extra=results.set_values(split, masks, options, counts, means),
        )
    if out is not None:
        results.write_metrics(out, confusion, values)
    return StageResult(out, results.identity_of(confusion, values), _summary(values))


def _next_counts(file: IO[bytes], classes: int) -> Counts:
    return np.frombuffer(file.read(8 * len(ROWS) * classes), np.int64).reshape(len(ROWS), classes)


def _files(out: Path, folder: Path, prepared: Prepared, key: str) -> dict[str, str]:
    truth, prediction = prepared.mask_path(key), folder / f"{key}.png"
    return {"truth": results.relative(out, truth), "prediction": results.relative(out, prediction)}


def _summary(values: dict[str, Any]) -> dict[str, Any]:
    apart = ("baseline", "split", "images")
    return {
        "metrics": {name: value for name, value in values.items() if name not in apart},
        **{name: values[name] for name in apart},
    }


def _model_summary(done: Evaluation) -> dict[str, Any]:
    curves = ("reliability", "entropy_error")
    figures = {name: value for name, value in done.uncertainty.items() if name not in curves}
    return {**_summary(done.metrics), "uncertainty": figures, "suspects": done.suspects}

"""A trained model, or a folder of predicted masks, against a prepared folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelprep import metrics
from labelprep.errors import UsageError
from labelprep.learning import results
from labelprep.learning.options import EvalOptions
from labelprep.prepared import Prepared
from labelprep.score import score_folder
from labelprep.spec import EvalStage
from labelprep.stages import Inputs, RunContext, StageResult
from labelprep.stages._learning import heeding, options_of, require_torch

VERSION = 1


def run(params: EvalStage, inputs: Inputs, context: RunContext) -> StageResult:
    """Evaluates, and writes `metrics.json`, `confusion.npy`, `per_class.csv`, `samples.jsonl`, predictions and maps.

    Without `out`, a model's figures go to `eval` beside its checkpoint, and those of predicted masks nowhere.

    Raises:
        MissingExtraError: without torch, unless predicted masks are scored.
        MismatchError: where model and data were made for different class tables.
        UsageError: for an unknown split, missing images, or predictions that do not fit.
        EnvironmentFailure: for a device that is not there, a full disk.
    """
    prepared = Prepared.open(params.data or inputs.folder("convert", "eval"))
    options = options_of(EvalOptions, params)
    if params.pred is not None:
        if params.checkpoint is not None:
            message = "both a checkpoint and a folder of predictions were given"
            raise UsageError(message, hint="give one of them: a checkpoint, or --pred DIR")
        return _score(params.pred, prepared, params.out, options, context)
    require_torch()
    from labelprep.learning.checkpoint import load_trained
    from labelprep.learning.device import choose_device
    from labelprep.learning.evaluate import evaluate

    checkpoint = params.checkpoint or inputs.folder("train", "eval")
    trained = load_trained(checkpoint, choose_device(options.device))
    out = params.out or (checkpoint if checkpoint.is_dir() else checkpoint.parent) / "eval"
    with heeding(context) as progress:
        done = evaluate(trained, prepared, out, options, progress=progress)
    return _result(out, done.confusion, done.metrics)


def _score(pred: Path, prepared: Prepared, out: Path | None, options: EvalOptions, context: RunContext) -> StageResult:
    """Scores palette PNGs and writes the same files as scoring a model, as far as masks tell."""
    folder = pred / results.PREDICTIONS if (pred / results.PREDICTIONS).is_dir() else pred
    split = options.split_of(prepared.splits())
    samples: list[dict[str, Any]] = []

    def on_sample(key: str, confusion: NDArray[np.int64]) -> None:
        samples.append({"key": key, "pixels": int(confusion.sum()), "iou_per_image": metrics.mean_iou(confusion)})
        context.reporter.progress("scoring", len(samples), None)

    confusion = np.array(score_folder(folder, prepared, split, on_sample=on_sample)["confusion"], np.int64)
    training = prepared.counts("train").pixels if "train" in prepared.splits() else None
    extra = {"split": split, "images": len(samples)}
    values = results.metric_values(confusion, prepared.table, training=training, extra=extra)
    if out is not None:
        results.write_samples(out, (sample | _files(out, folder, prepared, sample["key"]) for sample in samples))
        results.write_metrics(out, confusion, values)
    return _result(out, confusion, values)


def _files(out: Path, folder: Path, prepared: Prepared, key: str) -> dict[str, str]:
    truth, prediction = prepared.mask_path(key), folder / f"{key}.png"
    return {"truth": results.relative(out, truth), "prediction": results.relative(out, prediction)}


def _result(out: Path | None, confusion: NDArray[np.int64], values: dict[str, Any]) -> StageResult:
    apart = ("baseline", "split", "images")
    summary = {
        "metrics": {name: value for name, value in values.items() if name not in apart},
        **{name: values[name] for name in apart},
    }
    return StageResult(out, results.metrics_identity(confusion, values), summary)

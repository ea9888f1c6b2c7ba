"""A trained model against a split of a prepared folder, in one pass, at the masks' own size."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from labelprep import metrics
from labelprep.atomic import write_atomic
from labelprep.learning import results
from labelprep.learning.batches import batches, whole_loader
from labelprep.learning.checkpoint import Trained
from labelprep.learning.confusion import confusion_matrix
from labelprep.learning.data import Pair, WholeData, normalized, pairs
from labelprep.learning.entropy import entropy, image_entropy
from labelprep.learning.full_size import at_size
from labelprep.learning.options import EvalOptions
from labelprep.learning.progress import Progress, silent
from labelprep.prepared import Prepared


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation came to.

    Attributes:
        confusion: (C, C) int64, rows truth, columns prediction, over all valid pixels.
        metrics: what `metrics.json` holds.
        images: number of images.
    """

    confusion: NDArray[np.int64]
    metrics: dict[str, Any]
    images: int


def evaluate(
    trained: Trained, prepared: Prepared, out: Path, options: EvalOptions, *, progress: Progress = silent
) -> Evaluation:
    """Evaluates a model and writes metrics, predictions, samples and entropy maps into `out`.

    Raises:
        MismatchError: where model and data were made for different class tables.
        UsageError: for an unknown or empty split, or missing images.
        EnvironmentFailure: disk full, no permission.
    """
    trained.require_table(prepared.table, str(prepared.root))
    split = options.split_of(prepared.splits())
    chosen = pairs(prepared, split, options.images)
    results.remove_former(out)
    pass_ = _Pass(trained, chosen, out, options, bool(prepared.info["options"].get("exif_rotate", False)))
    confusion = pass_.run(progress)
    pass_.draw_entropy(progress)
    results.write_samples(out, pass_.samples)
    values = results.metric_values(
        confusion,
        prepared.table,
        training=None if trained.train_counts is None else trained.train_counts.pixels,
        extra={"split": split, "images": len(chosen)},
    )
    results.write_metrics(out, confusion, values)
    return Evaluation(confusion, values, len(chosen))


class _Pass:
    """One pass over the pairs; `samples` are the lines of `samples.jsonl` in plan order."""

    def __init__(
        self, trained: Trained, chosen: tuple[Pair, ...], out: Path, options: EvalOptions, exif_rotate: bool
    ) -> None:
        self.trained, self.pairs, self.out, self.options = trained, chosen, out, options
        self.exif_rotate = exif_rotate
        self.device = next(trained.model.parameters()).device
        self.samples: list[dict[str, Any]] = []

    @torch.inference_mode()
    def _logits(self, chosen: tuple[Pair, ...]) -> Iterator[tuple[Pair, Tensor, Tensor]]:
        """Each pair with its logits (1, C, H, W) and labels (H, W) int64 at the mask's size."""
        data = WholeData(chosen, self.trained.fit, exif_rotate=self.exif_rotate)
        for batch in batches(whole_loader(data, batch_size=self.options.batch_size, workers=0, device=self.device)):
            logits = self.trained.model(normalized(batch.images.to(self.device, non_blocking=True)))
            for one, mask, index in zip(logits.split(1), batch.masks, batch.indices, strict=True):
                yield chosen[index], at_size(one, mask.shape), mask.to(self.device, torch.int64)

    def run(self, progress: Progress) -> NDArray[np.int64]:
        """Counts, writes predictions and gathers samples."""
        classes, ignore_index = len(self.trained.table), self.trained.table.ignore_index
        total = np.zeros((classes, classes), np.int64)
        for done, (pair, logits, labels) in enumerate(self._logits(self.pairs), 1):
            ids = logits.argmax(1)[0]
            confusion = confusion_matrix(ids, labels, classes, ignore_index=ignore_index).cpu().numpy()
            total += confusion
            valid = (labels != ignore_index)[None]
            spread, mean = image_entropy(entropy(logits), valid)
            self.samples.append(
                {
                    "key": pair.key,
                    "pixels": int(confusion.sum()),
                    "iou_per_image": metrics.mean_iou(confusion),
                    "entropy_mean": float(mean),
                    "entropy_sum": float(spread),
                    "image": results.relative(self.out, pair.image),
                    "truth": results.relative(self.out, pair.mask),
                    "prediction": self._predict(pair, ids),
                    "entropy": None,
                }
            )
            progress("evaluating", done, len(self.pairs))
        return total

    def _predict(self, pair: Pair, ids: Tensor) -> str | None:
        if not self.options.predictions:
            return None
        name = f"{results.PREDICTIONS}/{pair.key}.png"
        array = ids.cpu().numpy().astype(self.trained.table.dtype)
        write_atomic(self.out / name, results.prediction_png(array, self.trained.table))
        return name

    def draw_entropy(self, progress: Progress) -> None:
        """Entropy maps of the images of highest mean entropy, predicted a second time so that none is kept."""
        ranked = heapq.nlargest(
            self.options.entropy_maps, range(len(self.samples)), key=lambda i: self.samples[i]["entropy_mean"]
        )
        for done, (place, (pair, logits, _)) in enumerate(
            zip(ranked, self._logits(tuple(self.pairs[i] for i in ranked)), strict=True), 1
        ):
            name = f"{results.ENTROPY}/{pair.key}.png"
            write_atomic(self.out / name, results.entropy_png(entropy(logits)[0].cpu().numpy()))
            self.samples[place]["entropy"] = name
            progress("entropy maps", done, len(ranked))

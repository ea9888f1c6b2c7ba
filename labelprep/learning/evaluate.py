"""A trained model against a split of a prepared folder, in one pass, at the masks' own size.

Several processes that `torchrun` started take turns along the images; the folder that is written must be one that all
of them see. Each leaves what it found in a file of its own, and the first one puts them together in plan order.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from labelprep.learning.checkpoint import Trained
from labelprep.learning.data.batches import batches, whole_loader
from labelprep.learning.data.reading import Pair, pairs, read_image
from labelprep.learning.data.train_data import WholeData
from labelprep.learning.distributed import Group, processes
from labelprep.learning.evaluation import results
from labelprep.learning.evaluation.calibration import BINS, DOUBT
from labelprep.learning.evaluation.look import Look
from labelprep.learning.evaluation.panels import entropy_panel, thinned
from labelprep.learning.evaluation.parts import Parts
from labelprep.learning.evaluation.readout import UNIT, Sums
from labelprep.learning.evaluation.regions import contradictions
from labelprep.learning.evaluation.seen import Seen, image_picture, see
from labelprep.learning.evaluation.suspicion import Ranking, suspect_regions
from labelprep.learning.evaluation.uncertainty import uncertainty_values, write_uncertainty
from labelprep.learning.evaluation.windows import Views
from labelprep.learning.options import EvalOptions
from labelprep.learning.progress import Progress, silent
from labelprep.prepared import Prepared
from labelprep.scoring.boundary import boundary_counts
from labelprep.scoring.per_image import Counts, image_counts
from labelprep.steps.palette import painted
from labelprep.storage.atomic import confined, write_atomic, write_lines
from labelprep.suspects import NAME, Suspect


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation came to.

    Attributes:
        confusion: (C, C) int64, rows truth, columns prediction, over all valid pixels.
        metrics: what `metrics.json` holds.
        uncertainty: what `uncertainty.json` holds.
        suspects: how many labels are suspect, those beyond the list included.
        identity: SHA-256 of all of it, predictions apart.
        images: number of images.
    """

    confusion: NDArray[np.int64]
    metrics: dict[str, Any]
    uncertainty: dict[str, Any]
    suspects: int
    identity: str
    images: int


def evaluate(
    trained: Trained, prepared: Prepared, out: Path, options: EvalOptions, *, progress: Progress = silent
) -> Evaluation:
    """Evaluates a model and writes metrics, predictions, samples, suspects and entropy maps into `out`.

    The figures are the same for any batch size, number of loading processes and number of processes, as long as each
    process computes with as many threads.

    Raises:
        MismatchError: where model and data were made for different class tables.
        UsageError: for an unknown or empty split, missing images, or logits that are not finite.
        EnvironmentFailure: disk full, no permission.
    """
    trained.require_table(prepared.table, str(prepared.root))
    split = options.split_of(prepared.splits())
    chosen = pairs(prepared, split, options.images)
    with processes(next(trained.model.parameters()).device) as group:
        trained.model.to(group.device)
        work = _Work(trained, prepared, split, chosen, out, options, group)
        if group.leads:
            (out / "metrics.json").unlink(missing_ok=True)  # written last: its presence says that all of it is there
            results.remove_former(out)
        parts = Parts(out, group)
        with parts.begun():
            sums, edges, unsure = work.look_at_all(parts, progress)
            found = None
            if group.leads:
                found = work.put_together(parts, sums, edges, work.draw_entropy(unsure, progress))
        return cast("Evaluation", group.gathered(found)[0])


@dataclass(frozen=True)
class _Work:
    """The evaluation that one process takes part in."""

    trained: Trained
    prepared: Prepared
    split: str | None
    pairs: tuple[Pair, ...]
    out: Path
    options: EvalOptions
    group: Group

    def look_at_all(self, parts: Parts, progress: Progress) -> tuple[Sums, Counts, list[int]]:
        """Looks at this process's share; counts of the whole set, and the places of its most uncertain images."""
        table, options = self.prepared.table, self.options
        sums, edges = Sums.zero(len(table), BINS, DOUBT), np.zeros((3, len(table)), np.int64)
        unsure: list[tuple[float, int]] = []
        mine = parts.share(len(self.pairs))

        def lines() -> Iterator[str]:
            nonlocal sums, edges
            for done, (n, truth, seen) in enumerate(self._seen(mine, entropy=False), 1):
                near = boundary_counts(
                    seen.ids, truth, len(table), ignore_index=table.ignore_index, width=options.boundary
                )
                sums, edges = sums + seen.sums, edges + near
                doubt = seen.sums.entropy * UNIT / max(1, seen.sums.pixels)
                heapq.heappush(unsure, (doubt, -n))
                if len(unsure) > options.entropy_maps:
                    heapq.heappop(unsure)
                yield json.dumps(self._line(n, truth, seen, near))
                progress("evaluating", done * self.group.world, len(self.pairs))

        parts.write(lines())
        shares = self.group.gathered((sums, edges, unsure))
        sums, edges, _ = shares[0]
        for other, near, _ in shares[1:]:
            sums, edges = sums + other, edges + near
        most = heapq.nlargest(options.entropy_maps, (item for _, _, share in shares for item in share))
        return sums, edges, [-n for _, n in most]

    def _seen(self, places: range | list[int], *, entropy: bool) -> Iterator[tuple[int, NDArray[Any], Seen]]:
        """Place, truth (H, W) and what the model sees, of some of the pairs."""
        options, table = self.options, self.prepared.table
        exif_rotate = bool(self.prepared.info["options"].get("exif_rotate", False))
        look = Look(self.trained, options.window, options.stride, Views.of(options.tta))
        chosen = tuple(self.pairs[n] for n in places)
        if not chosen:
            return
        data = WholeData(chosen, self.trained.fit, exif_rotate=exif_rotate)
        loader = whole_loader(data, batch_size=options.batch_size, workers=options.workers, device=self.group.device)
        for batch in batches(loader):
            for image, mask, index in zip(batch.images, batch.masks, batch.indices, strict=True):
                bands = look.logits(image, mask.shape)
                what = str(chosen[index].image)
                seen = see(bands, mask, table, bins=BINS, doubt=DOUBT, entropy=entropy, what=what)
                yield places[index], mask.cpu().numpy().astype(table.dtype), seen

    def _line(self, n: int, truth: NDArray[Any], seen: Seen, near: Counts) -> dict[str, Any]:
        """What one image leaves in the part; its prediction is written beside."""
        pair, sums, options = self.pairs[n], seen.sums, self.options
        pixels = max(1, sums.pixels)
        prediction = None
        if options.predictions:
            prediction = f"{results.PREDICTIONS}/{pair.key}.png"
            write_atomic(
                confined(self.out, self.out / prediction), results.prediction_png(seen.ids, self.prepared.table)
            )
        sample = {
            "key": pair.key,
            "cross_entropy": sums.nll * UNIT / pixels if sums.pixels else None,
            "entropy_mean": sums.entropy * UNIT / pixels,
            "entropy_sum": sums.entropy * UNIT,
            "image": results.relative(self.out, pair.image),
            "truth": results.relative(self.out, pair.mask),
            "prediction": prediction,
        }
        counts = image_counts(sums.confusion, near)
        return {"n": n, "sample": sample, "counts": counts.tolist(), "suspects": self._suspects(truth, seen)}

    def _suspects(self, truth: NDArray[Any], seen: Seen) -> list[dict[str, Any]]:
        options = self.options
        if not options.suspect_pixels:
            return []
        regions = contradictions(
            truth,
            seen.ids,
            seen.confidence,
            seen.likelihood,
            ignore_index=self.prepared.table.ignore_index,
            least=options.suspect_pixels,
        )
        return suspect_regions(regions, seen.sums.pixels, options.suspect_below)

    def draw_entropy(self, places: list[int], progress: Progress) -> set[int]:
        """Entropy maps and panels of some images, which are looked at a second time so that no map is kept."""
        table = self.prepared.table
        for done, (n, truth, seen) in enumerate(self._seen(places, entropy=True), 1):
            if seen.entropy is None:
                continue
            key = self.pairs[n].key
            write_atomic(
                confined(self.out, self.out / results.ENTROPY / f"{key}.png"), results.entropy_png(seen.entropy)
            )
            pictures = [self._image(n), *(painted(thinned(ids), table) for ids in (truth, seen.ids))]
            panel = entropy_panel(pictures, seen.entropy)
            write_atomic(confined(self.out, self.out / results.PANELS / f"{key}.png"), panel)
            progress("entropy maps", done, len(places))
        return set(places)

    def _image(self, n: int) -> NDArray[np.uint8]:
        exif_rotate = bool(self.prepared.info["options"].get("exif_rotate", False))
        return image_picture(read_image(self.pairs[n].image, exif_rotate=exif_rotate))

    def put_together(self, parts: Parts, sums: Sums, edges: Counts, drawn: set[int]) -> Evaluation:
        """Writes what concerns the whole set, from the parts of all processes."""
        table, options = self.prepared.table, self.options
        ranking = Ranking()

        def images() -> Iterator[tuple[dict[str, Any], Counts]]:
            for line in parts.merged():
                key = line["sample"]["key"]
                ranking.add(line["n"], key, line["suspects"])
                maps = {
                    name: f"{folder}/{key}.png" if line["n"] in drawn else None
                    for name, folder in (("entropy", results.ENTROPY), ("panel", results.PANELS))
                }
                yield {**line["sample"], **maps}, np.array(line["counts"], np.int64)

        means, counts = results.write_images(self.out, images(), len(self.pairs), len(table))
        values = results.metric_values(
            sums.confusion,
            table,
            edges=edges if options.boundary else None,
            training=None if self.trained.train_counts is None else self.trained.train_counts.pixels,
            extra=results.set_values(self.split, len(self.pairs), options, counts, means),
        )
        suspects = ranking.suspects(self.prepared, self.split)
        write_lines(self.out / NAME, map(Suspect.to_json, suspects))
        uncertainty = uncertainty_values(sums, UNIT)
        write_uncertainty(self.out, uncertainty)
        results.write_metrics(self.out, sums.confusion, values)
        identity = results.identity_of(sums.confusion, values, uncertainty, [s.to_json() for s in suspects])
        return Evaluation(sums.confusion, values, uncertainty, ranking.seen, identity, len(self.pairs))

"""From contradicted regions to ranked suspects: which labels a person should look at first. No torch."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Mapping
from typing import Any

from labelprep.classes import ClassTable
from labelprep.findings import Finding
from labelprep.learning.evaluation.regions import Region
from labelprep.prepared import Prepared
from labelprep.suspects import Suspect

MAJORITY = 0.5  # mean probability of the prediction from which a contradiction is confident
WHOLE = 0.5  # share of a mask's valid pixels from which the whole mask is suspect
MOST = 10_000  # suspects that are listed
LEAST_SHARE = 1 / 65535  # probabilities below are stored as 0

Entry = tuple[float, int, int, dict[str, Any]]  # evidence, place of the image, place of the region, plain region


def suspect_regions(regions: Iterable[Region], pixels: int, below: float) -> list[dict[str, Any]]:
    """The regions of one mask that are suspect, as plain values with their `evidence`.

    A region is suspect where the model gives its own class more than `MAJORITY` and the label at most `below`, both on
    average. Where suspect regions cover `WHOLE` of the mask, one entry without classes stands for all of them.

    Args:
        regions: of the mask, in reading order.
        pixels: valid pixels of the mask.
        below: probability.
    """
    found = [region for region in regions if region.confidence > MAJORITY and region.likelihood <= below]
    entries = [{**region.plain(), "evidence": _evidence(region)} for region in found]
    covered = sum(region.pixels for region in found)
    if not found or covered < WHOLE * pixels:
        return entries
    sure = math.fsum(region.confidence * region.pixels for region in found) / covered
    whole = {"labelled": None, "predicted": None, "pixels": covered, "xy": found[0].xy, "of": pixels}
    return [{**whole, "confidence": sure, "evidence": math.fsum(entry["evidence"] for entry in entries)}]


def _evidence(region: Region) -> float:
    """Nats that the pixels of a region hold against their label."""
    return region.pixels * -math.log(max(region.likelihood, LEAST_SHARE))


class Ranking:
    """The suspects of most evidence, of any number of images in any order."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, int]] = []
        self._entries: dict[tuple[int, int], tuple[str, dict[str, Any]]] = {}
        self.seen = 0

    def add(self, image: int, key: str, regions: Iterable[Mapping[str, Any]]) -> None:
        """Adds the suspect regions of one image by its place in the plan."""
        for place, region in enumerate(regions):
            self.seen += 1
            item = (region["evidence"], -image, -place)
            self._entries[image, place] = (key, dict(region))
            if len(self._heap) < MOST:
                heapq.heappush(self._heap, item)
            else:
                _, least_image, least_place = heapq.heappushpop(self._heap, item)
                del self._entries[-least_image, -least_place]

    def suspects(self, prepared: Prepared, split: str | None) -> list[Suspect]:
        """The most suspect first; equal ones in plan order."""
        order = [self._entries[-image, -place] for _, image, place in sorted(self._heap, reverse=True)]
        wanted = {key for key, _ in order}
        sources = {row.key: (row.source, row.sha256) for row in prepared.rows(split) if row.key in wanted}
        return [_suspect(key, region, *sources[key], prepared.table) for key, region in order]


def _suspect(key: str, region: Mapping[str, Any], source: str, sha256: str, table: ClassTable) -> Suspect:
    where = {"key": key, "path": source, "pixels": region["pixels"], "xy": tuple(region["xy"])}
    sure = round(region["confidence"], 4)
    if region["labelled"] is None:
        share = region["pixels"] / region["of"]
        message = f"the model contradicts {share:.0%} of the labelled pixels, with a mean confidence of {sure:.2f}"
        finding = Finding.of("suspect-mask", message, **where, confidence=sure)
    else:
        labelled, predicted = table.names[region["labelled"]], table.names[region["predicted"]]
        x, y = region["xy"]
        message = (
            f"{region['pixels']:,} pixels from x {x}, y {y} on are labelled {labelled!r}, but look like {predicted!r}"
            f" (probability {sure:.2f}, of {labelled!r} {region['likelihood']:.3f})"
        )
        finding = Finding.of("suspect-label", message, **where, labelled=labelled, predicted=predicted, confidence=sure)
    return Suspect(finding, sha256, region["evidence"])

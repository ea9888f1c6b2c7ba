"""One look at the findings and one at the manifest: all that the pages need of a set, in bounded memory."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count

from labelprep.findings import CATALOGUE, SEVERITIES, Finding
from labelprep.prepared import Prepared, Row

LISTED = 200  # rows of a table; the full list lies beside it
SHOWN = 12  # findings of a kind with pictures
SIZES = 20_000  # different sizes that are told apart
GALLERY = 12  # samples evenly spread over the set
RAREST = 6  # classes that get a sample of their own
IGNORED = 3  # samples with the largest ignored share


@dataclass
class KindFound:
    """All findings of one kind, the largest of them by themselves.

    Attributes:
        code: of the kind.
        severity: the worst that occurred.
        number: of findings.
        pixels: concerned by all of them; None where none says how many.
        masks: samples that are concerned, counted in runs of equal keys.
        distance: the largest distance to a class's colour, or None.
        largest: at most `LISTED` of the findings, those with most pixels first, equal ones in order.
    """

    code: str
    severity: str
    number: int = 0
    pixels: int | None = None
    masks: int = 0
    distance: float | None = None
    largest: list[Finding] = field(default_factory=list)
    _heap: list[tuple[int, int, Finding]] = field(default_factory=list, repr=False)
    _last: str | None = field(default=None, repr=False)

    def add(self, finding: Finding, place: int) -> None:
        """Adds the finding at a place in the order of all."""
        self.severity = min(self.severity, finding.severity, key=SEVERITIES.index)
        self.number += 1
        if finding.pixels is not None:
            self.pixels = (self.pixels or 0) + finding.pixels
        if finding.key is not None and finding.key != self._last:
            self.masks, self._last = self.masks + 1, finding.key
        if finding.distance is not None:
            self.distance = max(self.distance or 0.0, finding.distance)
        push = heapq.heappush if len(self._heap) < LISTED else heapq.heappushpop
        push(self._heap, (finding.pixels or 0, -place, finding))

    def sort(self) -> None:
        """Puts the findings in order when all are added."""
        self.largest = [finding for *_, finding in sorted(self._heap, key=lambda item: item[:2], reverse=True)]

    @property
    def title(self) -> str:
        """What it is, in a few words."""
        return CATALOGUE[self.code].title if self.code in CATALOGUE else self.code

    @property
    def cause(self) -> str:
        """Where it usually comes from."""
        return CATALOGUE[self.code].cause if self.code in CATALOGUE else ""


def kinds_of(findings: Iterable[Finding]) -> tuple[KindFound, ...]:
    """Findings by kind, the worst and most frequent first."""
    kinds: dict[str, KindFound] = {}
    for place, finding in enumerate(findings):
        kinds.setdefault(finding.code, KindFound(finding.code, finding.severity)).add(finding, place)
    for kind in kinds.values():
        kind.sort()
    return tuple(sorted(kinds.values(), key=lambda k: (SEVERITIES.index(k.severity), -k.number, k.code)))


@dataclass(frozen=True)
class Survey:
    """What one look at the manifest gives.

    Attributes:
        rows: those of the keys that were asked for.
        sizes: (height, width) -> masks.
        spread: written samples, evenly spread.
        rarest: class id -> the sample with most pixels of it, rarest class first.
        ignored: samples with the largest ignored share, largest first.
    """

    rows: Mapping[str, Row]
    sizes: Mapping[tuple[int, int], int]
    spread: tuple[Row, ...]
    rarest: Mapping[int, Row]
    ignored: tuple[Row, ...]


def survey(prepared: Prepared, wanted: Iterable[str], most: int) -> Survey:
    """Looks through the manifest once.

    Args:
        prepared: the folder.
        wanted: keys whose rows are kept.
        most: samples that are spread evenly over the set.
    """
    keys = set(wanted)
    rows: dict[str, Row] = {}
    sizes: Counter[tuple[int, int]] = Counter()
    rare = _rare(prepared)
    best: dict[int, Row] = {}
    ignored: list[tuple[float, int, Row]] = []
    chosen = _places(prepared.totals.masks, most)
    spread: list[Row] = []
    number = count()
    for row in prepared.rows():
        if row.key in keys:
            rows[row.key] = row
        if not row.written:
            continue
        place = next(number)
        if place in chosen:
            spread.append(row)
        if (size := (row.height, row.width)) in sizes or len(sizes) < SIZES:
            sizes[size] += 1
        for i in rare:
            if row.pixels[i] > (best[i].pixels[i] if i in best else 0):
                best[i] = row
        if row.ignored:
            item = (row.ignored / (row.height * row.width), -place, row)
            (heapq.heappush if len(ignored) < IGNORED else heapq.heappushpop)(ignored, item)
    most_ignored = tuple(row for *_, row in sorted(ignored, key=lambda item: item[:2], reverse=True))
    return Survey(rows, dict(sizes), tuple(spread), {i: best[i] for i in rare if i in best}, most_ignored)


def _rare(prepared: Prepared) -> list[int]:
    """The rarest classes that occur, rarest first."""
    pixels = prepared.totals.pixels.tolist()
    return sorted((i for i, n in enumerate(pixels) if n), key=lambda i: (pixels[i], i))[:RAREST]


def _places(number: int, most: int) -> set[int]:
    """At most that many places in 0..number-1, evenly spread."""
    if number <= most:
        return set(range(number))
    return {round(i * (number - 1) / (most - 1)) for i in range(most)}


def pictured(kind: KindFound) -> list[Finding]:
    """The findings that are shown with pictures: the largest, but every colour and mask before one comes again."""
    colors: Counter[object] = Counter()
    order = []
    for place, finding in enumerate(kind.largest):
        again = max(colors[finding.color or finding.labelled], colors[finding.key])
        colors.update({finding.color or finding.labelled, finding.key} - {None})
        order.append((again, place))
    return [kind.largest[place] for _, place in sorted(order)[:SHOWN]]


def keys_with_pictures(kinds: Iterable[KindFound]) -> Iterator[str]:
    """The keys of the findings that are shown with pictures."""
    return (finding.key for kind in kinds for finding in pictured(kind) if finding.key is not None)

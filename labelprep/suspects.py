"""Labels that a model contradicts, on disk: `suspects.jsonl` of an evaluation, which `validate` and `report` show."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelprep.errors import UsageError
from labelprep.findings import Finding

NAME = "suspects.jsonl"
CODES = ("suspect-label", "suspect-mask")


@dataclass(frozen=True)
class Suspect:
    """One line of `suspects.jsonl`.

    Attributes:
        finding: of the kind `suspect-label` or `suspect-mask`.
        sha256: of the source mask that was evaluated; the finding says nothing about any other.
        evidence: pixels times -ln of the mean probability that the label has there, by which they are ranked.
    """

    finding: Finding
    sha256: str
    evidence: float

    def to_json(self) -> str:
        """One line without its line end."""
        values = {**self.finding.to_dict(), "evidence": self.evidence, "sha256": self.sha256}
        return json.dumps(values, ensure_ascii=False)

    @classmethod
    def from_json(cls, line: str) -> Suspect:
        """The suspect that `to_json` wrote.

        Raises:
            ValueError: for anything else.
        """
        values: dict[str, Any] = json.loads(line)
        try:
            sha256, evidence = values.pop("sha256"), values.pop("evidence")
            finding = Finding.from_dict(values)
        except (KeyError, TypeError, AttributeError) as error:
            message = f"no suspect: {error!r}"
            raise ValueError(message) from error
        if finding.code not in CODES:
            message = f"expected a finding of the kind {' or '.join(CODES)}, got {finding.code!r}"
            raise ValueError(message)
        return cls(finding, sha256, evidence)


def find(place: Path) -> Path:
    """The file itself, that of an evaluation's folder, or that of a training run whose evaluation lies in `eval`.

    Raises:
        UsageError: where there is none.
    """
    for path in (place, place / NAME, place / "eval" / NAME):
        if path.is_file():
            return path
    message = f"no {NAME} there"
    raise UsageError(message, path=place, hint="evaluate a model first: labelprep eval RUN --data OUT -o DIR")


def read(place: Path) -> Iterator[Suspect]:
    """The suspects of a file or folder as `find` takes it, the most suspect first, streamed.

    Raises:
        UsageError: where there is no such file, or a line is damaged.
    """
    path = find(place)
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                yield Suspect.from_json(line)
            except ValueError as error:
                message = f"line {number} is damaged: {error}"
                raise UsageError(message, path=path, hint="evaluate again: labelprep eval RUN --data OUT") from error

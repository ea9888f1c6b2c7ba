"""Rows as CSV, a row at a time."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any


class _Last:
    """Takes what a writer wrote last."""

    text = ""

    def write(self, text: str) -> None:
        self.text = text


def csv_lines(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    r"""Some columns of rows, without the line ends; None and what a row lacks are empty.

    >>> list(csv_lines(("a", "b"), [{"a": 1, "b": None, "c": 3}, {"b": "x\ny"}]))
    ['a,b', '1,', ',"x\ny"']
    """
    last = _Last()
    out = csv.DictWriter(last, columns, extrasaction="ignore", lineterminator="\n")
    out.writeheader()
    yield last.text[:-1]
    for row in rows:
        out.writerow(row)
        yield last.text[:-1]

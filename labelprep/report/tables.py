"""Rows as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def csv_of(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Some columns of rows, UTF-8; None and what a row lacks are empty.

    >>> csv_of(("a", "b"), [{"a": 1, "b": None, "c": 3}])
    b'a,b\\n1,\\n'
    """
    text = io.StringIO(newline="")
    out = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    out.writeheader()
    out.writerows(rows)
    return text.getvalue().encode()

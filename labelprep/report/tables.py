"""Rows as CSV."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from labelprep.storage.csv_lines import csv_lines


def csv_of(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Some columns of rows, UTF-8; None and what a row lacks are empty.

    >>> csv_of(("a", "b"), [{"a": 1, "b": None, "c": 3}])
    b'a,b\\n1,\\n'
    """
    return "".join(f"{line}\n" for line in csv_lines(columns, rows)).encode()

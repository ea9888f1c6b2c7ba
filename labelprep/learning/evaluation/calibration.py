"""How far a model's confidence and its entropy can be trusted: values of fixed bins. numpy alone."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 15  # of confidence, as in Guo et al. 2017
DOUBT = 20  # of entropy


def reliability(bins: NDArray[np.int64], unit: float) -> list[dict[str, Any]]:
    """The reliability curve: one row per bin of confidence.

    Args:
        bins: (3, M) pixels, right pixels and sum of confidence of equal bins over (0, 1].
        unit: of the sums.

    Returns:
        Rows of `low`, `high`, `pixels`, `accuracy` and `confidence` (mean), the last two None in an empty bin.
    """
    rows = []
    for n, (pixels, right, total) in enumerate(bins.T.tolist()):
        rows.append(
            {"low": n / bins.shape[1], "high": (n + 1) / bins.shape[1], "pixels": pixels}
            | {"accuracy": right / pixels if pixels else None, "confidence": total * unit / pixels if pixels else None}
        )
    return rows


def calibration_errors(rows: list[dict[str, Any]]) -> dict[str, float | None]:
    """`ece`, the mean gap of accuracy and confidence weighted by pixels, and `mce`, the largest; None without pixels.

    Guo et al. 2017, arXiv 1706.04599, over top-label confidence.
    """
    held = [row for row in rows if row["pixels"]]
    gaps = [abs(row["accuracy"] - row["confidence"]) for row in held]
    pixels = sum(row["pixels"] for row in held)
    if not pixels:
        return {"ece": None, "mce": None}
    return {
        "ece": math.fsum(gap * row["pixels"] for gap, row in zip(gaps, held, strict=True)) / pixels,
        "mce": max(gaps),
    }


def entropy_error(doubt: NDArray[np.int64]) -> list[dict[str, Any]]:
    """The entropy-against-error curve: one row per bin of normalised entropy, from the surest up.

    Args:
        doubt: (2, E) pixels and wrong pixels of equal bins over [0, 1].

    Returns:
        Rows of `low`, `high`, `pixels`, `wrong`, `error` (the bin's share of wrong pixels), `coverage` (share of all
        pixels that are at least as sure) and `error_covered` (their share of wrong pixels); None for 0/0.
    """
    rows = []
    pixels, wrong = doubt.cumsum(1).tolist()
    whole = pixels[-1]
    for n, (here, bad) in enumerate(doubt.T.tolist()):
        rows.append(
            {
                "low": n / doubt.shape[1],
                "high": (n + 1) / doubt.shape[1],
                "pixels": here,
                "wrong": bad,
                "error": bad / here if here else None,
                "coverage": pixels[n] / whole if whole else None,
                "error_covered": wrong[n] / pixels[n] if pixels[n] else None,
            }
        )
    return rows

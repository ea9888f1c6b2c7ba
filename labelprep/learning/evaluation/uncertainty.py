"""How far a model's confidence can be trusted: `uncertainty.json`, and two curves as CSV. No torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from labelprep.learning.evaluation.calibration import calibration_errors, entropy_error, reliability
from labelprep.learning.evaluation.results import write_csv, write_json

if TYPE_CHECKING:
    from labelprep.learning.evaluation.readout import Sums


def uncertainty_values(sums: Sums, unit: float) -> dict[str, Any]:
    """`pixels`, `cross_entropy`, `entropy_mean`, `ece`, `mce` and the curves `reliability` and `entropy_error`.

    Args:
        sums: over the set.
        unit: of its sums.
    """
    pixels = sums.pixels
    curve = reliability(sums.bins, unit)
    return {
        "pixels": pixels,
        "cross_entropy": sums.nll * unit / pixels if pixels else None,
        "entropy_mean": sums.entropy * unit / pixels if pixels else None,
        **calibration_errors(curve),
        "reliability": curve,
        "entropy_error": entropy_error(sums.doubt),
    }


def write_uncertainty(out: Path, values: dict[str, Any]) -> None:
    """Writes `uncertainty.json`, `reliability.csv` and `entropy_error.csv`.

    Raises:
        EnvironmentFailure: disk full, no permission.
    """
    write_json(out / "uncertainty.json", values)
    for name in ("reliability", "entropy_error"):
        write_csv(out / f"{name}.csv", tuple(values[name][0]), values[name])

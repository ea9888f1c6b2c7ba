"""Frozen specs: the dataset, the stages and the whole chain, as commands build them and `read_spec` reads them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from labelprep.spec.dataset import DatasetSpec
from labelprep.spec.derived import ExportStage, TileStage
from labelprep.spec.evaluation import EvalStage, PredictStage
from labelprep.spec.stage import Stage
from labelprep.spec.stages import (
    REFERENCES,
    AnyStage,
    ConvertStage,
    RawStage,
    ReportStage,
    Spec,
    SplitStage,
    ValidateStage,
    WeightsStage,
)
from labelprep.spec.training import TrainStage

__all__ = [
    "REFERENCES",
    "AnyStage",
    "ConvertStage",
    "DatasetSpec",
    "EvalStage",
    "ExportStage",
    "PredictStage",
    "RawStage",
    "ReportStage",
    "Spec",
    "SplitStage",
    "Stage",
    "TileStage",
    "TrainStage",
    "ValidateStage",
    "WeightsStage",
    "read_spec",
]


def read_spec(path: Path | str, overrides: Sequence[str] = ()) -> Spec:
    """The spec in a YAML file; see `labelprep.spec.reading.read_spec`.

    Raises:
        SpecError: with every problem, one line each.
    """
    from labelprep.spec import reading  # the YAML reader, which commands without a spec do not need

    return reading.read_spec(path, overrides)

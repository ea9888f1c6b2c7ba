"""The stages of a spec, one model each. Commands build the same models from their options."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, Strict, model_validator

from labelprep.spec.dataset import DatasetSpec
from labelprep.spec.derived import Dominated, ExportStage, TileStage
from labelprep.spec.evaluation import EvalStage, PredictStage
from labelprep.spec.fields import (
    Anywhere,
    Clip,
    FileName,
    Flag,
    Model,
    OnDisk,
    Positive,
    Regex,
    Whole,
    refuse,
)
from labelprep.spec.stage import Stage
from labelprep.spec.training import TrainStage

MAX_STAGES = 200


def _check_ratios(ratios: tuple[float, ...]) -> tuple[float, ...]:
    if not 2 <= len(ratios) <= 3 or not math.isclose(sum(ratios), 1, abs_tol=1e-6):
        refuse("2 or 3 shares (train, val, test) that add up to 1")
    return ratios


Ratios = Annotated[tuple[Positive, ...], AfterValidator(_check_ratios)]
Bits = Annotated[int, Strict(), Field(ge=0, le=10)]
Folds = Annotated[int, Strict(), Field(ge=2, le=1000)]


class RawStage(Stage):
    """A stage that reads the raw dataset; dataset words in it hold for it alone and gather in `dataset`."""

    dataset: Mapping[str, Any] = Field(default_factory=dict, description="dataset words that hold for this stage alone")

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        words = {word: value for word, value in values.items() if word in DatasetSpec.model_fields}
        if not words:
            return values
        rest = {word: value for word, value in values.items() if word not in words}
        return rest | {"dataset": {**rest.get("dataset", {}), **words}}

    def dataset_of(self, common: DatasetSpec | None) -> DatasetSpec:
        """The dataset as this stage reads it: the common words under its own.

        Raises:
            pydantic.ValidationError: where its words are wrong, or no root is given in either.
        """
        words = {} if common is None else common.model_dump(exclude_unset=True)
        return DatasetSpec.model_validate({**words, **self.dataset})


class ValidateStage(RawStage):
    """Every fault of every file."""

    use: Literal["validate"] = "validate"
    fail_on: Literal["error", "warning", "never"] = Field("error", description="least severity that fails")
    suspects: OnDisk | None = Field(
        None, description="labels that a model contradicts: suspects.jsonl, or the folder of an evaluation or run"
    )
    similar: Bits | None = Field(
        None,
        description="find images of two splits whose perceptual hashes differ in BITS of 64 or fewer: 0 to 10",
    )


class ConvertStage(RawStage):
    """Raw masks to a prepared folder."""

    use: Literal["convert"] = "convert"
    link: Literal["none", "hard", "copy"] = Field(
        "none", description="how images get into the prepared folder: referenced, hard-linked or copied"
    )


class SplitStage(Stage):
    """Lists of keys for training, validation and test, written into the prepared folder."""

    use: Literal["split"] = "split"
    data: Anywhere | None = Field(None, description="prepared folder")
    ratios: Ratios = Field((0.8, 0.2), description="shares of train, val and, if three, test; they add up to 1")
    folds: Folds | None = Field(None, description="N folds instead of ratios: fold0-train, fold0-val, fold1-train, …")
    seed: Whole = Field(0, description="seed of the shuffle")
    group_by: Regex | None = Field(None, description="regular expression; keys with the same match stay together")
    similar: Bits | None = Field(
        None,
        description="keep images together whose perceptual hashes differ in BITS of 64 or fewer: 0 to 10",
    )
    stratify: Flag = Field(False, description="spread rare classes over the splits")
    drop_dominated: Dominated = Field(
        (), description="CLASS:SHARE: leave out frames that the class fills to that share or more, and list them"
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.folds is not None and "ratios" in self.model_fields_set:
            refuse("either ratios or folds, and not both")
        return self


class WeightsStage(Stage):
    """Class weights from exact pixel counts, written into the prepared folder."""

    use: Literal["weights"] = "weights"
    data: Anywhere | None = Field(None, description="prepared folder")
    split: str | None = Field(None, description="count this split alone")
    method: Literal[
        "inverse", "inverse-sqrt", "inverse-square", "median-frequency", "enet", "effective-number", "none"
    ] = Field("inverse", description="how a class's share becomes its weight")
    normalize: Literal["mean", "sum", "none"] = Field("mean", description="present classes average 1, or add up to 1")
    absent: Literal["zero", "max", "error"] = Field("zero", description="weight of a class that never appears")
    clip: Clip | None = Field(None, description="LO HI: clip before normalising")
    write: Annotated[
        tuple[Literal["json", "npy", "pt", "csv", "yaml", "mmseg", "keras"], ...],
        Field(min_length=1),
    ] = Field(("json",), description="file formats")
    name: FileName = Field("class_weights", description="file name without its ending")


class ReportStage(Stage):
    """Pages, plots and tables about what earlier stages wrote."""

    use: Literal["report"] = "report"
    sources: tuple[Anywhere, ...] = Field((), description="prepared folders, training runs and evaluations")


AnyStage = Annotated[
    ValidateStage
    | ConvertStage
    | SplitStage
    | WeightsStage
    | TileStage
    | ExportStage
    | TrainStage
    | EvalStage
    | PredictStage
    | ReportStage,
    Field(discriminator="use"),
]

# Parameters that also take the name of a stage.
REFERENCES = ("data", "weights", "checkpoint", "pred", "sources", "suspects")


class Spec(Model):
    """A whole spec: one dataset and the stages that work on it, in the order of the file."""

    version: Literal[1] = Field(1, description="version of the spec's format")
    out: OnDisk | None = Field(None, description="folder of the run")
    dataset: DatasetSpec | None = Field(None, description="the raw dataset and how to read it")
    stages: dict[str, AnyStage] = Field(description="stages, by name", min_length=1, max_length=MAX_STAGES)

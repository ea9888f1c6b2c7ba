"""A spec with its folders filled in, as stages in the order in which they run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from labelprep.errors import UsageError
from labelprep.spec import REFERENCES, ConvertStage, DatasetSpec, RawStage, Spec, SplitStage, Stage, WeightsStage
from labelprep.spec.graph import ancestors, as_names, edges, order
from labelprep.stages import Inputs, StageResult


@dataclass(frozen=True)
class Chain:
    """A spec ready to run.

    Attributes:
        spec: the spec.
        folder: the run folder, which holds the record and the stages without an `out` of their own.
        stages: the stages by name, each before those that need it; every `out` filled in but those of `split` and
            `weights`, which write into the prepared folder.
        needs: the stages that each one mentions.
    """

    spec: Spec
    folder: Path
    stages: dict[str, Stage]
    needs: dict[str, tuple[str, ...]]

    @classmethod
    def of(cls, spec: Spec, source: Path | str) -> Self:
        """The chain of a spec that was read from `source`, whose name stands in for a missing run folder."""
        outs = (s.out for s in spec.stages.values() if isinstance(s, ConvertStage))
        first = next((out for out in outs if isinstance(out, Path)), None)
        folder = spec.out or (first.parent if first else Path("build") / Path(source).stem)
        needs = edges(spec.stages)
        stages = {name: _with_out(name, spec.stages[name], folder) for name in order(needs)}
        return cls(spec, folder, stages, needs)

    def chosen(self, names: Sequence[str]) -> tuple[str, ...]:
        """The named stages and what they need, in order; all of them where none is named.

        Raises:
            UsageError: for a name that the spec does not have.
        """
        for name in names:
            if name not in self.stages:
                from labelprep.nearest import did_you_mean

                message = f"no stage named {name!r}; there are: {', '.join(self.stages)}"
                raise UsageError(message + did_you_mean(name, self.stages))
        wanted = {before for name in names for before in (name, *ancestors(name, self.needs))}
        return tuple(name for name in self.stages if name in wanted or not names)

    def dataset(self, name: str) -> DatasetSpec | None:
        """The raw dataset as a stage reads it; None for stages that start from a prepared folder."""
        stage = self.stages[name]
        return stage.dataset_of(self.spec.dataset) if isinstance(stage, RawStage) else None

    def inputs(self, name: str, results: dict[str, StageResult]) -> Inputs:
        """The results of the stages that one needs: those that its parameters name first, then the nearest ones."""
        return Inputs(tuple((self.use(n), results[n]) for n in self.before(name)))

    def raw(self, name: str) -> DatasetSpec | None:
        """The raw dataset behind the masks that a stage reads."""
        return next((dataset for n in self.before(name) if (dataset := self.dataset(n)) is not None), None)

    def before(self, name: str) -> tuple[str, ...]:
        """The stages whose results one reads, in the order in which it finds them."""
        named = [n for key in REFERENCES for n in as_names(getattr(self.stages[name], key, None)) if n in self.stages]
        return tuple(dict.fromkeys((*named, *ancestors(name, self.needs))))

    def params(self, name: str, results: dict[str, StageResult]) -> Stage:
        """The stage's parameters with the folders of the stages that they name in place of the names."""
        stage = self.stages[name]
        update: dict[str, Any] = {}
        for key in REFERENCES:
            value = getattr(stage, key, None)
            named = [n for n in as_names(value) if n in self.stages]
            if not named:
                continue
            if isinstance(value, tuple):
                update[key] = tuple(results[str(v)].out if str(v) in named else v for v in value)
            else:
                out = results[named[0]].out
                update[key] = str(out) if isinstance(value, str) else out
        return stage.model_copy(update=update)

    def use(self, name: str) -> str:
        """The kind of a stage: the name of its module."""
        return str(self.stages[name].use)  # type: ignore[attr-defined]  # every concrete stage has one


def _with_out(name: str, stage: Stage, folder: Path) -> Stage:
    if stage.out is not None or isinstance(stage, SplitStage | WeightsStage):
        return stage
    return stage.model_copy(update={"out": folder / name})

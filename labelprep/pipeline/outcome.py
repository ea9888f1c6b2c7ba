"""What a run did, or would do: a value for each stage and one for all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from labelprep.errors import LabelprepError
from labelprep.stages import StageResult

State = Literal["would run", "ran", "up to date", "failed", "not reached"]


@dataclass(frozen=True)
class Step:
    """One stage of a run, planned or done.

    Attributes:
        stage: its name.
        use: its kind.
        state: what happened to it, or would.
        why: why it runs; empty where it does not.
        result: what it left behind, now or earlier; None where there is nothing.
        seconds: how long it took.
        error: what it ended in, where the run kept going.
    """

    stage: str
    use: str
    state: State
    why: str = ""
    result: StageResult | None = None
    seconds: float = 0.0
    error: LabelprepError | None = None

    @property
    def exit_code(self) -> int:
        """Its own, or that of the error that it ended in."""
        if self.error is not None:
            return self.error.exit_code
        return self.result.exit_code if self.result is not None else 0


@dataclass(frozen=True)
class Outcome:
    """A whole run.

    Attributes:
        steps: all chosen stages in order.
        exit_code: 0, or that of the stage that failed.
    """

    steps: tuple[Step, ...]
    exit_code: int = 0

    @property
    def ran(self) -> tuple[str, ...]:
        """Names of the stages that ran."""
        return tuple(step.stage for step in self.steps if step.state in ("ran", "failed"))

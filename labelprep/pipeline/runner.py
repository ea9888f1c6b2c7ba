"""Plans a chain against the record of the last run, and runs what is out of date."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, cast

from labelprep.atomic import sweep_temporary
from labelprep.errors import InterruptedRunError
from labelprep.interrupts import struck_by
from labelprep.lock import exclusive
from labelprep.pipeline.chain import Chain
from labelprep.pipeline.keys import Parts, changes, fingerprint, key_of, stage_parts
from labelprep.pipeline.record import Entry, Record
from labelprep.place import to_place
from labelprep.spec import DatasetSpec
from labelprep.stages import Inputs, RunContext, StageResult

State = Literal["would run", "ran", "up to date", "failed", "not reached"]


class StageModule(Protocol):
    """What a module of `labelprep.stages` offers."""

    VERSION: int

    def run(self, params: Any, inputs: Inputs, context: RunContext) -> StageResult:
        """Runs the stage."""


def find_stage(use: str) -> StageModule:
    """The module of a kind of stage, imported when it is asked for."""
    return cast("StageModule", importlib.import_module(f"labelprep.stages.{use}"))


def raw_fingerprint(dataset: DatasetSpec) -> str:
    """Fingerprint of the raw files from names, sizes, times and what is unpaired; opens no picture.

    Raises:
        LayoutError: where the dataset has no pairs or its layout is in doubt.
    """
    from labelprep.scratch import scratch
    from labelprep.steps.discover import discover

    with scratch() as folder:
        plan = discover(dataset, folder)
        table = fingerprint(to_place(plan.class_table)) if plan.class_table else None
        found = [finding.to_dict() for finding in plan.findings()]
        return key_of({"samples": plan.fingerprint(), "findings": found, "table": table})


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
    """

    stage: str
    use: str
    state: State
    why: str = ""
    result: StageResult | None = None
    seconds: float = 0.0


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


class Runner:
    """Plans and runs a chain.

    Args:
        chain: the stages.
        context: what they share; its dataset, `overwrite` and `chained` are filled in for each stage.
        again: the command that goes on after a failure, for messages.
        find: gives the module of a kind of stage.
        fingerprint: gives the fingerprint of a raw dataset's files.
    """

    def __init__(
        self,
        chain: Chain,
        context: RunContext,
        *,
        again: str,
        find: Callable[[str], StageModule] = find_stage,
        fingerprint: Callable[[DatasetSpec], str] = raw_fingerprint,
    ) -> None:
        self.chain = chain
        self.context = context
        self.again = again
        self.find = find
        self.fingerprint = fingerprint
        self.record = Record(chain.folder)
        self.seen: dict[DatasetSpec, str] = {}

    def plan(self, names: Sequence[str] = (), *, force: bool = False) -> Outcome:
        """What a run would do, as far as can be known before it; touches nothing.

        Args:
            names: stages to bring up to date, with what they need; all where empty.
            force: run the named stages, or all, also where they are up to date.

        Raises:
            UsageError: for an unknown name, or raw data that cannot be found.
        """
        steps: dict[str, Step] = {}
        for name in self.chain.chosen(names):
            waits = [n for n in self.chain.needs[name] if steps[n].state == "would run"]
            entry = self.record.entries.get(name)
            why = "--force" if force and name in (names or self.chain.stages) else self._reason(name, steps, waits)
            state: State = "would run" if why else "up to date"
            steps[name] = Step(name, self.chain.use(name), state, why, entry.result if entry and not why else None)
        return Outcome(tuple(steps.values()))

    def run(
        self,
        names: Sequence[str] = (),
        *,
        force: bool = False,
        keep_going: bool = False,
        on_step: Callable[[Step], None] = lambda _: None,
    ) -> Outcome:
        """Runs what is out of date, stage by stage, until one fails.

        Args:
            names: as in `plan`.
            force: as in `plan`.
            keep_going: go on behind a stage that finished in part (exit code 3).
            on_step: is told of every stage when it is done, found up to date, or not reached.

        Raises:
            UsageError: for an unknown name.
            EnvironmentFailure: where another run holds the run folder.
            InterruptedRunError: stopped by the user.
            LabelprepError: whatever a stage raises.
        """
        chosen = self.chain.chosen(names)
        steps: dict[str, Step] = {}
        with exclusive(self.chain.folder):
            sweep_temporary(self.record.path.parent)
            self.record = Record(self.chain.folder)  # another run may have ended meanwhile
            for name in chosen:
                forced = force and name in (names or self.chain.stages)
                failed = next((s for s in steps.values() if _stops(s, keep_going)), None)
                steps[name] = (
                    Step(name, self.chain.use(name), "not reached", f"{failed.stage} failed")
                    if failed
                    else self._step(name, steps, forced)
                )
                on_step(steps[name])
        exit_code = next((s.result.exit_code for s in steps.values() if s.state == "failed" and s.result), 0)
        return Outcome(tuple(steps.values()), exit_code)

    def _step(self, name: str, steps: Mapping[str, Step], forced: bool) -> Step:
        why = "--force" if forced else self._reason(name, steps, [])
        use, entry = self.chain.use(name), self.record.entries.get(name)
        if not why and entry:
            return Step(name, use, "up to date", result=entry.result)
        parts = self._parts(name, steps)
        key = key_of(parts)
        # what lies there may be replaced where this chain wrote it
        chained = entry is not None and entry.parts["parameters"]["out"] == parts["parameters"]["out"]
        self.record.put(name, Entry(key, parts))
        started = time.monotonic()
        result = self._call(name, steps, replace(self.context, overwrite=forced, chained=chained))
        self.record.put(name, Entry.of(key, parts, result))
        state: State = "failed" if result.exit_code else "ran"
        if result.exit_code:
            self._say_how_to_go_on(name)
        return Step(name, use, state, why, result, time.monotonic() - started)

    def _call(self, name: str, steps: Mapping[str, Step], context: RunContext) -> StageResult:
        results = {n: step.result for n, step in steps.items() if step.result is not None}
        context = replace(context, dataset=self.chain.dataset(name))
        module = self.find(self.chain.use(name))
        self.context.reporter.message(f"{name}: {self.chain.use(name)}")
        try:
            return module.run(self.chain.params(name, results), self.chain.inputs(name, results), context)
        except KeyboardInterrupt as stop:
            message = f"stopped in stage {name!r}; what is finished stays. To go on:"
            raise InterruptedRunError(message, hint=self.again, number=struck_by(stop)) from None
        except Exception:
            self._say_how_to_go_on(name)
            raise

    def _say_how_to_go_on(self, name: str) -> None:
        text = f"stage {name!r} failed; later stages were left as they are. Mend it and go on with: {self.again}"
        self.context.reporter.message(text)

    def _reason(self, name: str, steps: Mapping[str, Step], waits: Sequence[str]) -> str:
        """Why a stage has to run, or nothing; looks at the raw files only where nothing else has changed."""
        entry = self.record.entries.get(name)
        if entry is None:
            return "never run"
        if entry.exit_code is None:
            return "did not finish last time"
        if entry.exit_code:
            return f"ended with exit code {entry.exit_code} last time"
        if entry.out is not None and not to_place(entry.out).exists():
            return f"output is missing: {entry.out}"
        known = {part: value for part, value in entry.parts.items() if part not in ("inputs", "sources")}
        found = changes(known, self._own_parts(name))
        found += [f"because {other} runs" for other in waits]
        if not found:
            found = changes(entry.parts, self._parts(name, steps))
        return ", ".join(found)

    def _own_parts(self, name: str) -> Parts:
        use = self.chain.use(name)
        stage, dataset = self.chain.stages[name], self.chain.dataset(name)
        return stage_parts(stage, use, self.find(use).VERSION, dataset, self.chain.stages)

    def _parts(self, name: str, steps: Mapping[str, Step]) -> Parts:
        results = {n: step.result for n, step in steps.items() if step.result is not None}
        before = self.chain.before(name)
        parts = self._own_parts(name) | {"inputs": {n: results[n].identity for n in before}}
        raw = self.chain.raw(name)
        return parts if raw is None else parts | {"sources": self._sources(raw)}

    def _sources(self, dataset: DatasetSpec) -> str:
        if dataset not in self.seen:
            self.seen[dataset] = self.fingerprint(dataset)
        return self.seen[dataset]


def _stops(step: Step, keep_going: bool) -> bool:
    in_part = step.result is not None and step.result.exit_code == 3
    return step.state == "failed" and not (keep_going and in_part)

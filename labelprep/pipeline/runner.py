"""Plans a chain against the record of the last run, and runs what is out of date."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cache, partial

from labelprep.errors import InterruptedRunError, LabelprepError
from labelprep.interrupts import struck_by
from labelprep.pipeline.chain import Chain
from labelprep.pipeline.gone import forget_gone
from labelprep.pipeline.identities import Identities
from labelprep.pipeline.keys import LATE, changes, key_of
from labelprep.pipeline.modules import StageModule, find_stage
from labelprep.pipeline.outcome import Outcome, State, Step
from labelprep.pipeline.outputs import same, trace
from labelprep.pipeline.record import Entry, Record
from labelprep.pipeline.sources import raw_fingerprint
from labelprep.prepared import STATE
from labelprep.spec import DatasetSpec
from labelprep.stages import RunContext, StageResult
from labelprep.storage.atomic import sweep_temporary
from labelprep.storage.lock import exclusive
from labelprep.storage.place import Place, to_place
from labelprep.storage.remembered import Remembered
from labelprep.storage.scratch import scratch


class Runner:
    """Plans and runs a chain.

    Args:
        chain: the stages.
        context: what they share; its dataset, `overwrite`, `mend` and `chained` are filled in for each stage. With
            its `rehash`, every raw file and image is read, whatever its size and time.
        again: the command that goes on after a failure, for messages.
        find: gives the module of a kind of stage.
        fingerprint: gives the fingerprint of a raw dataset's files, `raw_fingerprint` by default.
    """

    def __init__(
        self,
        chain: Chain,
        context: RunContext,
        *,
        again: str,
        find: Callable[[str], StageModule] = find_stage,
        fingerprint: Callable[[DatasetSpec], str] | None = None,
    ) -> None:
        self.chain = chain
        self.context = context
        self.again = again
        self.find = find
        self.fingerprint = fingerprint or partial(raw_fingerprint, reporter=context.reporter)
        self.record = Record(chain.folder)

    def plan(self, names: Sequence[str] = (), *, force: bool = False) -> Outcome:
        """What a run would do, as far as can be known before it; touches nothing.

        Args:
            names: stages to bring up to date, with what they need; all where empty.
            force: run the named stages, or all, also where they are up to date.

        Raises:
            UsageError: for an unknown name, or raw data that cannot be found.
        """
        steps: dict[str, Step] = {}
        with self._identities(keep=False):
            for name in self.chain.chosen(names):
                waits = [n for n in self.chain.needs[name] if steps[n].state == "would run"]
                entry = self.record.entries.get(name)
                forced = force and name in (names or self.chain.stages)
                why = "--force" if forced else self._reason(name, steps, waits)
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
            keep_going: go on behind a stage that finished in part (exit code 3), and past any other that failed with
                the stages that do not need it.
            on_step: is told of every stage when it is done, found up to date, or not reached.

        Raises:
            UsageError: for an unknown name.
            EnvironmentFailure: where another run holds the run folder.
            InterruptedRunError: stopped by the user.
            LabelprepError: whatever a stage raises, unless told to keep going.
        """
        chosen = self.chain.chosen(names)
        steps: dict[str, Step] = {}
        with exclusive(self.chain.folder), self._identities(keep=True):
            sweep_temporary(self.record.path.parent)
            self.record = Record(self.chain.folder)  # another run may have ended meanwhile
            forget_gone(self.chain, self.record, self.context.reporter.message)
            forced = [name for name in chosen if force and name in (names or chosen)]
            self._remember(forced)
            for name in chosen:
                blocked = self._blocked(name, steps, keep_going)
                if blocked:
                    steps[name] = Step(name, self.chain.use(name), "not reached", f"{blocked} failed")
                else:
                    steps[name] = self._tried(name, steps, name in forced, keep_going)
                on_step(steps[name])
        return Outcome(tuple(steps.values()), next((s.exit_code for s in steps.values() if s.state == "failed"), 0))

    @contextmanager
    def _identities(self, *, keep: bool) -> Iterator[None]:
        """Opens the table of remembered hashes when it is first asked for; writes it afterwards."""
        with ExitStack() as opened:

            @cache
            def hashes() -> Remembered:
                file = self.chain.folder / STATE / "hashes.jsonl"
                table = Remembered(opened.enter_context(scratch()), file, trust=not self.context.rehash)
                opened.callback(table.close)
                return table

            version = lambda use: self.find(use).VERSION  # noqa: E731
            self.identities = Identities(self.chain, version, self.fingerprint, hashes)
            yield
            if keep and hashes.cache_info().currsize:
                hashes().save()

    def _remember(self, forced: Sequence[str]) -> None:
        """Notes what --force asked for, so that the run which goes on after a stop does it too."""
        for name in forced:
            if entry := self.record.entries.get(name):
                self.record.put(name, replace(entry, forced=True))

    def _blocked(self, name: str, steps: Mapping[str, Step], keep_going: bool) -> str | None:
        """The failed stage that a stage has to wait for."""
        needed = self.chain.before(name) if keep_going else steps
        for step in (steps[n] for n in needed if n in steps):
            if step.state == "not reached":
                return step.why.removesuffix(" failed")
            if step.state == "failed" and not (keep_going and step.exit_code == 3):
                return step.stage
        return None

    def _tried(self, name: str, steps: Mapping[str, Step], forced: bool, keep_going: bool) -> Step:
        """A stage, or how it failed."""
        try:
            return self._step(name, steps, forced)
        except InterruptedRunError:
            raise
        except LabelprepError as error:
            if not keep_going:
                raise
            self.context.reporter.message(f"error: {error}")
            return Step(name, self.chain.use(name), "failed", error.message, error=error)

    def _step(self, name: str, steps: Mapping[str, Step], forced: bool) -> Step:
        use, entry = self.chain.use(name), self.record.entries.get(name)
        why = "--force" if forced else self._reason(name, steps, [])
        if not why and entry:
            if (out := entry.result.out) is not None:  # what could not be removed when the stage ran
                sweep_temporary(out)
                sweep_temporary(out / STATE)
            return Step(name, use, "up to date", result=entry.result)
        results = _results(steps)
        parts = self.identities.full(name, results)
        # what lies there may be replaced where this chain wrote it
        chained = entry is not None and entry.parts["parameters"]["out"] == parts["parameters"]["out"]
        context = replace(
            self.context,
            dataset=self.chain.dataset(name),
            overwrite=forced or (entry is not None and entry.forced),
            mend=entry is not None and not self._intact(name, entry),
            chained=chained,
        )
        self.record.put(name, Entry(key_of(parts), parts))
        started = time.monotonic()
        result = self._call(name, results, context)
        seconds = time.monotonic() - started
        if moved := changes(parts, parts | self.identities.own(name)):
            self.context.reporter.message(f"{', '.join(moved)} while stage {name!r} ran")
            result = replace(result, exit_code=result.exit_code or 3)
        output = trace(use, result, self._folders())
        self.record.put(name, Entry.of(key_of(parts), parts, result, output))
        if result.exit_code:
            self._say_how_to_go_on(name, result.exit_code)
        return Step(name, use, "failed" if result.exit_code else "ran", why, result, seconds)

    def _call(self, name: str, results: dict[str, StageResult], context: RunContext) -> StageResult:
        module = self.find(self.chain.use(name))
        self.context.reporter.message(f"{name}: {self.chain.use(name)}")
        try:
            return module.run(self.chain.params(name, results), self.chain.inputs(name, results), context)
        except KeyboardInterrupt as stop:
            message = f"stopped in stage {name!r}; what is finished stays. To go on:"
            raise InterruptedRunError(message, hint=self.again, number=struck_by(stop)) from None
        except Exception:
            self._say_how_to_go_on(name, 2)
            raise

    def _say_how_to_go_on(self, name: str, exit_code: int) -> None:
        how = {1: "found what it must not let pass", 3: "finished in part"}.get(exit_code, "failed")
        text = f"stage {name!r} {how}; later stages were left as they are. Mend it and go on with: {self.again}"
        if exit_code == 3:
            text += f"\nor go on without the rest: {self.again} --keep-going"
        self.context.reporter.message(text)

    def _reason(self, name: str, steps: Mapping[str, Step], waits: Sequence[str]) -> str:
        """Why a stage has to run, or nothing; looks at the raw files only where nothing else has changed."""
        entry = self.record.entries.get(name)
        if entry is None:
            return "never run"
        if entry.forced:
            return "--force was stopped last time"
        if entry.exit_code is None:
            return "did not finish last time"
        if entry.exit_code:
            return f"ended with exit code {entry.exit_code} last time"
        if entry.out is not None and not to_place(entry.out).exists():
            return f"output is missing: {entry.out}"
        if self.context.rehash and self.chain.dataset(name) is not None:
            return "--rehash"
        beforehand = {part: value for part, value in entry.parts.items() if part not in LATE}
        found = changes(beforehand, self.identities.own(name))
        found += [f"because {other} runs" for other in waits]
        if not found:
            found = changes(entry.parts, self.identities.full(name, _results(steps)))
        if not found and not self._intact(name, entry):
            found = [f"output was changed by somebody else: {entry.out}"]
        return ", ".join(found)

    def _intact(self, name: str, entry: Entry) -> bool:
        return same(self.chain.use(name), entry.result, entry.output, self._folders())

    def _folders(self) -> list[Place]:
        return [stage.out for stage in self.chain.stages.values() if stage.out is not None]


def _results(steps: Mapping[str, Step]) -> dict[str, StageResult]:
    return {name: step.result for name, step in steps.items() if step.result is not None}

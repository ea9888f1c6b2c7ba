"""The mapper that needs no workers: one batch after another, in a guard child or in this very process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from typing import TypeAlias

from labelprep import batch as batches
from labelprep.execution.guard import Guard, Limits
from labelprep.execution.pieces import Runner, for_a_while
from labelprep.execution.watch import Watch

Work: TypeAlias = Callable[[bytes], Iterator[bytes]]
"""From one batch to the answers of its samples, one after another, in order; a function of a module."""

Mapper: TypeAlias = Callable[[Work, Iterable[bytes]], Iterator[bytes]]
"""From the batches to their answers, joined; a batch may give several such lists, and they come in any order."""

NOTHING = batches.join([])


class Here:
    """Works in this process, where a file that crashes takes everything along."""

    def __init__(self, work: Work) -> None:
        self.work = work

    def run(self, batch: bytes, go_on: Callable[[], bool] = lambda: True) -> tuple[bytes, bytes | None]:
        """As `Guard.run`; a file that memory does not suffice for is named here too."""
        answers: list[bytes] = []
        try:
            for answer in self.work(batch):
                answers.append(answer)
                if not go_on():
                    break
            else:
                return batches.join(answers), None
        except MemoryError:
            message = "needs more memory than this process can have"
            answers.append(batches.answer_for(batch, len(answers), "out-of-memory", message))
        return batches.join(answers), batches.part(batch, len(answers))

    def close(self) -> None:
        """Has nothing to let go of."""


def runner(work: Work, limits: Limits | None) -> Runner:
    """A guard, or this process where there are no limits."""
    return Here(work) if limits is None else Guard(name_of(work), limits)


def name_of(work: Work) -> str:
    """`module:name`, by which another process finds the function.

    >>> name_of(name_of)
    'labelprep.execution.inline:name_of'
    """
    return f"{work.__module__}:{work.__qualname__}"


def map_inline(limits: Limits | None, watch: Watch) -> Mapper:
    """The mapper that computes batch after batch, in order, each when it is asked for.

    Args:
        limits: what one file may take; None works in this process.
        watch: is asked after every sample whether to go on.
    """

    def mapper(work: Work, blobs: Iterable[bytes]) -> Iterator[bytes]:
        with closing(runner(work, limits)) as worker:
            for blob in blobs:
                rest: bytes | None = blob
                while rest is not None and watch.go_on():
                    answers, rest = for_a_while(worker, rest, watch.go_on)
                    if answers != NOTHING:
                        yield answers
                watch.end_if_asked()

    return mapper

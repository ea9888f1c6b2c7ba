"""Whoever works on a batch gives the rest of it back after a while; nothing is lost or done twice."""

from __future__ import annotations

import pytest

from labelprep.execution import pieces
from labelprep.execution.inline import Here
from labelprep.execution.pieces import for_a_while
from tests.execution import work
from tests.execution.work import batch, keys_of


class Clock:
    """Moves on by `step` seconds whenever a sample is worked on."""

    def __init__(self, step):
        self.now, self.step = 0.0, step

    def monotonic(self):
        return self.now

    def work(self, blob):
        for answer in work.echo(blob):
            self.now += self.step
            yield answer


def to_the_end(runner, blob):
    rounds, rest = [], blob
    while rest is not None:
        answers, rest = for_a_while(runner, rest)
        rounds.append(keys_of([answers]))
    return rounds


@pytest.mark.parametrize(("step", "rounds"), [(0.0001, 1), (0.01, 3), (0.5, 17)])
def test_long_batches_come_back_after_a_while_and_short_ones_do_not(monkeypatch, step, rounds):
    clock = Clock(step)
    monkeypatch.setattr(pieces, "time", clock)
    keys = [str(n) for n in range(400 if step < 0.1 else 100)]

    done = to_the_end(Here(clock.work), batch(*keys))

    assert [key for each in done for key in each] == keys
    assert len(done) <= rounds
    assert all(len(each) * step <= max(pieces.LONG + pieces.PIECE + step, pieces.FIRST * step) for each in done)


def test_what_a_runner_leaves_stands_before_what_it_never_saw():
    class Quits(Here):
        def run(self, blob, go_on=lambda: True):
            return super().run(blob, lambda: False)

    answers, rest = for_a_while(Quits(work.echo), batch(*(str(n) for n in range(20))))

    assert keys_of([answers]) == ["0"]
    assert keys_of([Here(work.echo).run(rest)[0]]) == [str(n) for n in range(1, 20)]


def test_no_further_piece_is_begun_when_the_run_is_to_stop():
    asked = iter([True] * (pieces.FIRST - 1) + [False] * 100)

    answers, rest = for_a_while(Here(work.echo), batch(*(str(n) for n in range(20))), lambda: next(asked))

    assert len(keys_of([answers])) == pieces.FIRST
    assert len(keys_of([Here(work.echo).run(rest)[0]])) == 20 - pieces.FIRST

"""Work that is over at once is not worth a word; work that takes a while is told of, and so is its end."""

from __future__ import annotations

from labelprep.stages._progress import Late


class Reports(list):
    def progress(self, what, done, total, **figures):
        self.append((what, done, total))

    def message(self, text):
        raise AssertionError(text)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_short_work_is_not_told_of():
    told = Reports()
    late = Late(told, "files found", clock=Clock())
    for _ in range(1000):
        late()
    late.end()

    assert told == []


def test_long_work_is_told_of_twice_a_second_and_at_its_end():
    told, clock = Reports(), Clock()
    late = Late(told, "files found", clock=clock)
    for second in range(1, 5):
        clock.now = 0.3 * second
        late(10)
    late(0)
    late.end()

    assert told == [("files found", 20, None), ("files found", 40, None), ("files found", 40, 40)]


def test_a_sign_of_life_counts_nothing():
    told, clock = Reports(), Clock()
    late = Late(told, "publish", 3, clock)
    late()
    for second in range(1, 4):
        clock.now = second
        late(0)
    late.end()

    assert told == [("publish", 1, 3)] * 3 + [("publish", 3, 3)]

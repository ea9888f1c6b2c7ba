import warnings

import pytest
import torch
from torch.optim import lr_scheduler

from labelprep.learning.training.schedule import factor, make_scheduler


def rates(scheduler, optimizer, steps):
    seen = []
    for _ in range(steps):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return seen


def fresh():
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.4)


@pytest.mark.parametrize(
    ("schedule", "theirs"),
    [
        ("constant", lambda o: lr_scheduler.ConstantLR(o, factor=1)),
        ("poly", lambda o: lr_scheduler.PolynomialLR(o, total_iters=11, power=0.9)),
        ("cosine", lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=11)),
    ],
)
def test_rates_are_those_of_torchs_own_schedulers(schedule, theirs):
    mine, other = fresh(), fresh()
    wanted = rates(theirs(other), other, 11)
    assert rates(make_scheduler(mine, schedule=schedule, steps=11), mine, 11) == pytest.approx(wanted, rel=1e-6)


def test_the_warm_up_rises_in_even_steps_and_the_fall_starts_behind_it():
    optimizer = fresh()
    seen = rates(make_scheduler(optimizer, schedule="cosine", steps=14, warmup=4), optimizer, 14)
    assert seen[:5] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.4])
    other = fresh()
    assert seen[4:] == pytest.approx(rates(lr_scheduler.CosineAnnealingLR(other, T_max=10), other, 10))


def test_a_rate_depends_on_the_step_alone():
    """So that a run that goes on has the same rates, to the last bit."""
    optimizer = fresh()
    scheduler = make_scheduler(optimizer, schedule="poly", steps=9, warmup=2)
    whole = rates(scheduler, optimizer, 9)
    again = fresh()
    restored = make_scheduler(again, schedule="poly", steps=9, warmup=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first = rates(restored, again, 4)
        last = fresh()
        third = make_scheduler(last, schedule="poly", steps=9, warmup=2)
        last.load_state_dict(again.state_dict())
        third.load_state_dict(restored.state_dict())
        assert first + rates(third, last, 5) == whole


def test_the_rate_never_turns_negative_or_complex_beyond_the_end():
    assert factor(99, schedule="poly", steps=9) == factor(99, schedule="cosine", steps=9) == 0
    assert factor(0, schedule="poly", steps=1) == 1

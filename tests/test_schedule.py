"""What is due after an update, asked without training anything."""

import inspect
from pathlib import Path

import pytest

from srgan_lessons.training import loop, steps
from srgan_lessons.training.schedule import Due, Schedule


def schedule(**settings):
    common = {
        "steps": 100,
        "log_every": 10,
        "validate_every": 25,
        "checkpoint_seconds": 60.0,
        "seconds": None,
        "now": 0.0,
    }
    return Schedule(**(common | settings))


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (1, Due()),
        (10, Due(report=True)),
        (25, Due(report=True, validate=True)),  # a validation is a line of the log
        (50, Due(report=True, validate=True)),
        (99, Due()),
        (100, Due(report=True, validate=True, save=True)),  # the last update has everything
    ],
)
def test_lines_and_validations(step, expected):
    assert schedule().after(step, 1.0, stop=False) == expected


def test_nothing_is_due_at_most_updates():
    due = [bool(schedule().after(step, 1.0, stop=False)) for step in range(1, 101)]
    assert sum(due) == 10 + 2  # ten lines; 25 and 75 are no multiples of 10


def test_without_anything_to_validate():
    plan = schedule(validate_every=None)
    assert plan.after(25, 1.0, stop=False) == Due()
    assert plan.after(100, 1.0, stop=False) == Due(report=True, save=True)


def test_checkpoints_by_the_clock():
    plan = schedule()
    assert not plan.after(1, 60.0, stop=False).save
    assert plan.after(1, 60.1, stop=False) == Due(save=True)
    plan.saved = 60.1
    assert not plan.after(2, 120.0, stop=False).save
    assert plan.after(2, 120.2, stop=False).save


def test_the_end_of_the_time():
    plan = schedule(seconds=30.0, now=1000.0)
    assert not plan.out_of_time(1030.0)
    assert plan.out_of_time(1030.1)
    assert not schedule().out_of_time(1e9)
    assert plan.after(7, 1031.0, stop=True) == Due(save=True, stop=True)  # saved, and no line before its time


def test_an_update_stands_on_one_screen():
    """What lessons 04 and 07 print shows all that happens; the loop around it can be read in one sitting."""
    for step in (steps.pretrain_step, steps.gan_step):
        source = inspect.getsource(step)
        for part in ("zero_grad(", ".backward()", "average_gradients(", "scaler.step(", "scaler.update()"):
            assert part in source
    assert len(Path(loop.__file__).read_text().splitlines()) < 300

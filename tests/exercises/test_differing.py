"""Where a judge can name no error: general mistakes, and the smallest example."""

import numpy as np
import pytest
import torch

from srgan_lessons.exercises.differing import show_smallest
from srgan_lessons.exercises.exercise import NotYet


def line(x, slope):
    return slope * x - 1.25


CASES = [(np.array(x), slope) for x, slope in (([1.0], 1.0), ([1.0, 3.0], 2.0), ([-1.0, 0.5, 2.0], 3.0))]


def said(candidate, reference=line, cases=CASES, **options) -> str:
    with pytest.raises(NotYet) as caught:
        show_smallest(candidate, reference, cases, **options)
    return str(caught.value)


def test_the_first_case_that_differs_is_shown_with_both_results_and_the_advice():
    message = said(lambda x, slope: np.where(x > 2, 0, line(x, slope)), advice="Look at 3.")
    assert message == (
        "The smallest example that differs: line([1, 3], 2) gives [0.75, 0]; [0.75, 4.75] is expected. Look at 3."
    )


def test_what_is_right_passes_in_any_form():
    show_smallest(lambda x, slope: [float(slope * v - 1.25) for v in x], line, CASES)
    show_smallest(lambda x, slope: torch.as_tensor(line(x, slope), dtype=torch.bfloat16), line, CASES)


@pytest.mark.parametrize(
    ("candidate", "words"),
    [
        (lambda x, slope: -line(x, slope), "The sign is reversed"),
        (lambda x, slope: 3 * line(x, slope), "Every number is 3 times what is expected"),
        (lambda x, slope: line(x, slope) + 2, "Every number is 2 too large"),
        (lambda x, slope: abs(line(x, slope)), "have lost their sign"),
        (lambda x, slope: line(x, slope).clip(0), "Negative numbers are cut off at 0"),
        (lambda x, slope: np.trunc(line(x, slope)), "The fractions are cut off"),
        (lambda x, slope: line(x, slope).round(1), "rounded to 1 digit."),
        (lambda x, slope: line(x, slope) ** 2, "squared once too often"),
        (lambda x, slope: line(x, slope)[::-1], "in reverse order"),
        (lambda x, slope: np.roll(line(x, slope), 1), "in the wrong places"),
    ],
)
def test_general_mistakes_are_named(candidate, words):
    assert words in said(candidate)


def test_a_factor_that_would_be_shown_as_1_is_not_named():
    big = [(np.array([1000.0, 2000.0, 5000.0]), 1.0)]
    assert said(lambda x, slope: 1.00004 * line(x, slope), cases=big).startswith("The smallest example that differs")


def test_swapped_arguments_are_named():
    def gap(high, low):
        return high - 2 * low

    cases = [(1.0, 0.5), (3.0, 2.0), (7.0, 1.0)]
    message = said(lambda high, low: gap(low, high), gap, cases)
    assert message.startswith("`high` and `low` have changed places. The smallest example that differs: gap(1, 0.5)")


def test_results_that_are_no_numbers_are_compared_too():
    def names(values, least):
        return {name for name, value in values.items() if value >= least}

    message = said(lambda values, least: set(values), names, [({"a": 1, "b": 3}, 2)])
    assert "names({'a': 1, 'b': 3}, 2) gives {" in message
    assert message.endswith("{'b'} is expected.")


def test_digits_are_as_many_as_it_takes_to_tell_them_apart():
    message = said(lambda x: x + 2e-5, lambda x: x, [(np.array([27.296]),)])
    assert "gives [27.29602]; [27.296] is expected" in message


@pytest.mark.filterwarnings("error")
def test_the_reference_warns_of_nothing_when_its_arguments_are_exchanged():
    def share(part, whole):
        return part / whole

    assert "share([0, 1], [1, 2]) gives" in said(lambda part, whole: part, share, [(np.arange(2.0), np.arange(1.0, 3))])


def test_an_answer_that_stops_on_so_small_a_case_is_left_to_its_judge():
    show_smallest(lambda x, slope: line(x, slope)[1], line, CASES)

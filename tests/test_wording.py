"""Numbers as text: none is rounded over the threshold that its verdict rests on."""

import pytest

from srgan_lessons.rating.wording import against, number, p_value, span


@pytest.mark.parametrize(
    ("p", "text"),
    [(0.0469, "0.0469"), (0.04996, "0.04996"), (0.0499999, "0.0499999"), (0.05, "0.0500"), (0.05004, "0.05004"),
     (0.31, "0.31"), (1.0, "1.00"), (0.00009, "< 0.0001"), (0.0001, "0.0001")],
)  # fmt: skip
def test_a_p_value_is_on_its_own_side_of_the_threshold(p, text):
    assert p_value(p) == text
    if text[0] != "<":
        assert (float(text) < 0.05) == (p < 0.05)


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [(0.003, 0.2, "[0.003, 0.20]"), (-0.004, 0.004, "[-0.004, 0.004]"), (0.0, 0.5, "[0.00, 0.50]"),
     (-0.0, 0.5, "[0.00, 0.50]"), (float("nan"), 1, "[–, 1.00]"), (-1.006, -0.00012, "[-1.01, -0.0001]")],
)  # fmt: skip
def test_the_end_of_an_interval_is_not_called_0_where_it_is_not(low, high, text):
    assert span(low, high) == text


def test_there_is_no_negative_nothing():
    assert number(-0.001) == "0.00"
    assert number(float("inf")) == "–"


@pytest.mark.parametrize(
    ("value", "threshold", "digits", "text"),
    [(0.148, 0.15, 2, "0.148"), (0.15, 0.15, 2, "0.15"), (0.1512, 0.15, 2, "0.151"), (0.31, 0.15, 2, "0.31"),
     (5.04, 5.0, 1, "5.04"), (4.96, 5.0, 1, "4.96"), (5.0, 5.0, 1, "5.0"), (0.29996, 0.3, 2, "0.29996"),
     (float("nan"), 0.3, 2, "–")],
)  # fmt: skip
def test_a_number_is_on_its_own_side_of_a_threshold(value, threshold, digits, text):
    assert against(value, threshold, digits) == text

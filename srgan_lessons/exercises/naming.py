"""How a judge names an error: it makes the usual mistakes itself and compares the results."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from srgan_lessons.exercises.exercise import NotYet


def recognise(result: Any, slips: Mapping[str, Any], *, within: float) -> None:
    """Raises NotYet with the message of the first slip whose outcome is `result`, to within `within` everywhere.

    slips: message -> the outcome of an answer with that mistake, on the same input. This is how a check names an error:
    the judge makes the mistake itself and compares.
    """
    result = np.asarray(result, dtype=np.float64)
    for message, outcome in slips.items():
        outcome = np.asarray(outcome, dtype=np.float64)
        if outcome.shape == result.shape and np.allclose(result, outcome, rtol=0, atol=within):
            raise NotYet(message)


def apart(a: float, b: float) -> tuple[str, str]:
    """Two numbers as strings that differ, with four digits each, or with more if needed: ("27.296", "27.301")."""
    for digits in range(4, 18):
        one, other = f"{a:.{digits}g}", f"{b:.{digits}g}"
        if one != other:
            return one, other
    return repr(a), repr(b)

"""Numbers as text. A number must not contradict the verdict beside it, so none is rounded across its threshold."""

import math

ALPHA = 0.05  # a difference counts if its corrected p-value is below this


def number(value: float, digits: int = 2) -> str:
    """A number with `digits` decimals; a dash if there is none."""
    if value is None or not math.isfinite(value):
        return "–"
    text = f"{value:.{digits}f}"
    return text.removeprefix("-") if float(text) == 0 else text  # no -0.00


def span(low: float, high: float) -> str:
    """An interval. An end that is not 0 is never shown as 0."""
    return f"[{_not_zero(low)}, {_not_zero(high)}]"


def p_value(p: float) -> str:
    """A p-value, for example "0.0469", "0.31" or "< 0.0001". A p-value below or above 0.05 is never shown as 0.05."""
    if p < 0.0001:
        return "< 0.0001"
    return against(p, ALPHA, 4 if p < 0.1 else 2)


def against(value: float, threshold: float, digits: int = 2) -> str:
    """A number like `number`, with more decimals if it would otherwise be shown as a threshold that it is not."""
    while math.isfinite(value) and round(value, digits) == threshold and value != threshold and digits < 12:
        digits += 1
    return number(value, digits)


def _not_zero(value: float) -> str:
    digits = 2
    while math.isfinite(value) and value != 0 and float(number(value, digits)) == 0 and digits < 6:
        digits += 1
    return number(value, digits)

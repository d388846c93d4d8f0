"""Exercise 9.3: Wilcoxon's p-values, corrected by Holm."""

import numpy as np

from srgan_lessons.exercises.calling import call
from srgan_lessons.exercises.differing import show_smallest
from srgan_lessons.exercises.exercise import Exercise, Mistake, NotYet
from srgan_lessons.exercises.naming import recognise
from srgan_lessons.exercises.reading import as_array


def holm(p_values):
    count = len(p_values)
    corrected = np.empty(count)
    largest = 0.0
    for place, k in enumerate(np.argsort(p_values)):
        # SOLUTION
        largest = max(largest, min(1.0, (count - place) * p_values[k]))
        # STUB
        # largest = ...  # 1. the factor of this place; what else?
        # END
        corrected[k] = largest
    return corrected


HOLM_CASES = (
    (0.04, 0.001, 0.03, 0.012, 0.6),
    (0.2, 0.01, 0.011, 0.9, 0.0004, 0.0101),
    (0.02, 0.02, 0.5),
    (0.7, 0.9, 0.3),
    (0.03,),
)


def judge(candidate) -> None:
    cases = [np.array(case) for case in HOLM_CASES]
    results = [as_array(call(candidate, p), p.shape, "the array of corrected p-values") for p in cases]
    found = np.concatenate(results).astype(float)
    if all(result.dtype == bool for result in results):
        raise NotYet(
            "The result contains True and False. Return the corrected p-values: the reader compares them with 0.05."
        )
    slips = {message: np.concatenate([slip(p) for p in cases]) for message, slip in HOLM_SLIPS.items()}
    right = np.concatenate([holm(p) for p in cases])
    if np.allclose(found, right, rtol=0, atol=1e-6):
        return
    recognise(found, slips, within=1e-6)
    if (found > 1).any():
        raise NotYet(f"A corrected p-value is {found.max():.4g}. No probability is above 1, so limit it to 1.")
    small = ([0.3], [0.01, 0.02], [0.02, 0.01], [0.04, 0.01, 0.03], [0.9, 0.2, 0.6], [0.02, 0.02, 0.02])
    advice = (
        "The smallest is multiplied by the number of p-values, the next by one less, and so on. None may be below the "
        "largest before it, or above 1."
    )
    show_smallest(candidate, holm, [(np.array(p),) for p in small], advice=advice)
    for p, values in zip(cases, results, strict=True):
        for value, corrected, wanted in zip(p, values, holm(p), strict=True):
            if abs(corrected - wanted) > 1e-6:
                raise NotYet(
                    f"Of the p-values {p.tolist()}, {value:g} becomes {corrected:.4g}; it should be {wanted:.4g}. "
                    + advice
                )


def _stepped(p: np.ndarray, *, factor=lambda m, place: m - place, cap=True, rising=True, back=True, power=False):
    """Holm's method with one slip. factor: a function of the number of p-values and of the place in order, from 0."""
    order = np.argsort(p)
    factors = np.array([factor(len(p), place) for place in range(len(p))], dtype=float)
    values = 1 - (1 - p[order]) ** factors if power else factors * p[order]
    values = np.maximum.accumulate(values) if rising else values
    values = np.minimum(values, 1) if cap else values
    if not back:
        return values
    result = np.empty(len(p))
    result[order] = values
    return result


def _down(p: np.ndarray) -> np.ndarray:
    """The steps from the largest p-value down, with the largest factor first."""
    order = np.argsort(p)[::-1]
    result = np.empty(len(p))
    result[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1)
    return result


def _summed(p: np.ndarray) -> np.ndarray:
    result, order = np.empty(len(p)), np.argsort(p)
    total = 0.0
    for place, k in enumerate(order):
        total = min(1.0, total + (len(p) - place) * p[k])
        result[k] = total
    return result


def _one_before(p: np.ndarray) -> np.ndarray:
    """Each product is compared with the one just before it, not with the largest so far."""
    products = _stepped(p, rising=False, back=False)
    return np.maximum(products, [0, *products[:-1]])[np.argsort(np.argsort(p))]


def _compounded(p: np.ndarray) -> np.ndarray:
    """The largest so far is multiplied, too."""
    result, largest = np.empty(len(p)), 0.0
    for place, k in enumerate(np.argsort(p)):
        result[k] = largest = min(1.0, (len(p) - place) * max(largest, p[k]))
    return result


def _falling(p: np.ndarray, factor) -> np.ndarray:
    """Step-up methods, such as Hochberg's and Benjamini-Hochberg's: minima from the largest p-value down."""
    order = np.argsort(p)
    values = np.array([factor(len(p), place) for place in range(len(p))]) * p[order]
    result = np.empty(len(p))
    result[order] = np.minimum.accumulate(np.minimum(values, 1)[::-1])[::-1]
    return result


HOLM_SLIPS = {
    "This is Benjamini and Hochberg's factor, count / place, which promises something else (FDR). Holm multiplies the "
    "smallest by the count, the next by one less.": lambda p: _stepped(p, factor=lambda m, place: m / (place + 1)),
    "The ranks are used as places: argsort of argsort gives the rank of a p-value, but corrected[k] needs its place in "
    "the list.": lambda p: _stepped(p, back=False)[np.argsort(np.argsort(p))].take(
        np.argsort(np.argsort(np.argsort(np.argsort(p))))
    ),
    "The places are right only for sorted p-values: argsort says where each of the sorted values came from, so write "
    "result[order] = sorted values, not sorted values[order].": lambda p: _stepped(p, back=False)[np.argsort(p)],
    "The factors begin with 36, the number in the text. Begin with the number of p-values, len(p_values).": (
        lambda p: _stepped(p, factor=lambda m, place: 36 - place)
    ),
    "Each product is compared only with the one just before it. Keep the largest of all so far.": _one_before,
    "The largest so far is multiplied again. Multiply only p_values[k], then compare the product with the largest.": (
        _compounded
    ),
    "All values after the first that is above 0.05 are set to 1. Return all corrected values as they are: the reader "
    "compares them with 0.05.": lambda p: np.where((values := _stepped(p)) > 0.05, 1.0, values),
    **{
        f"The corrected values are rounded to {digits} digits. Return them as they are.": lambda p, digits=digits: (
            _stepped(p).round(digits)
        )
        for digits in (2, 3)
    },
    "The factors are squared. The smallest of five is multiplied by 5.": lambda p: _stepped(
        p, factor=lambda m, place: (m - place) ** 2
    ),
    "The factors always begin with 3. Begin with the number of p-values, len(p_values).": lambda p: _stepped(
        p, factor=lambda m, place: 3 - place
    ),
    "The largest p-value comes first here. The smallest should come first, with the largest factor.": lambda p: _down(
        p
    ),
    "The p-values are divided by the factors. Multiply them: several tests make each p-value larger.": lambda p: (
        _stepped(p, factor=lambda m, place: 1 / (m - place))
    ),
    "All values are 0: min(largest, ...) stays at 0, where it begins. Keep the largest: max(largest, ...).": lambda p: (
        0 * p
    ),
    "The products are added up. Keep the largest so far, not their sum.": lambda p: np.minimum(_summed(p), 1),
    "The values are limited to 0.05. Limit them to 1, because no probability is above 1.": lambda p: np.minimum(
        _stepped(p), 0.05
    ),
    "All values are 1. Does `largest` begin at 1? Begin at 0.": lambda p: np.ones(len(p)),
    "The values are in per cent. Return probabilities, from 0 to 1.": lambda p: 100 * _stepped(p),
    "This is 1 - p. Multiply p itself.": lambda p: 1 - p,
    "The p-values are unchanged. The smallest of five must be multiplied by 5.": lambda p: p,
    "This is Bonferroni: all are multiplied by their number. Holm multiplies the smallest by the count, the next by "
    "one less, and so on.": lambda p: np.minimum(len(p) * p, 1),
    "This is Bonferroni, and it goes above 1. Holm multiplies the smallest by the count, the next by one less, and so "
    "on.": lambda p: len(p) * p,
    "The corrected values are in order of size. Put each one where its p-value was.": lambda p: _stepped(p, back=False),
    "A larger p-value has a smaller corrected value than the one before it. Keep the largest so far: none may be below "
    "it.": lambda p: _stepped(p, rising=False),
    "A larger p-value has a smaller corrected value than the one before it, and some are above 1. Keep the largest so "
    "far, and limit all values to 1.": lambda p: _stepped(p, rising=False, cap=False),
    "Some corrected values are above 1. No probability is above 1, so limit them to 1.": lambda p: _stepped(
        p, cap=False
    ),
    "The factors are one too small: the smallest of five is multiplied by 5, not by 4. (Places are counted from 0.)": (
        lambda p: _stepped(p, factor=lambda m, place: m - place - 1)
    ),
    "The factors are one too large: the smallest of five is multiplied by 5, not by 6. Does enumerate begin at 0?": (
        lambda p: _stepped(p, factor=lambda m, place: m - place + 1)
    ),
    "The factors go the wrong way: the smallest p-value gets the largest factor, the number of p-values.": (
        lambda p: _stepped(p, factor=lambda m, place: place + 1)
    ),
    "The factors depend on the place of a p-value in the list, not on its size. Sort first: argsort gives k, and the "
    "p-value to multiply is p_values[k], not p_values[place].": lambda p: np.minimum(
        np.maximum.accumulate((len(p) - np.arange(len(p))) * p), 1
    ),
    "The factors depend on the place of a p-value in the list, not on its size, and the largest so far is not kept. "
    "Sort first: argsort gives k, and the p-value to multiply is p_values[k].": lambda p: np.minimum(
        (len(p) - np.arange(len(p))) * p, 1
    ),
    "This is Benjamini-Hochberg, which limits the share of false alarms among the differences shown. Holm limits the "
    "probability of even one: the factors are count, count - 1, ..., and the largest so far is kept.": lambda p: (
        _falling(p, lambda m, place: m / (place + 1))
    ),
    "This is Hochberg's method, which takes minima from the largest p-value down. Holm goes from the smallest up and "
    "keeps the largest so far.": lambda p: _falling(p, lambda m, place: m - place),
    "This is Holm with Šidák's power, 1 - (1 - p)^k. Plain Holm multiplies: k p.": lambda p: _stepped(p, power=True),
}


EXERCISE = Exercise(
    name="holm",
    lesson=9,
    place=3,
    title="Wilcoxon's p-values, corrected by Holm",
    difficulty="medium",
    minutes=7,
    reference=holm,
    judge=judge,
    hints=(
        "Place 0 has the smallest p-value, and its factor is count. What is the factor of place 1, and of the last?",
        "The factor is count - place. The product must not be above 1, nor below the largest so far.",
        "largest = max(largest, min(1.0, (count - place) * p_values[k])).",
    ),
    mistakes=(
        Mistake(
            "each times the number of tests",
            says="This is Bonferroni",
            ask="How many hypotheses are left at the second step?",
        ),
        Mistake(
            "results in sorted order",
            says="Put each one where its p-value was",
            ask="To which pair does the first value that you return belong?",
        ),
    ),
)

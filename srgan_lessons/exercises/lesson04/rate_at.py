"""Exercise 4.3: warm-up and cosine."""

import numpy as np

from srgan_lessons.exercises.calling import call
from srgan_lessons.exercises.differing import show_smallest
from srgan_lessons.exercises.exercise import Exercise, Mistake, NotYet
from srgan_lessons.exercises.naming import recognise
from srgan_lessons.exercises.reading import as_number


def rate_at(step, steps, peak):
    rise = steps // 10
    # SOLUTION
    if step < rise:
        return peak * (step + 1) / rise
    return peak * 0.5 * (1 + np.cos(np.pi * (step - rise) / (steps - rise)))
    # STUB
    # if step < rise:
    #     return ...  # 1. the warm-up
    # return ...  # 2. the cosine
    # END


def judge(candidate) -> None:
    for steps, peak in ((60, 3e-3), (200, 4e-4), (47, 1e-3), (58, 2e-3), (7, 2e-3)):
        at = np.arange(steps)
        try:
            result = np.array([as_number(call(candidate, int(step), steps, peak), "the learning rate") for step in at])
        except ZeroDivisionError:
            if steps >= 10:
                raise
            continue  # np.where computes both pieces, and the exercise does not mention runs without a warm-up
        right = np.array([rate_at(step, steps, peak) for step in at])
        if np.abs(result - right).max() <= 1e-5 * peak:  # float32, and pi as 3.1416, are enough
            continue
        if steps < 10:
            said = _at(int(np.abs(result - right).argmax()), steps, result, right, peak)
            raise NotYet(
                f"With fewer than ten updates, R is 0: there is no warm-up, and the cosine begins at once. {said}"
            )
        if steps % 10:
            _name_rise(result / peak, at, steps, result, right, peak)
        recognise(result / peak, {text: rates for text, rates in _schedules(at, steps).items()}, within=1e-4)
        recognise(result / peak, _without_brackets(at, steps, peak), within=1e-4)
        _name_length(result / peak, at, steps)
        rise = steps // 10
        for part, where in (("warm-up", slice(0, rise)), ("cosine", slice(rise, None))):
            times, rest = result[where] / right[where], np.delete(result - right, np.arange(steps)[where])
            factor = abs(times[0] - 1) > 0.005 and np.ptp(times) <= 1e-3 * np.abs(times).max()
            if factor and np.abs(rest).max() <= 1e-6 * peak:
                raise NotYet(
                    f"In the {part}, and only there, the rate is {times[0]:.3g} times what is expected. Is a factor "
                    f"missing there, or used twice, such as the peak ({peak:g} in this call)?"
                )
        times = result / right
        if abs(times[0] - 1) > 0.005 and np.ptp(times) <= 1e-3 * times.max():
            raise NotYet(
                f"The rate is always {times[0]:.3g} times what is expected; the peak is {peak:g} in this call."
            )
        off = np.abs(result - right)
        place = ""
        if off[:rise].max() <= 1e-6 * peak:
            place = "The warm-up is right, but the cosine is not."
        elif off[rise:].max() <= 1e-6 * peak:
            place = "The cosine is right, but the warm-up is not."
        show_smallest(candidate, rate_at, SMALL, place=place)
        raise NotYet(f"{_at(int(off.argmax()), steps, result, right, peak)} {place}".strip())


SMALL = ((0, 10, 1.0), (1, 10, 1.0), (0, 20, 1.0), (1, 20, 1.0), (2, 20, 1.0), (11, 20, 1.0), (19, 20, 3.0))


def _name_length(shares: np.ndarray, at: np.ndarray, steps: int) -> None:
    """Raises NotYet if everything is right except the length of the warm-up."""
    for rise in (*range(1, steps // 10), *range(steps // 10 + 1, steps)):
        down = 0.5 * (1 + np.cos(np.pi * (at - rise) / (steps - rise)))
        if np.allclose(shares, np.where(at < rise, (at + 1) / rise, down), rtol=0, atol=1e-4):
            raise NotYet(
                f"The warm-up takes {rise} of {steps} updates. It must take a tenth, {steps // 10}: rise = steps // 10."
            )


def _name_rise(
    shares: np.ndarray, at: np.ndarray, steps: int, result: np.ndarray, right: np.ndarray, peak: float
) -> None:
    """Raises NotYet for an answer that is wrong only if the number of updates is not a multiple of ten."""
    said = _at(int(np.abs(result - right).argmax()), steps, result, right, peak)
    floor = "R is S / 10 rounded down, steps // 10"
    raise NotYet(f"It is right only if the number of updates is a multiple of ten. {floor}. {said}")


def _at(step: int, steps: int, result: np.ndarray, right: np.ndarray, peak: float) -> str:
    share, wanted = result[step] / peak, right[step] / peak
    return f"In update {step} of {steps}, the rate is {share:.3f} of the peak; {wanted:.3f} is expected."


def _without_brackets(at: np.ndarray, steps: int, peak: float) -> dict[str, np.ndarray]:
    """The result if brackets are missing or pi is rounded, as a share of the peak."""
    rise = steps // 10
    share = (at - rise) / (steps - rise)
    up, cosine = (at + 1) / rise, np.cos(np.pi * share)
    first = "Brackets are missing in the fraction: step - rise and steps - rise are computed before the division."
    fractions = (
        np.pi * at - rise / (steps - rise),
        np.pi * (at - rise) / steps - rise,
        np.pi * (at - rise / (steps - rise)),
        np.pi * ((at - rise) / steps - rise),
        np.pi * at - rise / steps - rise,
    )
    brackets = "The brackets around 1 + cos(...) are missing: the whole sum is multiplied by half of the peak."
    return {
        first + " " * i: np.where(at < rise, up, 0.5 * (1 + np.cos(angle))) for i, angle in enumerate(fractions)
    } | {
        "In the warm-up, the brackets around step + 1 are missing.": np.where(
            at < rise, at + 1 / (rise * peak), 0.5 + 0.5 * cosine
        ),
        "In the warm-up, the brackets around step + 1 are missing. ": np.where(
            at < rise, at + 1 / rise, 0.5 + 0.5 * cosine
        ),
        "pi is rounded. Take np.pi.": np.where(at < rise, up, 0.5 * (1 + np.cos(3.14 * share))),
        "pi is rounded. Take np.pi. ": np.where(at < rise, up, 0.5 * (1 + np.cos(3.142 * share))),
        brackets: np.where(at < rise, up, 0.5 + cosine / peak),
        f"{brackets} ": np.where(at < rise, up, 1 / peak + 0.5 * cosine),
        f"{brackets}  ": np.where(at < rise, up, 1 + 0.5 * cosine),
    }


def _schedules(at: np.ndarray, steps: int) -> dict[str, np.ndarray]:
    """The result of each usual mistake at those steps, as a share of the peak."""
    rise = steps // 10
    share = (at - rise) / (steps - rise)
    up, down = (at + 1) / rise, 0.5 * (1 + np.cos(np.pi * share))

    def joined(first: np.ndarray, then: np.ndarray) -> np.ndarray:
        return np.where(at < rise, first, then)

    whole = 0.5 * (1 + np.cos(np.pi * at / steps))
    both = "The warm-up and the cosine are multiplied. Use one after the other."
    return {
        "The warm-up does not reach the peak: it is divided by rise + 1, not by rise.": joined(
            (at + 1) / (rise + 1), down
        ),
        "The warm-up is divided by steps, so it ends at a tenth of the peak: divide by rise.": joined(
            (at + 1) / steps, down
        ),
        "The warm-up falls. It must rise to the peak: (step + 1) / rise.": joined((rise - at) / rise, down),
        "The warm-up is squared. It rises along a straight line.": joined(up**2, down),
        both: np.minimum(up, 1) * whole,
        f"{both} ": np.minimum(up, 1) * down,
        "The cosine goes down and up again: its argument ends at 2 pi. It must end at pi.": joined(
            up, 0.5 * (1 + np.cos(2 * np.pi * share))
        ),
        "The fraction is outside the cosine. Take the cosine of pi times the fraction.": joined(
            up, 0.5 * (1 + np.cos(np.pi) * share)
        ),
        "The cosine is one update ahead. In update `rise`, it must be at the peak: step - rise, not step + 1 - rise.": (
            joined(up, 0.5 * (1 + np.cos(np.pi * (at + 1 - rise) / (steps - rise))))
        ),
        "The rate does not change with the step. It must rise over the first tenth, then fall to 0.": np.ones(steps),
        "The first update has a rate of 0, so it is wasted. Steps count from 0: take (step + 1) / rise.": joined(
            at / rise, down
        ),
        "There is no warm-up: the rate must rise over the first tenth of the updates.": whole,
        "The cosine must begin when the warm-up ends: with (step - rise) / (steps - rise), not step / steps.": joined(
            up, whole
        ),
        "The cosine ends too early or too late: from update `rise` to the end, there are steps - rise updates.": joined(
            up, 0.5 * (1 + np.cos(np.pi * (at - rise) / steps))
        ),
        "There is no warm-up, but the cosine still begins at `rise`: before that, the rate must rise.": down,
        "The cosine begins in update 0, not where the warm-up ends: step - rise, not step.": joined(
            up, 0.5 * (1 + np.cos(np.pi * at / (steps - rise)))
        ),
        "This is a sine. Take the cosine, which begins at 1 and ends at -1.": joined(
            up, 0.5 * (1 + np.sin(np.pi * share))
        ),
        "np.pi is missing: the argument of the cosine goes from 0 to pi, half a turn.": joined(
            up, 0.5 * (1 + np.cos(share))
        ),
        "The cosine reaches 0 one update too early. It must not reach 0 before update S: divide by steps - "
        "rise.": joined(up, 0.5 * (1 + np.cos(np.pi * (at - rise) / (steps - rise - 1)))),
        "The warm-up has one update too many: the condition is step < rise, not <=.": np.where(at <= rise, up, down),
        "// cuts off the fractions in the warm-up: divide with /.": joined((at + 1) // rise, down),
        "In the warm-up, the rate is 0. Does // cut off its fractions? Divide with /.": joined(np.zeros(steps), down),
        "The rate falls along a straight line. It must fall along a cosine: slowly, fast, slowly.": joined(
            up, 1 - share
        ),
        "After the warm-up, the rate stays at the peak. It must fall to 0 along the cosine.": joined(
            up, np.ones(steps)
        ),
        "The rate never stops rising: after a tenth of the updates, the cosine takes over.": up,
        "The rate falls to minus the peak, because the cosine goes from 1 to -1. Add 1, and halve it.": joined(
            up, np.cos(np.pi * share)
        ),
        "The rate begins to fall from twice the peak: 1 + cos goes from 2 to 0. Halve it.": joined(up, 2 * down),
        "The cosine is upside down: it rises from 0 to the peak. Use 1 + cos, not 1 - cos.": joined(up, 1 - down),
        "np.cos takes radians: half a turn is np.pi, not 180.": joined(up, 0.5 * (1 + np.cos(180 * share))),
        "The cosine goes only half of the way: its argument ends at pi / 2. It must end at pi.": joined(
            up, 0.5 * (1 + np.cos(np.pi / 2 * share))
        ),
        "This is a quarter of a cosine, pi / 2. Half a turn is pi, and 1 + cos of it goes from 2 to 0.": joined(
            up, np.cos(np.pi / 2 * share)
        ),
        "This is the paper's drop to a tenth. It must be a warm-up and a cosine.": np.where(at < steps // 2, 1, 0.1),
        "This is the paper's constant rate, after a warm-up. The cosine is missing.": np.minimum(up, 1),
    }


EXERCISE = Exercise(
    name="rate_at",
    lesson=4,
    place=3,
    title="warm-up and cosine",
    difficulty="medium",
    minutes=7,
    reference=rate_at,
    judge=judge,
    hints=(
        "There are two formulas, and both give the peak where they meet. Try them by hand for steps = 20: what is the "
        "rate of update 0, of update 1, of update 2, and of update 19?",
        "In the warm-up, steps count from 0, and update 0 must already move the weights. In the cosine, 1 + cos goes "
        "from 2 to 0 while its argument goes from 0 to np.pi.",
        "First peak * (step + 1) / rise, then peak * 0.5 * (1 + np.cos(np.pi * (step - rise) / (steps - rise))).",
    ),
    mistakes=(
        Mistake(
            "the cosine over the whole run",
            says="must begin when the warm-up ends",
            ask="What is the rate right after the warm-up?",
        ),
        Mistake("a warm-up that begins at 0", says="rate of 0, so it is wasted", ask="What does update 0 do?"),
    ),
)

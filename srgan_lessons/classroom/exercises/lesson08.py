"""Lesson 08, Measuring: the PSNR of a set, SSIM in one window, the front of the plane, and the paper's Table 2."""

import numpy as np

from srgan_lessons import UserError
from srgan_lessons.classroom.judges.measuring import (
    FRONT_SLIPS,
    PLANES,
    SET_SLIPS,
    SSIM_SLIPS,
    blocks,
    set_photos,
    set_psnr,
    ssim_of,
    ssim_windows,
)
from srgan_lessons.classroom.judging import Exercise, NotDone, NotYet, as_array, as_number, call, recognise
from srgan_lessons.evaluation import paper_table
from srgan_lessons.metrics import psnr
from srgan_lessons.resize import imresize

# --- the PSNR of a set -----------------------------------------------------------------------------------------------


def psnr_of_set(enlarge, photos):
    values = []
    for hr in photos:
        height, width = (n // 4 * 4 for n in hr.shape[:2])
        hr = hr[:height, :width]  # whole tiles of 4 x 4
        lr = imresize(hr, 1 / 4)
        values.append(psnr(enlarge(lr), hr))
    return np.mean(values)


def judge_psnr_of_set(candidate) -> None:
    photos = set_photos()
    try:
        result = call(candidate, blocks, photos)
    except UserError as error:
        if "differ in size" in str(error):
            raise NotYet(
                f"psnr says: {error}. A photo of 51 x 65 pixels has an LR image of 13 x 17, and that is enlarged to "
                "52 x 68. Cut HR to a multiple of 4 first, then make LR from what is left."
            ) from error
        raise
    values = as_array(result)
    if values.shape == (len(photos),):
        raise NotYet("One value for each photo came back. One number is expected: their mean.")
    found = as_number(result)
    right = set_psnr(photos)
    if abs(found - right) <= 1e-6:
        return
    recognise(found, {message: set_psnr(photos, **slip) for message, slip in SET_SLIPS.items()}, within=1e-4)
    raise NotYet(
        f"On four small photos the result is {found:.3f}, and should be {right:.3f} dB. Print psnr(enlarge(lr), hr) "
        "of each photo: does each of them look right?"
    )


# --- SSIM in one window ----------------------------------------------------------------------------------------------


def ssim_index(a, b, weights):
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mean_a, mean_b = (weights * a).sum(), (weights * b).sum()
    var_a = (weights * (a - mean_a) ** 2).sum()
    var_b = (weights * (b - mean_b) ** 2).sum()
    cov = (weights * (a - mean_a) * (b - mean_b)).sum()
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    contrast_structure = (2 * cov + c2) / (var_a + var_b + c2)
    return luminance * contrast_structure


def judge_ssim_index(candidate) -> None:
    windows = ssim_windows()
    found = np.array([_one_index(call(candidate, *window)) for window in windows])
    right = np.array([ssim_of(*window) for window in windows])
    if np.allclose(found, right, rtol=0, atol=1e-6):
        return
    slips = {message: [ssim_of(*window, **slip) for window in windows] for message, slip in SSIM_SLIPS.items()}
    slips["Negative values are cut off. SSIM is below 0 where contrasts are reversed: let it be."] = right.clip(0)
    recognise(found, slips, within=1e-6)
    wrong = int(np.argmax(np.abs(found - right) > 1e-6))
    what = ("alike", "with contrasts reversed", "a ramp and its mirror image", "dark", "flat and dark")[wrong]
    raise NotYet(
        f"For two windows that are {what} the result is {found[wrong]:.4f}; it should be {right[wrong]:.4f}. Print the "
        "means, the variances and the covariance, then each fraction."
    )


def _one_index(result) -> float:
    array = np.asarray(result)
    if array.dtype.kind == "f" and array.size == 1 and np.isnan(array).any():
        raise NotYet("Of two flat windows it makes 0 / 0. The constants c1 and c2 are there to prevent that.")
    if array.ndim == 2:
        raise NotYet(
            f"The result has the shape {array.shape}: a number for each pixel. One number a window is expected; is a "
            ".sum() missing?"
        )
    return as_number(result)


# --- the front -------------------------------------------------------------------------------------------------------


def pareto_front(methods):
    front = set()
    for name, (decibels, distance) in methods.items():
        better = [
            other
            for other, (p, d) in methods.items()
            if p >= decibels and d <= distance and (p, d) != (decibels, distance)
        ]
        if not better:
            front.add(name)
    return front


def judge_pareto_front(candidate) -> None:
    found = [_names(call(candidate, dict(methods)), methods) for methods in PLANES]
    right = [pareto_front(methods) for methods in PLANES]
    if found == right:
        return
    for message, slip in FRONT_SLIPS.items():
        if found == [slip(methods) for methods in PLANES]:
            raise NotYet(message)
    if not any(found):
        raise NotYet("No method is ever on the front. Is each one compared with itself? Nobody dominates himself.")
    if found == [set(methods) for methods in PLANES]:
        raise NotYet("Every method is on the front. Some are beaten in both numbers: leave them out.")
    for methods, names, wanted in zip(PLANES, found, right, strict=True):
        if extra := sorted(names - wanted):
            p, d = methods[extra[0]]
            by = next(
                other for other, (q, e) in methods.items() if q >= p and e <= d and (q, e) != (p, d)
            )  # there is one, or it would be on the front
            raise NotYet(
                f"Of {methods}, {extra[0]!r} is on your front. It is dominated: {by!r} is at least as good in both."
            )
        if missing := sorted(wanted - names):
            raise NotYet(f"Of {methods}, {missing[0]!r} is missing: no other one is at least as good in both numbers.")


def _names(result, methods: dict) -> set[str]:
    if result is ...:
        raise NotDone("The result is `...`, the placeholder.")
    if result is None:
        raise NotYet("The result is None. Is the `return` missing?")
    if isinstance(result, str) or not isinstance(result, set | frozenset | list | tuple | dict):
        raise NotYet(f"The result is of type {type(result).__name__}; a set of names is expected.")
    if any(name is ... for name in result):
        raise NotDone("The result holds `...`, the placeholder.")
    if strange := [name for name in result if name not in methods]:
        raise NotYet(f"{strange[0]!r} is no name of a method. Return names, not numbers or pairs.")
    return set(result)


# --- the paper's Table 2 ---------------------------------------------------------------------------------------------

TABLE2_READING = {
    "highest PSNR on BSD100": "SRResNet",
    "highest MOS of a method on Set5": "SRGAN",
    "methods above SRGAN's PSNR on BSD100": 6,
    "dB that SRGAN gives up to SRResNet": 2.51,
    "sets where SRGAN's SSIM is below bicubic's": ["Set14", "BSD100"],
}


def judge_table2_reading(candidate) -> None:
    if not isinstance(candidate, dict):
        raise NotYet(f"It is of type {type(candidate).__name__}; a dict with five answers is expected.")
    if missing := [key for key in TABLE2_READING if key not in candidate]:
        raise NotYet(f"The answer {missing[0]!r} is missing. Keep the five keys as they were.")
    if left := [key for key in TABLE2_READING if candidate[key] is ...]:
        raise NotDone(f"{len(left)} of 5 answers are still `...`, the first is {left[0]!r}.")
    table = {(row.set, row.method): row for row in paper_table(2)}
    best, liked, above, given_up, below = (candidate[key] for key in TABLE2_READING)
    _judge_best(best)
    _judge_liked(liked)
    _judge_above(above)
    _judge_given_up(given_up, [table[name, "SRResNet"].psnr - table[name, "SRGAN"].psnr for name in SETS])
    _judge_below(below, table)


SETS = ("Set5", "Set14", "BSD100")


def _judge_best(best) -> None:
    if best == "DRCN":
        raise NotYet("Highest PSNR on BSD100: DRCN has 27.21 dB. One has more: look at the other end of the table.")
    if best == "SRGAN":
        raise NotYet("Highest PSNR on BSD100: SRGAN has 25.16 dB there, less than bicubic. Did you read the MOS?")
    if best != "SRResNet":
        raise NotYet(f"Highest PSNR on BSD100: {best!r} is not right. Write the name as it stands in the table.")


def _judge_liked(liked) -> None:
    if liked == "HR":
        raise NotYet("Highest MOS of a method: HR is the photo itself, no method. Which method comes next?")
    if liked == "SRResNet":
        raise NotYet("Highest MOS on Set5: SRResNet has 3.37. One method has more, although its PSNR is lower.")
    if liked != "SRGAN":
        raise NotYet(f"Highest MOS of a method on Set5: {liked!r} is not right. Write the name as in the table.")


def _judge_above(above) -> None:
    above = as_number(above, "the number of methods above SRGAN")
    if above == 7:
        raise NotYet("Not all seven others are above SRGAN's 25.16 dB on BSD100: look at nearest.")
    if above == 1:
        raise NotYet("One method is *below* SRGAN's 25.16 dB on BSD100. How many are above?")
    if above != 6:
        raise NotYet(f"{above:g} methods are not right. SRGAN has 25.16 dB on BSD100: count the PSNRs above it.")


def _judge_given_up(given_up, each: list[float]) -> None:
    given_up, mean = as_number(given_up, "what SRGAN gives up"), float(np.mean(each))
    if abs(given_up - mean) <= 0.02:
        return
    if abs(given_up + mean) <= 0.02:
        raise NotYet("What SRGAN gives up is a number above 0: SRResNet's PSNR less SRGAN's.")
    for name, value in zip(SETS, each, strict=True):
        if abs(given_up - value) <= 0.006:
            raise NotYet(f"{given_up:.2f} dB is the loss on {name}. Take the mean of the three sets.")
    if abs(given_up - sum(each)) <= 0.03:
        raise NotYet("This is the sum over the three sets. Divide it by 3.")
    raise NotYet(
        f"{given_up:.2f} dB is not right. For each set, subtract SRGAN's PSNR from SRResNet's; then take the mean."
    )


def _judge_below(below, table: dict) -> None:
    if isinstance(below, str) or not isinstance(below, list | tuple | set | frozenset):
        raise NotYet('The sets are expected as a list, for example ["Set5"], also where it is one alone.')
    if strange := [name for name in below if name not in SETS]:
        raise NotYet(f"{strange[0]!r} is not one of the sets {', '.join(SETS)}.")

    def sets_below(value: str, other: str) -> set[str]:
        return {n for n in SETS if getattr(table[n, "SRGAN"], value) < getattr(table[n, other], value)}

    below, right = set(below), sets_below("ssim", "bicubic")
    if below == right:
        return
    if below == set(SETS) - right:
        raise NotYet("There SRGAN's SSIM is *above* bicubic's. The others are asked for.")
    if below == sets_below("psnr", "bicubic"):
        raise NotYet("There SRGAN's PSNR is below bicubic's. The question is about SSIM, the number behind it.")
    if below == set(SETS):
        raise NotYet("On Set5 SRGAN has an SSIM of .8472 and bicubic .8211: not below. Were you thinking of SRResNet?")
    raise NotYet("The sets are not right yet. Compare two numbers a set: the SSIM of SRGAN and the SSIM of bicubic.")


# --- declared --------------------------------------------------------------------------------------------------------

EXERCISES = (
    Exercise(
        name="psnr_of_set",
        lesson=8,
        title="the PSNR of a set",
        difficulty="medium",
        minutes=7,
        stub="""
            def psnr_of_set(enlarge, photos):
                values = []
                for hr in photos:
                    hr = ...  # 1. cut at the bottom and on the right, to a multiple of 4
                    lr = ...  # 2. the LR image
                    values.append(...)  # 3. the method's PSNR on this photo
                return ...  # 4. one number
            """,
        reference=psnr_of_set,
        judge=judge_psnr_of_set,
        hints=(
            "What does 50 // 4 * 4 give? And which is taken first, the mean or the logarithm?",
            "Cut with slices: hr[:height, :width]. LR is imresize(hr, 1 / 4), made from the cut photo. psnr(sr, hr) "
            "gives the decibels of one photo.",
            "height, width = (n // 4 * 4 for n in hr.shape[:2]); values.append(psnr(enlarge(lr), hr)); at the end "
            "np.mean(values).",
        ),
    ),
    Exercise(
        name="ssim_index",
        lesson=8,
        title="SSIM in one window",
        difficulty="medium",
        minutes=8,
        stub="""
            def ssim_index(a, b, weights):
                c1, c2 = ...  # 1. the two constants
                mean_a, mean_b = (weights * a).sum(), (weights * b).sum()
                var_a = ...  # 2. the weighted variances
                var_b = ...
                cov = ...  # 3. and the weighted covariance
                luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
                contrast_structure = ...  # 4. the second fraction
                return luminance * contrast_structure
            """,
        reference=ssim_index,
        judge=judge_ssim_index,
        hints=(
            "A weighted variance is a weighted mean, too: of what?",
            "var_a = (weights * (a - mean_a) ** 2).sum(). The covariance has one factor of a and one of b. The "
            "constants are (0.01 * 255) ** 2 and (0.03 * 255) ** 2.",
            "cov = (weights * (a - mean_a) * (b - mean_b)).sum(), and the second fraction is "
            "(2 * cov + c2) / (var_a + var_b + c2).",
        ),
    ),
    Exercise(
        name="table2_reading",
        lesson=8,
        title="reading Table 2",
        difficulty="easy",
        minutes=5,
        stub="""
            table2_reading = {
                "highest PSNR on BSD100": ...,  # a method's name
                "highest MOS of a method on Set5": ...,  # a method's name
                "methods above SRGAN's PSNR on BSD100": ...,  # how many
                "dB that SRGAN gives up to SRResNet": ...,  # mean of the three sets, two digits
                "sets where SRGAN's SSIM is below bicubic's": ...,  # a list of names
            }
            """,
        reference=TABLE2_READING,
        solution="""
            table2_reading = {
                "highest PSNR on BSD100": "SRResNet",
                "highest MOS of a method on Set5": "SRGAN",
                "methods above SRGAN's PSNR on BSD100": 6,
                "dB that SRGAN gives up to SRResNet": 2.51,
                "sets where SRGAN's SSIM is below bicubic's": ["Set14", "BSD100"],
            }
            """,
        judge=judge_table2_reading,
        hints=(
            "Each cell holds PSNR / SSIM / MOS. The last column, HR, is the photo itself: it has only a MOS.",
            "SRResNet less SRGAN: 32.05 - 29.40 on Set5, and so on; then the mean. For SSIM compare the middle numbers "
            "of the columns bicubic and SRGAN.",
            "SRResNet; SRGAN; six, for only nearest is below 25.16; (2.65 + 2.47 + 2.42) / 3; all sets but Set5.",
        ),
    ),
    Exercise(
        name="pareto_front",
        lesson=8,
        title="who is not dominated?",
        difficulty="medium",
        minutes=6,
        stub="""
            def pareto_front(methods):
                front = set()
                for name, (decibels, distance) in methods.items():
                    better = ...  # 1. the names of all methods that dominate this one
                    if not better:
                        front.add(name)
                return front
            """,
        reference=pareto_front,
        judge=judge_pareto_front,
        hints=(
            "Higher is better in one number, lower in the other. And what about a method that is just as good in both?",
            "Loop over methods.items() once more: p >= decibels and d <= distance, and not both equal.",
            "better = [other for other, (p, d) in methods.items() if p >= decibels and d <= distance and "
            "(p, d) != (decibels, distance)].",
        ),
    ),
)

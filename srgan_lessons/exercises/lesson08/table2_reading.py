"""Exercise 8.3: reading Table 2."""

import numpy as np

from srgan_lessons.evaluation import paper_table
from srgan_lessons.exercises.exercise import Exercise, Mistake, NotDone, NotYet, source_of
from srgan_lessons.exercises.reading import as_number

table2_reading = {
    # SOLUTION
    "highest PSNR on BSD100": "SRResNet",
    "highest MOS of a method on Set5": "SRGAN",
    "methods above SRGAN's PSNR on BSD100": 6,
    "dB that SRGAN gives up to SRResNet": 2.51,
    "sets where SRGAN's SSIM is below bicubic's": ["Set14", "BSD100"],
    # STUB
    # "highest PSNR on BSD100": ...,  # a method's name
    # "highest MOS of a method on Set5": ...,  # a method's name
    # "methods above SRGAN's PSNR on BSD100": ...,  # how many
    # "dB that SRGAN gives up to SRResNet": ...,  # mean of the three sets, two digits
    # "sets where SRGAN's SSIM is below bicubic's": ...,  # a list of names
    # END
}


def judge(candidate) -> None:
    if not isinstance(candidate, dict):
        raise NotYet(f"The result is of type {type(candidate).__name__}; a dict with five answers is expected.")
    if missing := [key for key in table2_reading if key not in candidate]:
        raise NotYet(f"The answer {missing[0]!r} is missing. Keep the five keys as they were.")
    if left := [key for key in table2_reading if candidate[key] is ...]:
        raise NotDone(
            f"{len(left)} of 5 answers {'is' if len(left) == 1 else 'are'} still `...`. The first is {left[0]!r}."
        )
    table = {(row.set, row.method): row for row in paper_table(2)}
    best, liked, above, given_up, below = (candidate[key] for key in table2_reading)
    _judge_best(best)
    _judge_liked(liked)
    _judge_above(above)
    _judge_given_up(given_up, [table[name, "SRResNet"].psnr - table[name, "SRGAN"].psnr for name in SETS])
    _judge_below(below, table)


SETS = ("Set5", "Set14", "BSD100")


def _judge_name(name, what: str) -> None:
    """Raises NotYet for a name that is no method of the paper's table."""
    if name == "HR":
        raise NotYet(f"{what}: HR is the photo itself, not a method. Which method comes next?")
    if isinstance(name, str) and "ours" in name:
        raise NotYet(f"{what}: {name!r} is one of our rows. Read the paper's rows.")


def _judge_best(best) -> None:
    _judge_name(best, "Highest PSNR on BSD100")
    if best == "DRCN":
        raise NotYet(
            "Highest PSNR on BSD100: DRCN has 27.21 dB. One method has more: look at the other end of the table."
        )
    if best == "SRGAN":
        raise NotYet("Highest PSNR on BSD100: SRGAN has 25.16 dB there, less than bicubic. Did you read the MOS?")
    if best != "SRResNet":
        raise NotYet(f"Highest PSNR on BSD100: {best!r:.60} is not right. Write the method's name as in the table.")


def _judge_liked(liked) -> None:
    _judge_name(liked, "Highest MOS of a method")
    if liked == "SRResNet":
        raise NotYet("Highest MOS on Set5: SRResNet has 3.37. One method has more, although its PSNR is lower.")
    if liked != "SRGAN":
        raise NotYet(
            f"Highest MOS of a method on Set5: {liked!r:.60} is not right. Write the method's name as in the table."
        )


def _judge_above(above) -> None:
    above = as_number(above, "the number of methods above SRGAN")
    if above == 7:
        raise NotYet(
            "7 is one too many. HR does not count, because it is not a method. And look at nearest: it is not above "
            "SRGAN's 25.16 dB on BSD100."
        )
    if above == 1:
        raise NotYet("One method is *below* SRGAN's 25.16 dB on BSD100. How many are above?")
    if above > 7:
        raise NotYet(
            f"{above:g} methods are too many: SRGAN has seven opponents in the paper. Our own rows do not count."
        )
    if above != 6:
        raise NotYet(f"{above:g} is not right. SRGAN has 25.16 dB on BSD100: count the methods with a higher PSNR.")


def _judge_given_up(given_up, each: list[float]) -> None:
    given_up, mean = as_number(given_up, "what SRGAN gives up"), float(np.mean(each))
    if abs(given_up - mean) <= 0.006:
        return
    if abs(given_up + mean) <= 0.02:
        raise NotYet("What SRGAN gives up is a number above 0: SRResNet's PSNR minus SRGAN's.")
    for name, value in zip(SETS, each, strict=True):
        if abs(given_up - value) <= 0.006:
            raise NotYet(f"{given_up:.2f} dB is the loss on {name}. Take the mean of the three sets.")
    if abs(given_up - mean) <= 0.05 and round(given_up, 1) == given_up:
        raise NotYet(f"{given_up:g} dB is close, but two decimals are expected: 2.5x.")
    if abs(given_up - sum(each)) <= 0.03:
        raise NotYet("This is the sum over the three sets. Divide it by 3.")
    raise NotYet(
        f"{given_up:.2f} dB is not right. For each set, subtract SRGAN's PSNR from SRResNet's, both from the paper's "
        "rows; then take the mean."
    )


def _judge_below(below, table: dict) -> None:
    below = below.tolist() if isinstance(below, np.ndarray) else below
    if isinstance(below, str) or not isinstance(below, list | tuple | set | frozenset):
        raise NotYet('The sets are expected as a list, for example ["Set5"], even if there is only one.')
    if strange := [name for name in below if name not in SETS]:
        raise NotYet(f"{strange[0]!r} is not one of the sets {', '.join(SETS)}.")

    def sets_below(value: str, other: str) -> set[str]:
        return {n for n in SETS if getattr(table[n, "SRGAN"], value) < getattr(table[n, other], value)}

    below, right = set(below), sets_below("ssim", "bicubic")
    if below == right:
        return
    if below == set(SETS) - right:
        raise NotYet("On these sets, SRGAN's SSIM is *above* bicubic's. The other sets are expected.")
    if below == sets_below("psnr", "bicubic"):
        raise NotYet(
            "On these sets, SRGAN's PSNR is below bicubic's. The question is about SSIM, the second number: on Set14, "
            "too, SRGAN's SSIM is below bicubic's."
        )
    if below == set(SETS):
        raise NotYet("On Set5, SRGAN's SSIM of .8472 is above bicubic's .8211. Were you thinking of SRResNet?")
    if below and below < right:
        raise NotYet(f"{min(right - below)} is missing: on this set, too, SRGAN's SSIM is below bicubic's.")
    raise NotYet("The sets are not right yet. For each set, compare two numbers: SRGAN's SSIM and bicubic's SSIM.")


EXERCISE = Exercise(
    name="table2_reading",
    lesson=8,
    place=3,
    title="reading Table 2",
    difficulty="easy",
    minutes=5,
    reference=table2_reading,
    source=source_of(__file__, "table2_reading"),
    judge=judge,
    hints=(
        "Each cell has PSNR / SSIM / MOS. HR is the photo itself: it has only a MOS.",
        "SRResNet minus SRGAN: 32.05 - 29.40 on Set5, and so on; then the mean. For SSIM, compare the middle numbers "
        "of bicubic and SRGAN.",
        "SRResNet; SRGAN; six, because only nearest is below 25.16; (2.65 + 2.47 + 2.42) / 3; all sets but Set5.",
    ),
    mistakes=(
        Mistake("the MOS read instead of the PSNR", says="Did you read the MOS", ask="Which number comes first?"),
        Mistake("the sum instead of the mean", says="Divide it by 3", ask="How many sets are there?"),
    ),
)

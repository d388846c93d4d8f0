"""Exercise 7.4: six logs."""

from srgan_lessons.exercises.exercise import Exercise, Mistake, NotDone, NotYet, source_of

diagnoses = {
    # SOLUTION
    1: "no detach",
    2: "LR kernel mismatch",
    3: "discriminator too strong",
    4: "no pretraining",
    5: "healthy",
    6: "adversarial weight too high",
    # STUB
    # 1: ...,
    # 2: ...,
    # 3: ...,
    # 4: ...,
    # 5: ...,
    # 6: ...,
    # END
}

SIGNS = {
    "healthy": "a healthy run begins above bicubic and loses little; D is ahead, but its probabilities stay away from "
    "0 and 1",
    "no pretraining": "without pretraining, the PSNR begins far below bicubic's, in the very first row, and climbs",
    "no detach": "without detach, the PSNR plunges in the first twenty updates, while D is still learning, and then D "
    "is sure for good",
    "discriminator too strong": "with a D that is too strong, D(HR) goes to 1 and D(SR) to 0. The PSNR begins well: "
    "it falls later, and less than in the other runs whose D is sure",
    "adversarial weight too high": "with too high a weight, the PSNR falls by many dB and does not come back, "
    "while D cannot make up its mind",
    "LR kernel mismatch": "with a different kernel, both probabilities look healthy, and the PSNR is a little below "
    "bicubic's from the first row to the last",
}

SIGNS_BY_NAME = {name.lower(): name for name in SIGNS}  # capitals do not matter


def judge(candidate) -> None:
    names = ", ".join(repr(name) for name in SIGNS)
    if not isinstance(candidate, dict):
        raise NotYet(f"A dict is expected (run number -> name), but this is of type {type(candidate).__name__}.")
    if any(isinstance(key, str) and key.strip().lower() in SIGNS_BY_NAME for key in candidate):
        raise NotYet("Keys and values have changed places: the run's number is the key, its diagnosis the value.")
    given = {}
    for run_number in diagnoses:
        name = candidate.get(run_number, candidate.get(str(run_number)))
        if name is ...:
            raise NotDone(f"Run {run_number} has no diagnosis yet.")
        if name is None:
            raise NotYet(f"Run {run_number} is missing. The keys are the numbers 1 to {len(diagnoses)}.")
        known = SIGNS_BY_NAME.get(name.strip().lower()) if isinstance(name, str) else None
        if known is None:
            raise NotYet(f"Run {run_number}: there is no diagnosis {name!r:.60}. The names are: {names}.")
        given[run_number] = known
    if extra := [key for key in candidate if key not in given and key not in map(str, given)]:
        raise NotYet(f"There is no run {extra[0]!r}. The keys are the numbers 1 to {len(diagnoses)}.")
    right = sum(given[run_number] == name for run_number, name in diagnoses.items())
    for run_number, name in given.items():
        if name == diagnoses[run_number]:
            continue
        twin = [other for other in given if given[other] == name and other != run_number]
        also = f" And run {twin[0]} has the same diagnosis, but each occurs once." if twin else ""
        raise NotYet(
            f"{right} of {len(diagnoses)} {'is' if right == 1 else 'are'} right. Run {run_number} is not {name!r}: "
            f"{SIGNS[name]}. Look at run {run_number} again.{also}"
        )


EXERCISE = Exercise(
    name="diagnoses",
    lesson=7,
    place=4,
    title="six logs",
    difficulty="medium",
    minutes=8,
    reference=diagnoses,
    source=source_of(__file__, "diagnoses"),
    judge=judge,
    hints=(
        "Begin with the first value of each PSNR curve. One run begins far from all the others. Then look for the "
        "runs in which D becomes sure of itself: there are two besides that one.",
        "In which of these two does the PSNR plunge at once? In the three that are left, D is not sure: one falls very "
        "far, one lies below bicubic's line from the first row on, and one begins above it and loses little.",
        "Run 4 begins far below. Runs 1 and 3 have a D that is sure, and run 1 plunges at once. Run 6 falls very far.",
    ),
    mistakes=(
        Mistake("one diagnosis for all", says="each occurs once", ask="Which line of the log decides?"),
        Mistake(
            "two logs confused",
            says="a healthy run begins above bicubic",
            ask="What does the first row say?",
        ),
    ),
)

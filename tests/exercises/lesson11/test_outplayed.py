"""Answers to exercise outplayed as students write them, and its reference against numbers from outside."""

import itertools

from answers import Answers

answers = Answers(
    "outplayed",
    sentences="""
D(HR) - D(SR) is above 0.5 :: at least; sum; ratio
find the first row **from which on** D no longer wins :: last loss; last win
nor in any later row :: first loss
that row's `"step"` :: index; row returned
None if D wins the last row :: zero for none; raises at none
""",
)


@answers.right
def backwards(log):
    lost = list(itertools.takewhile(lambda row: row["d_hr"] - row["d_sr"] <= 0.5, reversed(log)))
    return lost[-1]["step"] if lost else None


@answers.right
def by_index(log):
    wins = [i for i, row in enumerate(log) if row["d_hr"] > row["d_sr"] + 0.5]
    after = wins[-1] + 1 if wins else 0
    return log[after]["step"] if after < len(log) else None


@answers.wrong(says="D may win again after it")
def first_lost(log):
    return next((row["step"] for row in log if row["d_hr"] - row["d_sr"] <= 0.5), None)


@answers.wrong(says="the last row that D wins")
def last_won(log):
    return [row["step"] for row in log if row["d_hr"] - row["d_sr"] > 0.5][-1]


@answers.wrong(says="the number of a row")
def row_number(log):
    wins = [i for i, row in enumerate(log) if row["d_hr"] - row["d_sr"] > 0.5]
    return wins[-1] + 1 if wins else 0


@answers.wrong(says="D(HR) alone")
def only_hr(log):
    since = None
    for row in log:
        if row["d_hr"] > 0.8:
            since = None
        elif since is None:
            since = row["step"]
    return since or log[-1]["step"] + 1


@answers.wrong(says="D(SR) alone")
def only_sr(log):
    since = None
    for row in log:
        if row["d_sr"] < 0.3:
            since = None
        elif since is None:
            since = row["step"]
    return since or log[-1]["step"] + 1


@answers.wrong(says="absolute value")
def absolute(log):
    since = None
    for row in log:
        if abs(row["d_hr"] - row["d_sr"]) > 0.5:
            since = None
        elif since is None:
            since = row["step"]
    return since or log[-1]["step"] + 1


@answers.wrong(says="gives 40; None is expected")
def never_none(log):
    return outplayed_plainly(log) or log[-1]["step"]


def outplayed_plainly(log):
    wins = [i for i, row in enumerate(log) if row["d_hr"] > row["d_sr"] + 0.5]
    after = wins[-1] + 1 if wins else 0
    return log[after]["step"] if after < len(log) else None


TestAnswers = answers.tests()

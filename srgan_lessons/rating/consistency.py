"""How consistent one rater is: shown to the rater at the end."""

import statistics
from collections import defaultdict
from dataclasses import dataclass

from srgan_lessons.rating.vote import Vote
from srgan_lessons.rating.votes import Votes

GOLD_TOLERANCE = 1  # steps of the scale that an obvious score may be missed by
ONE_BUTTON, FEW = 0.15, 5  # a smaller variance of at least so many scores means one button


@dataclass(frozen=True, kw_only=True)
class Consistency:
    """One rater's votes, looked at from within.

    votes: of the main phase. median_seconds: for a vote. repeats: pictures seen twice; same and near: of those, scored
    alike, and alike within one step; difference: mean |first - second|, in steps. gold, gold_passed: hidden items with
    an obvious score, and those scored within one step. anchors, anchors_passed: the same of the training. variance: of
    the scores (n - 1). one_button: True where that is under 0.15, of five scores or more.
    """

    votes: int
    median_seconds: float | None
    repeats: int
    same: int
    near: int
    difference: float | None
    gold: int
    gold_passed: int
    anchors: int
    anchors_passed: int
    variance: float | None
    one_button: bool

    @property
    def text(self) -> str:
        """The same in sentences."""
        lines = [f"You gave {self.votes} rating" + ("s that count" if self.votes != 1 else " that counts")]
        lines[0] += f", each in about {self.median_seconds:.1f} s." if self.median_seconds is not None else "."
        if self.repeats:
            lines.append(
                f"{_pictures(self.repeats)} shown twice: {_times(self.same)} you gave the same score, "
                f"{_times(self.near)} the same or the next. "
                f"On average the two scores are {self.difference:.1f} steps apart."
            )
        if self.gold:
            passed = f"{self.gold_passed} of {self.gold}"
            lines.append(f"{_pictures(self.gold)} obvious, and you scored {passed} as expected.")
        if self.anchors:
            lines.append(f"In the training {self.anchors_passed} of {self.anchors} scores were as expected.")
        if self.one_button:
            lines.append("Nearly all your scores are the same: such votes cannot tell the methods apart.")
        return "\n".join(lines)


def _pictures(count: int) -> str:
    return "1 picture was" if count == 1 else f"{count} pictures were"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def consistency(votes: Votes) -> Consistency:
    """Looks at the votes of one rater; dummies do not count, gold items only as such."""
    counted = votes.effective()
    main = [vote for vote in counted if vote.phase == "main"]
    rated = [(vote, vote.score) for vote in main if vote.gold_expected is None and vote.score is not None]
    by_stimulus: dict[str, dict[int, int]] = defaultdict(dict)
    for vote, score in rated:
        by_stimulus[vote.stimulus][vote.repeat] = score
    apart = [abs(scores[0] - scores[1]) for scores in by_stimulus.values() if len(scores) == 2]
    gold = [vote for vote in main if vote.gold_expected is not None]
    anchors = [vote for vote in counted if vote.phase == "training"]
    variance = statistics.variance(score for _, score in rated) if len(rated) > 1 else None
    return Consistency(
        votes=len(main),
        median_seconds=statistics.median(vote.response_ms for vote in main) / 1000 if main else None,
        repeats=len(apart),
        same=apart.count(0),
        near=sum(steps <= 1 for steps in apart),
        difference=statistics.mean(apart) if apart else None,
        gold=len(gold),
        gold_passed=sum(_near(vote) for vote in gold),
        anchors=len(anchors),
        anchors_passed=sum(_near(vote) for vote in anchors),
        variance=variance,
        one_button=variance is not None and len(rated) >= FEW and variance < ONE_BUTTON,
    )


def _near(vote: Vote) -> bool:
    if vote.score is None or vote.gold_expected is None:
        return False
    return abs(vote.score - vote.gold_expected) <= GOLD_TOLERANCE
